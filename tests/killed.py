"""Runs of the light world in processes that kill themselves, each a fork of one that has imported everything."""

import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.light_world import ALERT, World, answer, version, world
from triage.adapters.memory import MemoryRegistry
from triage.codec import encode
from triage.desk import Desk
from triage.incident import Event, Incident
from triage.journal import Entry, Journal, Lease
from triage.ports import ModelVersion

QUICK = """\
name: quick
title: All that needs no rows
steps:
  - {id: stale, uses: mark_stale, retries: {times: 1}}
  - {id: kpi, uses: measure_kpi}
  - {id: infrastructure, uses: check_infrastructure, needs: [kpi]}
  - {id: diagnosis, uses: diagnose, needs: [kpi, infrastructure], on_error: stop}
  - {id: plan, uses: propose_plan, needs: [diagnosis]}
"""


class KeptRegistry(MemoryRegistry):
    """A registry whose tags outlive the process: a line of a file each."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self.add(version(), answer)
        for line in path.read_text().splitlines() if path.exists() else ():
            super().tag(version(), *json.loads(line))

    def tag(self, of: ModelVersion, key: str, value: str) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps([key, value]) + "\n")
        super().tag(of, key, value)


class FatalJournal(Journal):
    """Kills its process at the ``fatal``-th append: before it, or once it is on disk."""

    fatal = 0
    before = True
    _count = 0

    def append(self, incident: str, entries: Sequence[Entry], lease: Lease | None = None) -> tuple[Event, ...]:
        self._count += 1
        if self._count == self.fatal and self.before:
            os.kill(os.getpid(), signal.SIGKILL)
        written = super().append(incident, entries, lease)
        if self._count == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return written


def desk_in(home: Path, made: World) -> Desk:
    made.registry = KeptRegistry(home / "tags.jsonl")
    return made.desk(home)


def receive(home: Path, made: World, playbook: str | None) -> str:
    (home / "playbooks").mkdir(parents=True)
    (home / "playbooks" / "quick.yaml").write_text(QUICK)
    return desk_in(home, made).receive(ALERT, made.catalog(home), playbook=playbook).incident


def in_a_fork(work: Callable[[], object]) -> int:
    """The wait status of a child that did ``work``."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(7)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def killed_at(home: Path, made: World, playbook: str | None, fatal: int, *, before: bool) -> dict[str, Any]:
    """Kill one run at an append, resume it in another process, and say how it ended."""
    incident = receive(home, made, playbook)

    def doomed() -> None:
        desk = desk_in(home, made)
        desk.journal = FatalJournal(desk.journal.path, made.clock)
        desk.journal.fatal, desk.journal.before = fatal, before
        desk.advance(incident)

    died = in_a_fork(doomed)
    resumed = in_a_fork(lambda: desk_in(home, made).advance(incident))
    return {"died": died == signal.SIGKILL, "resumed": resumed == 0, **told(home, made, incident)}


def told(home: Path, made: World, incident: str) -> dict[str, Any]:
    desk = desk_in(home, made)
    events = desk.events(incident)
    finished: set[str] = set()
    repeated = []
    for event in events:
        if event.kind == "step_started" and event.data["step"] in finished:
            repeated.append(event.data["step"])
        if event.kind == "step_finished":
            finished.add(event.data["step"])
    return {
        "end": end(desk.incident(incident)),
        "repeated": repeated,
        "tags": (home / "tags.jsonl").read_text().splitlines(),
        "chain": desk.verify(incident).length == len(events),
        "appends": len([event for event in events if event.kind not in ("received", "diagnosed", "planned")]),
    }


def end(incident: Incident) -> Any:
    """Where ``incident`` stands, without times, attempts and hashes (the catalogue's names its folder)."""
    steps = {
        name: replace(record, attempts=0, started_at=None, finished_at=None) for name, record in incident.steps.items()
    }
    bare = replace(incident, steps=steps, head="", length=0, catalog_digest="", updated_at=incident.received_at)
    return encode(bare)


def main(home: Path, playbook: str | None, wanted: list[int]) -> None:
    made = world(6 if playbook is None else 1)
    whole = home / "whole"
    incident = receive(whole, made, playbook)
    desk_in(whole, made).advance(incident)  # here, so that the forks find everything imported
    result: dict[str, Any] = {"whole": told(whole, made, incident), "killed": {}}
    for fatal in wanted or range(1, result["whole"]["appends"] + 1):
        for before in (True, False):
            name = f"{'before' if before else 'after'} {fatal}"
            result["killed"][name] = killed_at(home / name, made, playbook, fatal, before=before)
    print(json.dumps(result))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] or None, [int(word) for word in sys.argv[3:]])
