"""Opening the app on this user's journal."""

from pathlib import Path
from typing import TYPE_CHECKING

from triage.adapters.clock import SystemClock
from tui.app import TriageApp

if TYPE_CHECKING:
    from triage.desk import Desk


def run(first: str, catalog: Path, folder: Path, *, look: str, read_only: bool, keys: Path | None) -> int:
    """Open the app, at ``first`` when an incident is named; returns the exit code."""
    app = TriageApp(open_desk, SystemClock(), folder, catalog, first=first, look=look, read_only=read_only, keys=keys)
    app.run()
    return app.return_code or 0


def open_desk() -> "Desk":
    """This user's desk; what it needs is imported in the thread that asks first."""
    from triage.wiring import open_desk

    return open_desk()
