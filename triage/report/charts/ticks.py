"""Round places on an axis."""

import math
from datetime import UTC, datetime

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_TIME_STEPS = (
    *(_MINUTE * n for n in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * n for n in (1, 2, 3, 6, 12)),
    *(_DAY * n for n in (1, 2, 4, 7, 14, 28, 91, 182, 364)),
)
_MONDAY = 4 * _DAY
"""A Monday in Unix seconds, so that weekly ticks fall on Mondays."""
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def round_ticks(low: float, high: float, about: int = 4) -> tuple[float, ...]:
    """Multiples of 1, 2, 2.5 or 5 × 10^k within ``[low, high]``: around ``about`` of them.

    >>> round_ticks(0.0, 0.1)
    (0.0, 0.025, 0.05, 0.075, 0.1)
    """
    if not high > low:
        return (low,)
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(float(f"{index * step:.12g}") for index in range(first, last + 1)) or (low,)


def time_ticks(start: float, end: float, about: int = 5) -> tuple[tuple[float, str], ...]:
    """Round times (Unix seconds) with labels in UTC: days as ``22 Apr``, hours as ``22 Apr 06:00``."""
    step = next((step for step in _TIME_STEPS if (end - start) / step <= about), _TIME_STEPS[-1])
    first = math.ceil((start - _MONDAY) / step)
    last = math.floor((end - _MONDAY) / step)
    every = max(1, -(-(last - first + 1) // (2 * about)))
    times = [_MONDAY + index * step for index in range(first, last + 1, every)]
    return tuple((float(time), _label(datetime.fromtimestamp(time, UTC), step >= _DAY)) for time in times)


def _label(at: datetime, whole_day: bool) -> str:
    day = f"{at.day} {_MONTHS[at.month - 1]}"
    return day if whole_day else f"{day} {at:%H:%M}"
