"""Ages, in one unit."""

from datetime import datetime


def age(since: datetime, now: datetime) -> str:
    """How long ago, in the largest unit that fits: ``45s``, ``12m``, ``7h``, ``3d``."""
    seconds = max(0, int((now - since).total_seconds()))
    for size, unit in ((86400 * 2, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // (86400 if unit == 'd' else size)}{unit}"
    return f"{seconds}s"
