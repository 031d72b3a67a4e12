"""Every screen there is, for what has to know all of them: the list of keys."""

from tui.screens import (
    feature,
    help,
    incident,
    lab,
    leave,
    live,
    opening,
    playbooks,
    prevention,
    queue,
    remedy,
    report,
    start,
    write,
)

__all__ = [
    "feature", "help", "incident", "lab", "leave", "live", "opening", "playbooks", "prevention", "queue", "remedy",
    "report", "start", "write",
]  # fmt: skip
