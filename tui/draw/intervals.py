"""Intervals on one scale, so that one sees them converge: ``├──●──┤`` with ``┊`` at nought and ``╎`` at the margin."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from tui.draw.lines import Line, Span


class Interval(NamedTuple):
    """A figure with its limits; one that is None or not finite is open on that side."""

    value: float | None
    low: float | None
    high: float | None


def finite(value: object) -> float | None:
    """``value`` as a float where it is a finite number; None for everything else that JSON holds."""
    known = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if known and isinstance(value, int | float) else None


def scale(shown: Sequence[Interval], marks: Sequence[float]) -> tuple[float, float]:
    """The span on which all of ``shown`` and ``marks`` can be drawn, a little wider than they are.

    The widest intervals come first, when little is known; what reaches beyond four times the middle half is cut.
    """
    ends = [end for item in shown for end in item if end is not None and math.isfinite(end)]
    if not ends and not marks:
        return -1.0, 1.0
    values = sorted([*ends, *marks])
    low, high = values[0], values[-1]
    if len(ends) > 8:
        near = sorted(end for item in shown[len(shown) // 2 :] for end in item if end is not None)
        if near:
            reach = max(near[-1] - near[0], *(abs(mark) for mark in marks), 1e-12)
            low, high = max(low, near[0] - reach), min(high, near[-1] + reach)
            low, high = min(low, *marks) if marks else low, max(high, *marks) if marks else high
    pad = (high - low) * 0.05 or abs(high) * 0.1 or 1.0
    return low - pad, high + pad


def drawn(
    item: Interval, span: tuple[float, float], zero: float, margin: float | None, width: int, tone: str = "accent"
) -> Line:
    """``item`` in exactly ``width`` columns of ``span``."""
    low, high = span
    cells = [" "] * width
    tones = [""] * width

    def place(value: float) -> int:
        return max(0, min(width - 1, round((value - low) / ((high - low) or 1.0) * (width - 1))))

    for mark, glyph, shade in ((zero, "┊", "quiet"), (margin, "╎", "warn")):
        if mark is not None and low <= mark <= high:
            cells[place(mark)], tones[place(mark)] = glyph, shade
    if item.low is not None or item.high is not None:
        first = place(item.low) if item.low is not None else 0
        last = place(item.high) if item.high is not None else width - 1
        for column in range(first, last + 1):
            if cells[column] == " ":
                cells[column] = "─"
            tones[column] = tones[column] or tone
        cells[first], tones[first] = ("├" if item.low is not None and item.low >= low else "◂"), tone
        cells[last], tones[last] = ("┤" if item.high is not None and item.high <= high else "▸"), tone
    if item.value is not None:
        cells[place(item.value)], tones[place(item.value)] = "●", tone
    return tuple(Span(cell, shade) for cell, shade in zip(cells, tones, strict=True))
