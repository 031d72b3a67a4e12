"""The lab as a whole: up, status, down. Real servers on the loopback interface, in one folder."""

import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from triage.errors import NotFound, StepFailed, UsageError
from triage.lab import binaries, switches
from triage.lab.binaries import Missing
from triage.lab.folder import LabFolder, read_json
from triage.lab.keeper import write_plan
from triage.lab.pace import Starved, starved
from triage.lab.process import Spec, alive, start, stop
from triage.lab.switches import Switched

Progress = Callable[[str], None]

_READY_SECONDS = 180.0
_TRIES = 2
_GRACE_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Process:
    """One server of the lab. ``state`` is waiting, starting, ready, restarting or gone."""

    name: str
    state: str
    pid: int | None
    url: str
    restarts: int
    memory_mib: float
    log: Path


@dataclass(frozen=True, slots=True)
class LabStatus:
    """What stands in the folder. ``running`` is False where nothing was started or the keeper is gone."""

    folder: Path
    running: bool
    processes: tuple[Process, ...] = ()
    faults: tuple[Switched, ...] = ()
    missing: tuple[Missing, ...] = ()
    starved: Starved | None = None
    """Where the machine can't keep up with the lab."""

    @property
    def catalog(self) -> Path:
        return LabFolder(self.folder).catalog

    @property
    def ready(self) -> bool:
        return self.running and all(process.state == "ready" for process in self.processes)

    @property
    def memory_mib(self) -> float:
        return sum(process.memory_mib for process in self.processes)

    def url(self, name: str) -> str:
        """Where ``name`` listens; empty where it does not run."""
        return next((process.url for process in self.processes if process.name == name), "")


@dataclass(frozen=True, slots=True)
class Downed:
    """What `down` ended."""

    folder: Path
    stopped: tuple[str, ...]


def up(
    folder: Path,
    *,
    owned: bool = False,
    webhook_url: str | None = None,
    webhook_bearer_file: Path | None = None,
    requests_per_second: float = 8.0,
    hours: float = 4.0,
    world_rows: int = 240_000,
    progress: Progress = lambda words: None,
) -> LabStatus:
    """Start the lab in ``folder`` and wait until all of it is ready; the one that already runs is left as it is.

    With ``owned`` it ends when the calling process does; otherwise it runs until `down`, and its load generator at
    most ``hours``. ``world_rows`` is how many impressions the world's month has. Raises UsageError when the folder
    holds something else, StepFailed when a server does not come up.
    """
    from triage.lab.setup import prepare

    lab = LabFolder(folder.expanduser().absolute())
    if status(lab.home).running:
        progress(f"the lab in {lab.home} is up already")
        return status(lab.home)
    _only_a_lab(lab)
    _sweep(lab)
    shutil.rmtree(lab.run, ignore_errors=True)
    shutil.rmtree(lab.data, ignore_errors=True)
    lab.run.mkdir(parents=True)
    specs = prepare(
        lab,
        webhook_url=webhook_url,
        webhook_bearer_file=webhook_bearer_file,
        requests_per_second=requests_per_second,
        hours=hours,
        world_rows=world_rows,
        progress=progress,
    )
    write_plan(lab, specs)
    progress("starting " + ", ".join(spec.name for spec in specs))
    _start_keeper(lab, owned)
    return _wait_until_ready(lab, len(specs))


def status(folder: Path) -> LabStatus:
    """What runs in ``folder`` now."""
    import psutil

    lab = LabFolder(folder.expanduser().absolute())
    missing = binaries.missing()
    document = read_json(lab.state)
    if document is None or not alive(document["keeper"]["pid"], document["keeper"]["born"]):
        return LabStatus(lab.home, running=False, missing=missing)
    processes = []
    for entry in document["processes"]:
        memory = 0.0
        if entry["pid"]:
            try:
                memory = psutil.Process(entry["pid"]).memory_info().rss / 2**20
            except psutil.Error:
                entry["state"] = "gone"
        processes.append(
            Process(
                name=entry["name"],
                state=entry["state"],
                pid=entry["pid"],
                url=entry["url"],
                restarts=entry["restarts"],
                memory_mib=memory,
                log=lab.log(entry["name"]),
            )
        )
    return LabStatus(lab.home, True, tuple(processes), switches.read(lab), missing, starved(lab))


def down(folder: Path) -> Downed:
    """End the lab in ``folder``: every process and port of it; logs, data and catalogue stay to be looked at.

    A bad version that was injected is withdrawn from the registry, so that the next lab starts well.
    """
    lab = LabFolder(folder.expanduser().absolute())
    stopped = _sweep(lab)
    for one in switches.read(lab):
        if one.name == "bad_model_version":
            from triage.lab.bad_version import withdraw_bad_version

            withdraw_bad_version(lab, None, one.settings)
    lab.faults.unlink(missing_ok=True)
    return Downed(lab.home, stopped)


def running(folder: Path) -> LabStatus:
    """The status of a lab that runs. Raises NotFound."""
    found = status(folder)
    if not found.running:
        raise NotFound(f"no lab runs in {found.folder}", hint="'triage lab up' starts one")
    return found


_pipes: list[int] = []  # held open as long as this process lives: their end is how an owned lab learns of ours


def _start_keeper(lab: LabFolder, owned: bool) -> None:
    argv = [sys.executable, "-m", "triage.lab.keeper", str(lab.home)]
    reading = None
    if owned:
        reading, writing = os.pipe()
        _pipes.append(writing)
        argv.append(str(reading))
    start(Spec("keeper", tuple(argv)), lab.log("keeper"), dies_with_us=False, keep_open=reading)
    if reading is not None:
        os.close(reading)


def _wait_until_ready(lab: LabFolder, count: int) -> LabStatus:
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        found = status(lab.home)
        if found.ready and len(found.processes) == count:
            return found
        ending = [process for process in found.processes if process.restarts > _TRIES]
        if ending or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    _sweep(lab)
    late = ending or [process for process in found.processes if process.state != "ready"]
    if not late:
        raise StepFailed("the lab's keeper did not start", hint=f"see {lab.log('keeper')}")
    names, log = ", ".join(process.name for process in late), late[0].log
    how = "ended as often as it was started" if ending else "did not come up"
    raise StepFailed(f"{names} {how}: {_last_words(log)}", hint=f"the whole log is {log}")


def _last_words(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        return "it said nothing"
    return lines[-1][:300] if lines else "it said nothing"


def _sweep(lab: LabFolder) -> tuple[str, ...]:
    """End the keeper, which ends the rest, and whatever a keeper that was killed has left."""
    document = read_json(lab.state)
    if document is None:
        return ()
    keeper = document["keeper"]
    names = [entry["name"] for entry in document["processes"] if entry["pid"]]
    if alive(keeper["pid"], keeper["born"]):
        stop([keeper["pid"]], _GRACE_SECONDS)
    left = [entry["pid"] for entry in document["processes"] if entry["pid"] and alive(entry["pid"], entry["born"])]
    stop(left, 2.0)
    lab.state.unlink(missing_ok=True)
    return tuple(names)


def _only_a_lab(lab: LabFolder) -> None:
    if lab.home.exists() and any(lab.home.iterdir()) and not (lab.world.exists() or lab.run.exists()):
        raise UsageError(f"{lab.home} holds something that is no lab", hint="name a new or an empty folder")
