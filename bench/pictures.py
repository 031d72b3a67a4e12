"""Pictures of the running app, for the README and the docs: ``python -m bench.pictures INCIDENT`` writes docs/screens.

It draws the journal of this user (``$TRIAGE_HOME``); ``triage demo`` makes an incident to draw.
"""

import asyncio
import sys
from pathlib import Path

from textual.pilot import Pilot

from triage.adapters.clock import SystemClock
from triage.wiring import home, open_desk
from tui.app import TriageApp

FOLDER = Path(__file__).parent.parent / "docs" / "screens"
SHOTS = {
    "queue": ("escape",),
    "incident": (),
    "causes": ("c",),
    "timeline": ("t",),
    "plan": ("p",),
    "feature": ("f",),
    "report": ("o",),
}


async def shoot(incident: str) -> None:
    """Write every picture: each screen at 100 × 30, and the incident in each theme."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, keys in SHOTS.items():
        await _shot(incident, name, keys, "dark")
    for look in ("light", "ansi"):
        await _shot(incident, f"incident-{look}", (), look)


async def _shot(incident: str, name: str, keys: tuple[str, ...], look: str) -> None:
    app = TriageApp(open_desk, SystemClock(), home(), Path("triage.yaml"), first=incident, look=look)
    async with app.run_test(size=(100, 30)) as pilot:
        await _settle(pilot)
        for key in keys:
            await pilot.press(key)
            await _settle(pilot)
        (FOLDER / f"{name}.svg").write_text(app.export_screenshot(title="triage"), encoding="utf-8")


async def _settle(pilot: Pilot[None]) -> None:
    for _ in range(4):
        await pilot.pause(0.25)


if __name__ == "__main__":
    asyncio.run(shoot(sys.argv[1]))
