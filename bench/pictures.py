"""Pictures of the running app, for the README and the docs: ``python -m bench.pictures`` writes docs/screens.

The diagnosis is drawn from the journal of this user (``$TRIAGE_HOME``), in which ``triage demo`` and ``triage demo
flights`` have left their incidents; the release from a journal that the engine writes on simulated traffic, as it was
in the middle of the canary, and as it waited for its approval.
"""

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from textual.pilot import Pilot

from tests.release_world import World
from tests.tui.world import StillClock
from triage.codec import decode
from triage.desk import Desk
from triage.incident import Alert, Event, State, Window
from triage.journal import Entry, Journal
from triage.wiring import connect, home
from tui.app import TriageApp
from tui.widgets.sheet import Sheet

FOLDER = Path(__file__).parent.parent / "docs" / "screens"
DEMO = "recommender-1"
SHOTS = {
    "queue": ("escape",),
    "incident": (),
    "causes": ("c",),
    "timeline": ("t",),
    "feature": ("f",),
    "report": ("o",),
    "prevention": ("w",),
}


async def shoot() -> None:
    """Write every picture: each screen at 100 × 30, the incident in each theme, and the release."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, keys in SHOTS.items():
        await _shot(home(), DEMO, name, keys)
    for look in ("light", "ansi"):
        await _shot(home(), DEMO, f"incident-{look}", (), look=look)
    with tempfile.TemporaryDirectory() as folder:
        whole, gate, canary = (Path(folder) / name for name in ("whole", "gate", "canary"))
        name = _released(whole)
        _copied(whole, gate, lambda event: event.kind == "state_changed" and "release" in str(event.data["reason"]))
        _copied(whole, canary, lambda event: _looks(event) >= 1 and event.data["progress"].get("stage") == 1)
        await _shot(gate, name, "plan", ("p",))
        await _shot(gate, name, "approve", ("p", "a"))
        await _shot(canary, name, "canary", ("p", "enter", *["down"] * 3))


def _released(folder: Path) -> str:
    """A story from its plan to its end, with both approvals given; returns its incident."""
    world = World()
    desk, name = world.opened(folder)
    while (waits := desk.advance(name)).state is State.WAITING_FOR_APPROVAL and waits.plan is not None:
        desk.approve(name, waits.plan.digest, "ann")
    desk.journal.close()
    return name


def _looks(event: Event) -> int:
    canary = event.kind == "step_progressed" and event.data["step"] == "canary"
    return 1 if canary and event.data.get("look") else 0


def _copied(source: Path, target: Path, last: Callable[[Event], bool]) -> None:
    """The only incident of ``source``, as it stood after the first event that is the ``last`` one."""
    whole = Journal(source / "journal.db", StillClock())
    first, *events = whole.events(whole.summaries(1)[0].id)
    clock = StillClock(first.at)
    copy = Journal(target / "journal.db", clock)
    alert, window = decode(Alert, first.data["alert"]), decode(Window, first.data["window"])
    bodies = (whole.document(first.data[key]) for key in ("playbook_digest", "catalog_digest"))
    name, _ = copy.receive(alert, window, first.data["playbook"], *bodies, None)
    for event in events:
        clock.at = event.at
        copy.append(name, [Entry(event.kind, event.data)])
        if last(event):
            break
    copy.close()
    whole.close()


def _newest(folder: Path, incident: str) -> datetime:
    journal = Journal(folder / "journal.db", StillClock())
    at = journal.events(incident)[-1].at
    journal.close()
    return at


async def _shot(folder: Path, incident: str, name: str, keys: Sequence[str], *, look: str = "dark") -> None:
    clock = StillClock(_newest(folder, incident))
    catalog = Path("triage.yaml")
    app = TriageApp(lambda: Desk(folder, clock, connect), clock, folder, catalog, first=incident, look=look)
    async with app.run_test(size=(100, 30)) as pilot:
        await _settle(pilot)
        for key in keys:
            await pilot.press(key)
            await _settle(pilot)
        (FOLDER / f"{name}.svg").write_text(app.export_screenshot(title="triage"), encoding="utf-8")


async def _settle(pilot: Pilot[None]) -> None:
    """Until nothing is read any more, and nothing says that it is loading."""
    for _ in range(40):
        await pilot.pause(0.25)
        busy = any(not worker.is_finished for worker in pilot.app.workers)
        loading = any("Loading" in sheet.words for sheet in pilot.app.screen.query(Sheet))
        if not busy and not loading:
            return


if __name__ == "__main__":
    asyncio.run(shoot())
