"""Ages in one unit, and durations in two."""

from datetime import datetime


def age(since: datetime, now: datetime) -> str:
    """How long ago, in the largest unit that fits: ``45s``, ``12m``, ``7h``, ``3d``."""
    seconds = max(0, int((now - since).total_seconds()))
    for size, unit in ((86400 * 2, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // (86400 if unit == 'd' else size)}{unit}"
    return f"{seconds}s"


def lasting(seconds: float) -> str:
    """How long it took, in at most six columns: ``0.4s``, ``42s``, ``12m30s``, ``4h25m``, ``3d04h``."""
    if seconds < 10:
        return f"{max(0.0, seconds):.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 100 * 3600:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02d}h"
