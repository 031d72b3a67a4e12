"""The lab's supervisor: starts what the plan says, restarts what dies, and takes everything along when it ends.

It runs as ``python -m triage.lab.keeper FOLDER [OWNER_FD]``. With an owner's pipe it ends as soon as the owner does.
"""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType

from triage.lab.folder import LabFolder, read_json, write_json
from triage.lab.process import Spec, answers, created, start, stop

_BEAT_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0
_GRACE_SECONDS = 4.0


@dataclass(slots=True)
class Kept:
    """One process under supervision. ``state``: waiting, starting, ready, restarting."""

    spec: Spec
    state: str = "waiting"
    child: subprocess.Popen[bytes] | None = None
    born: float = 0.0
    restarts: int = 0
    exit_code: int | None = None
    not_before: float = 0.0

    def document(self) -> dict[str, object]:
        pid = self.child.pid if self.child and self.state in {"starting", "ready"} else None
        return {
            "name": self.spec.name,
            "state": self.state,
            "pid": pid,
            "born": self.born,
            "url": self.spec.url,
            "restarts": self.restarts,
            "exit_code": self.exit_code,
        }


class Keeper:
    def __init__(self, folder: LabFolder, owner: int | None) -> None:
        self._folder = folder
        self._owner = owner
        self._kept = {spec.name: Kept(spec) for spec in read_plan(folder)}
        self._ended = False
        self._written: object = None

    def run(self) -> None:
        """Until a signal, or until the owner is gone."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._end)
        try:
            while not self._ended:
                for kept in self._kept.values():
                    self._tend(kept)
                self._write()
                self._wait()
        finally:
            stop([kept.child.pid for kept in self._kept.values() if kept.child], _GRACE_SECONDS)
            self._folder.state.unlink(missing_ok=True)

    def _end(self, number: int, frame: FrameType | None) -> None:
        self._ended = True

    def _wait(self) -> None:
        if self._owner is None:
            time.sleep(_BEAT_SECONDS)
            return
        readable, _, _ = select.select([self._owner], [], [], _BEAT_SECONDS)
        if readable and not os.read(self._owner, 1):
            self._ended = True

    def _tend(self, kept: Kept) -> None:
        if kept.state in {"waiting", "restarting"}:
            others = all(self._kept[name].state == "ready" for name in kept.spec.after if name in self._kept)
            if time.monotonic() >= kept.not_before and (others or kept.state == "restarting"):
                kept.child = start(kept.spec, self._folder.log(kept.spec.name))
                kept.born = created(kept.child.pid) or time.time()
                kept.state = "starting"
            return
        assert kept.child is not None
        kept.exit_code = kept.child.poll()
        if kept.exit_code is not None:
            pause = min(0.25 * 2 ** min(kept.restarts, 10), _LONGEST_PAUSE_SECONDS)
            kept.state, kept.not_before, kept.restarts = "restarting", time.monotonic() + pause, kept.restarts + 1
        elif kept.state == "starting" and (not kept.spec.ready_url or answers(kept.spec.ready_url)):
            kept.state = "ready"

    def _write(self) -> None:
        processes = [kept.document() for kept in self._kept.values()]
        if processes != self._written:
            pid = os.getpid()
            write_json(self._folder.state, {"keeper": {"pid": pid, "born": created(pid)}, "processes": processes})
            self._written = processes


def write_plan(folder: LabFolder, specs: list[Spec]) -> None:
    write_json(folder.plan, {"processes": [asdict(spec) for spec in specs]})


def read_plan(folder: LabFolder) -> Iterator[Spec]:
    for item in (read_json(folder.plan) or {}).get("processes", ()):
        yield Spec(**{**item, "argv": tuple(item["argv"]), "after": tuple(item["after"])})


def main(arguments: list[str]) -> None:
    owner = int(arguments[1]) if len(arguments) > 1 else None
    Keeper(LabFolder(Path(arguments[0])), owner).run()


if __name__ == "__main__":
    main(sys.argv[1:])
