"""What a catalogue names on this machine: secrets, certificates, playbooks, and what trains."""

import shutil
from pathlib import Path

from triage.catalog import Secret, Training
from triage.doctor.check import Finding


def readable(path: str) -> Finding:
    try:
        Path(path).read_bytes()
    except OSError as error:
        return "failed", f"{path} can't be read: {error.strerror}", "correct serve.tls"
    return "ok", path, ""


def secret(named: Secret) -> Finding:
    named.reveal()
    if named.file is not None and Path(named.file).stat().st_mode & 0o044:
        return "warning", f"{named.file} can be read by others", f"chmod 600 {named.file}"
    return "ok", f"from {'$' + named.env if named.env else named.file}", ""


def playbook(name: str, folder: Path) -> Finding:
    from triage.playbook import Playbook, find

    path = find(name, (folder / "playbooks",))
    return "ok", f"{len(Playbook.load(path).spec.steps)} steps", ""


def training(training: Training, folder: Path) -> Finding:
    """Whether what trains is there; nothing is started, and a pipeline's server is not asked."""
    if training.pipeline is not None:
        return "ok", f"a pipeline at {training.pipeline.start.url}, not asked: nothing but a start would tell", ""
    if training.project is not None:
        path = Path(training.project.uri) / "MLproject"
        if "://" in training.project.uri or path.is_file():
            return "ok", " ".join(training.way), ""
        return "failed", f"there is no {path}", "correct training.project.uri"
    program = training.way[0]
    if program == "python" or shutil.which(program, path=None) or (folder / program).is_file():
        return "ok", " ".join(training.way), ""
    return "failed", f"there is no program '{program}'", "correct training.command, or install it"
