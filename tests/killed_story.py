"""Runs of the story's world (Parquet, MLflow on SQLite) in forks that kill themselves; the parent opens nothing, for a
database does not outlive a fork."""

import importlib
import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from tests.killed import FatalJournal, end, in_a_fork
from triage import step, wiring
from triage.catalog import Catalog
from triage.desk import Desk
from triage.incident import Alert
from triage.lab.worlds.story import build_story
from triage.lab.worlds.world import World

ROWS = 24_000
HEAVY = ("mlflow", "scipy.stats", "skops.io", "sklearn.ensemble", "statsmodels.api")


def run(world: World, home: Path, fatal: int, *, before: bool) -> None:
    """Receive the alert and work on it in the folder ``home``, to the death at the ``fatal``-th append (0: none)."""
    os.environ["TRIAGE_HOME"] = str(home)
    desk = wiring.open_desk()
    alert = Alert(world.alert_name, world.model, world.alert_starts_at, summary=world.alert_summary)
    incident = desk.receive(alert, Catalog.load(world.catalog_path)).incident
    journal = FatalJournal(desk.journal.path, wiring.SystemClock())
    journal.fatal, journal.before = fatal, before
    desk.journal = journal
    desk.advance(incident)


def resume(home: Path) -> None:
    os.environ["TRIAGE_HOME"] = str(home)
    desk = wiring.open_desk()
    desk.advance(desk.newest())


def tell(world: World, home: Path) -> None:
    """Write down how the run in ``home`` ended."""
    os.environ["TRIAGE_HOME"] = str(home)
    desk: Desk = wiring.open_desk()
    incident = desk.incident(desk.newest())
    events = desk.events(incident.id)
    finished: set[str] = set()
    repeated = []
    for event in events:
        if event.kind == "step_started" and event.data["step"] in finished:
            repeated.append(event.data["step"])
        if event.kind == "step_finished":
            finished.add(event.data["step"])
    registry = wiring.connect(Catalog.load(world.catalog_path)).registry
    told = {
        "end": end(incident),
        "repeated": repeated,
        "tags": dict(registry.champion(world.model, "champion").tags or {}),
        "chain": desk.verify(incident.id).length == len(events),
        "events": len(events),
    }
    (home / "told.json").write_text(json.dumps(told))


def main(folder: Path, wanted: list[str]) -> None:
    """``wanted``: the appends to die at, as ``12-`` (before the 12th) or ``12+`` (once it is on disk)."""
    for name in (*HEAVY, *(f"triage.steps.{name}" for name in step.names())):
        importlib.import_module(name)
    if in_a_fork(lambda: build_story(folder / "story", rows=ROWS)):
        raise SystemExit("the world was not built")
    world = build_story(folder / "story", rows=ROWS)  # it stands, so that its stamp alone is read
    shutil.copy(world.folder / "mlflow.db", folder / "registry.db")
    result: dict[str, Any] = {}
    for name in ("whole", *wanted):
        home = folder / "homes" / name
        home.mkdir(parents=True)
        shutil.copy(folder / "registry.db", world.folder / "mlflow.db")
        fatal = 0 if name == "whole" else int(name[:-1])
        died = in_a_fork(lambda: run(world, home, fatal, before=name.endswith("-")))  # noqa: B023 - called at once
        resumed = 0 if name == "whole" else in_a_fork(lambda: resume(home))  # noqa: B023
        if in_a_fork(lambda: tell(world, home)):  # noqa: B023
            raise SystemExit(f"{name}: nothing can be told of it")
        told = json.loads((home / "told.json").read_text())
        result[name] = {"died": died == signal.SIGKILL, "resumed": resumed == 0, **told}
    print(json.dumps(result))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
