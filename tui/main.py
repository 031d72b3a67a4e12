"""Opening the app on this user's journal."""

from pathlib import Path

from triage.adapters.clock import SystemClock
from triage.wiring import home, open_desk
from tui.app import TriageApp


def run(first: str, catalog: Path, look: str) -> int:
    """Open the app, at ``first`` when an incident is named; returns the exit code."""
    app = TriageApp(open_desk, SystemClock(), home(), catalog, first=first, look=look)
    app.run()
    return app.return_code or 0
