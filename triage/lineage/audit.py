"""Can a version be built again today? What its registry keeps of its making, held against what a rebuild needs.

The list is that of Google's "Reproducible ML" rules and of Semmelrock et al. 2023 (Reproducibility in machine
learning): code, data, parameters, environment, seed, and the contract (signature) that the rebuilt model must meet.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from triage.codec import decode
from triage.incident import Source
from triage.ports import DatasetInfo, ModelVersion, Provenance

MANIFEST = "pipeline.json"
"""The artifact beside a version in which triage keeps the pipeline that made it."""
CODE_TAGS = ("mlflow.source.git.commit", "triage.code")
"""Tags of a run that name the code that it ran: a commit, or a released package with its version."""
_SEEDS = re.compile(r"(^|[._-])(random_?state|random_?seed|seed)$")
_PINNED = re.compile(r"^[A-Za-z0-9_.\-]+(\[[^\]]*\])?\s*(===?|@)\s*\S+")


class Mark(StrEnum):
    """How one thing that a rebuild needs stands. Unread is neither: what holds it did not answer."""

    KEPT = "kept"
    MISSING = "missing"
    UNREAD = "unread"


@dataclass(frozen=True, slots=True)
class Item:
    """``what`` a rebuild needs, what was ``found`` of it, and what to do (``hint``) unless it is kept."""

    what: str
    mark: Mark
    found: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Audit:
    """Everything that a rebuild of one version needs."""

    model: str
    version: str
    items: tuple[Item, ...]

    @property
    def rebuildable(self) -> bool:
        return all(item.mark is Mark.KEPT for item in self.items)

    @property
    def gaps(self) -> tuple[str, ...]:
        """What is not kept, in words."""
        return tuple(f"{item.what}: {item.found}" for item in self.items if item.mark is not Mark.KEPT)

    @property
    def statement(self) -> str:
        name = f"{self.model} version {self.version}"
        if self.rebuildable:
            return f"{name} can be built again: {len(self.items)} of {len(self.items)} things are kept"
        kept = sum(item.mark is Mark.KEPT for item in self.items)
        return f"{name} can't be built again today: {kept} of {len(self.items)} things are kept; {'; '.join(self.gaps)}"


@dataclass(frozen=True, slots=True)
class Training:
    """Rows that a version was trained on: as its record names them (``kept``), and as they are ``now``.

    ``now`` is None where the catalogue has no such dataset, or where it can't be read (``problem``). ``reread`` is the
    digest of the same rows read again, where that was asked for.
    """

    kept: Source
    now: DatasetInfo | None = None
    problem: str = ""
    reread: str = ""


def judge(
    version: ModelVersion,
    made: Provenance,
    training: Sequence[Training],
    *,
    command: Sequence[str],
) -> Audit:
    """Hold ``version`` against what a rebuild needs; ``command`` is the catalogue's way to train, empty without one."""
    return Audit(
        version.name,
        version.version,
        (
            _run(version, made),
            _code(made),
            *(_rows(item) for item in training),
            *(() if training else (_no_rows(),)),
            _params(made),
            _seed(made),
            _environment(made),
            _signature(version),
            _command(command),
        ),
    )


def recorded_rows(made: Provenance, manifest: Mapping[str, Any] | None) -> tuple[Source, ...]:
    """The data that a version was trained on: its pipeline manifest's, else what its run was logged with."""
    stages = manifest.get("stages", ()) if manifest else ()
    ingestion = next((stage for stage in stages if stage.get("id") == "ingestion"), None)
    if ingestion is None or "reads" not in ingestion:
        return made.datasets
    return tuple(decode(Source, part["rows"]) for part in ingestion["reads"])


def read_manifest(body: bytes | None) -> Mapping[str, Any] | None:
    """The pipeline manifest, or None where there is none or where it is not one."""
    try:
        found = json.loads(body) if body else None
    except ValueError:
        return None
    return found if isinstance(found, dict) and isinstance(found.get("stages"), list) else None


def _run(version: ModelVersion, made: Provenance) -> Item:
    if not version.run_id:
        return Item("run", Mark.MISSING, "the version has no run", "register models from a tracked run")
    if made.problem:
        return Item("run", Mark.UNREAD, made.problem, "mend the registry, then ask again")
    by = f" by {made.made_by}" if made.made_by else ""
    when = f" on {made.started_at:%Y-%m-%d %H:%M} UTC" if made.started_at else ""
    return Item("run", Mark.KEPT, f"{version.run_id[:12]}, {made.status.lower() or 'no status'}{by}{when}")


def _code(made: Provenance) -> Item:
    found = next((made.tags[tag] for tag in CODE_TAGS if made.tags.get(tag)), "")
    if found:
        return Item(
            "code", Mark.KEPT, " ".join(part for part in (made.tags.get("mlflow.source.name", ""), found) if part)
        )
    hint = f"train from a clean git checkout, or tag the run with {CODE_TAGS[1]}=<package version>"
    return Item("code", Mark.MISSING, "no commit and no package version", hint)


def _rows(item: Training) -> Item:
    kept, now = item.kept, item.now
    what = f"data {kept.name}"
    said = f"version {kept.version or '–'}, {kept.digest[:21] or 'no digest'}"
    if not kept.digest or not kept.version:
        return Item(what, Mark.MISSING, f"{said}: the rows can't be told from others", "log name, version and digest")
    if item.problem:
        return Item(what, Mark.UNREAD, item.problem, "'triage doctor' checks every source that the catalogue names")
    if now is None:
        return Item(what, Mark.MISSING, f"{said}: not in the catalogue", f"name '{kept.name}' in triage.yaml again")
    if now.version != kept.version:
        hint = f"keep version {kept.version} under a name of its own in triage.yaml"
        return Item(what, Mark.MISSING, f"{said}: the catalogue has version {now.version}", hint)
    window = kept.window
    if window and now.first and now.last and (window.start < now.first or now.last < window.start):
        hint = "keep training rows as long as the version may have to be built again"
        return Item(what, Mark.MISSING, f"{said}: the rows before {now.first:%Y-%m-%d %H:%M} are gone", hint)
    if item.reread and item.reread != kept.digest:
        hint = "find out who rewrote the data; give a new state a new version"
        return Item(what, Mark.MISSING, f"{said}: read again it is {item.reread[:21]}", hint)
    span = f", {window}" if window else ""
    return Item(what, Mark.KEPT, f"{said}{span}{', read again: the same' if item.reread else ''}")


def _no_rows() -> Item:
    return Item(
        "data", Mark.MISSING, "no dataset is recorded", "log the training data (name, version, digest) as input"
    )


def _params(made: Provenance) -> Item:
    if made.params:
        return Item("parameters", Mark.KEPT, f"{len(made.params)}: {', '.join(sorted(made.params))[:80]}")
    return Item("parameters", Mark.MISSING, "none are recorded", "log every parameter of the training with its run")


def _seed(made: Provenance) -> Item:
    found = next((name for name in sorted(made.params) if _SEEDS.search(name.lower())), None)
    if found is not None:
        return Item("seed", Mark.KEPT, f"{found} = {made.params[found][:40]}")
    return Item("seed", Mark.MISSING, "no parameter is a seed", "log the seed, and hand it to every source of chance")


def _environment(made: Provenance) -> Item:
    if made.image:
        return Item("environment", Mark.KEPT, f"image {made.image}")
    lines = [line.strip() for line in made.requirements if line.strip() and not line.lstrip().startswith(("#", "-"))]
    if not lines or not made.python:
        what = "no requirements" if not lines else "no Python version"
        return Item("environment", Mark.MISSING, what, "log the model with its requirements, or train in an image")
    loose = [line for line in lines if not _PINNED.match(line)]
    if loose:
        return Item("environment", Mark.MISSING, f"not pinned: {', '.join(loose)[:80]}", "pin exact versions (==)")
    return Item("environment", Mark.KEPT, f"Python {made.python}, {len(lines)} pinned packages")


def _signature(version: ModelVersion) -> Item:
    if version.inputs:
        return Item("signature", Mark.KEPT, f"{len(version.inputs)} inputs")
    return Item("signature", Mark.MISSING, "the version has none", "log the model with a signature")


def _command(command: Sequence[str]) -> Item:
    if command:
        return Item("way to train", Mark.KEPT, " ".join(command)[:80])
    return Item("way to train", Mark.MISSING, "the catalogue names none", "add training to the model in triage.yaml")
