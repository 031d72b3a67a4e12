"""Figures drawn with block characters: a line of points, a bar, two distributions over each other."""

import math
from collections.abc import Sequence

from tui.draw.lines import Line, Span

_LEVELS = "▁▂▃▄▅▆▇█"
_PARTS = " ▏▎▍▌▋▊▉"
GAP = "·"
"""Stands where nothing was measured."""


def sparkline(values: Sequence[float | None], width: int) -> str:
    """``values`` as ``width`` levels between the lowest and the highest, each the mean of its share of the points."""
    if width <= 0 or not values:
        return ""
    means = [
        _mean(values[len(values) * i // width : max(len(values) * (i + 1) // width, len(values) * i // width + 1)])
        for i in range(width)
    ]
    known = [mean for mean in means if mean is not None]
    if not known:
        return GAP * width
    low, high = min(known), max(known)
    spread = high - low
    return "".join(
        GAP if mean is None else _LEVELS[min(7, int((mean - low) / spread * 8)) if spread else 3] for mean in means
    )


def bar(fraction: float, width: int) -> str:
    """``fraction`` of ``width`` columns filled, in eighths; exactly ``width`` columns."""
    eighths = round(min(1.0, max(0.0, fraction if math.isfinite(fraction) else 0.0)) * width * 8)
    whole, part = divmod(eighths, 8)
    return f"{'█' * whole}{_PARTS[part] if part else ''}".ljust(width)


def overlaid(before: float, now: float, width: int) -> Line:
    """Two fractions of ``width`` over each other: ``█`` where both reach, ``░`` only before, ``▒`` only now."""
    old, new = (round(min(1.0, max(0.0, value)) * width) for value in (before, now))
    both, longer = min(old, new), max(old, new)
    if not longer and max(before, now) > 0:
        return (Span("▏", "quiet"), Span(" " * (width - 1)))
    rest = Span("▒" * (longer - both), "now") if new > old else Span("░" * (longer - both), "before")
    return (Span("█" * both, "quiet"), rest, Span(" " * (width - longer)))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None and math.isfinite(value)]
    return sum(known) / len(known) if known else None
