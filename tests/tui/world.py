"""A journal with incidents in several states, and the app over it; the clock stands still."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Input
from textual.worker import WorkerCancelled

from tests.report import sample
from triage.catalog import Catalog
from triage.desk import Desk
from triage.incident import Alert, Event
from triage.journal import Entry, Journal
from triage.starter import init_text
from tui.app import TriageApp
from tui.widgets.sheet import Sheet

NOW = sample.NOW + timedelta(minutes=10)
PLAYBOOK = """\
name: model_quality_drop
title: A model's quality fell
steps:
  - {id: kpi, uses: measure_kpi, title: How far did the KPI fall}
  - {id: infrastructure, uses: check_infrastructure, title: Did infrastructure change with it}
  - {id: diagnosis, uses: diagnose, title: What caused it, needs: [kpi, infrastructure]}
"""


class StillClock:
    """Says what it is told to say, and moves only when told."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


GATED = """\
  - {id: plan, uses: propose_plan, title: What is the safe next step, needs: [diagnosis]}
  - {id: approval, uses: request_approval, title: Does a person agree to the plan, needs: [plan]}
  - {id: retrain, uses: retrain, title: Train a challenger, needs: [approval]}
  - {id: comparison, uses: compare_challenger, title: Is it better, needs: [retrain]}
"""


def snapshot(home: Path, model: str = "my_model") -> str:
    """The starter's catalogue, as a journal keeps it."""
    return Catalog.parse(init_text().replace("my_model", model), "triage.yaml", home).snapshot()


def write(
    home: Path, model: str, events: Sequence[Event], *, playbook: str = PLAYBOOK, catalog: str | None = None
) -> str:
    """Put an incident of ``model`` with the events after its receipt into the journal of ``home``; returns its id."""
    clock = StillClock(events[0].at)
    journal = Journal(home / "journal.db", clock)
    alert = Alert(**{**_alert(events[0]), "model": model})
    incident, _ = journal.receive(alert, sample.WINDOW, "model_quality_drop", playbook, catalog or snapshot(home), None)
    for event in events[1:]:
        clock.at = event.at
        journal.append(incident, [Entry(event.kind, event.data)])
    journal.close()
    return incident


def _alert(received: Event) -> dict[str, object]:
    told = dict(received.data["alert"])
    told["starts_at"] = sample.ALERT.starts_at
    return told


def standard(home: Path) -> Path:
    """Four incidents: one diagnosed, one just received, one with a step under way, one closed."""
    told = sample.events()
    write(home, "recommender", told)
    write(home, "search", told[:1])
    write(home, "fraud", told[:2])
    write(home, "ads", sample.events(state="closed", reason="the season was over"))
    return home


def waiting(home: Path, playbook: str = PLAYBOOK + GATED) -> str:
    """An incident whose plan waits for an approval, with a catalogue that says who may give it; returns its id."""
    plan = replace(sample.PLAN, covers=("retrain",))
    told = sample.events(plan=plan, state="waiting_for_approval", reason="the plan is not approved")
    return write(home, "recommender", told, playbook=playbook, catalog=snapshot(home, "recommender"))


def app(home: Path, look: str = "dark", **settings: Any) -> TriageApp:
    clock = StillClock()
    return TriageApp(lambda: Desk(home, clock, _connect), clock, home, home / "triage.yaml", look=look, **settings)


def _connect(catalog: object) -> None:
    raise AssertionError("the app reaches nothing that a catalogue names")


async def settle(pilot: Pilot[None]) -> None:
    """Wait until everything that was asked of the journal is drawn."""
    for _ in range(2):
        await pilot.pause()
        while any(not worker.is_finished for worker in pilot.app.workers):
            with suppress(WorkerCancelled):
                await pilot.app.workers.wait_for_complete()
    await pilot.pause()


async def until(pilot: Pilot[None], holds: Callable[[], bool]) -> None:
    """Wait until ``holds``: for what begins with a message, and so is no worker yet."""
    for _ in range(600):
        if holds():
            return
        await pilot.pause(0.05)
    raise AssertionError("it never came to hold")


async def press(pilot: Pilot[None], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        if len(key) > 1 or not isinstance(pilot.app.focused, Input):
            await settle(pilot)
    await settle(pilot)


def screen_text(pilot: Pilot[None]) -> str:
    """What a person reads, without colours."""
    strips = pilot.app.screen._compositor.render_strips(pilot.app.size)
    return "\n".join(strip.text.rstrip() for strip in strips) + "\n"


def sheet(pilot: Pilot[None], name: str) -> Sheet:
    return pilot.app.screen.query_one(f"#{name}", Sheet)
