"""A series as a plot of braille dots; what was not measured stays empty."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from statistics import median
from typing import Any

from triage.numbers import figure
from tui.draw.lines import Line, Span, cut, say, spread

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_LABELS = 9


def plot(chart: Mapping[str, Any], width: int, height: int) -> list[Line]:
    """A ``series`` chart in ``height`` rows of dots, with its levels at the left and times, target and onset below."""
    times, values = chart.get("times") or (), chart.get("values") or ()
    points = [(t, v) for t, v in zip(times, values, strict=False) if _finite(t) and _finite(v)]
    if len(points) < 2 or width < 24:
        return [(Span("no series to draw", "quiet"),)]
    target, onset, unit = chart.get("target"), chart.get("onset"), str(chart.get("unit") or "")
    levels = [v for _, v in points] + ([target] if _finite(target) else [])
    low, high = min(levels), max(levels)
    if low == high:
        low, high = low - 1, high + 1
    start, end = points[0][0], points[-1][0]
    columns = width - _LABELS - 1
    canvas = [[0] * columns for _ in range(height)]
    gap = 3 * median(b[0] - a[0] for a, b in pairwise(points))

    def place(t: float, v: float) -> tuple[int, int]:
        x = round((t - start) / ((end - start) or 1) * (columns * 2 - 1))
        return x, round((high - v) / (high - low) * (height * 4 - 1))

    for (t0, v0), (t1, v1) in pairwise(points):
        if t1 - t0 <= gap:
            _stroke(canvas, place(t0, v0), place(t1, v1))
    mark = (
        round((onset - start) / ((end - start) or 1) * (columns - 1))
        if _finite(onset) and start <= onset <= end
        else None
    )
    aim = round((high - target) / (high - low) * (height - 1)) if _finite(target) else None
    rows = [
        (
            Span(_level(row, height, low, high, unit).rjust(_LABELS)[:_LABELS], "quiet"),
            Span("┤", "quiet"),
            *_row(dots, mark, dashed=row == aim),
        )
        for row, dots in enumerate(canvas)
    ]
    axis = spread((Span(" " * (_LABELS + 1)), Span(_moment(start), "quiet")), (Span(_moment(end), "quiet"),), width)
    return [*rows, axis, *_legend(chart, mark, aim, unit, width)]


def _legend(chart: Mapping[str, Any], mark: int | None, aim: int | None, unit: str, width: int) -> list[Line]:
    parts = [say(f"╌ target {figure(chart['target'], unit)}", "good")] if aim is not None else []
    if mark is not None:
        parts += [*([Span("   ")] if parts else []), Span(f"┊ onset {_moment(chart['onset'])} UTC", "warn")]
    return [cut((Span(" " * (_LABELS + 1)), *parts), width)] if parts else []


def _row(dots: Sequence[int], mark: int | None, *, dashed: bool) -> Line:
    spans = []
    for column, bits in enumerate(dots):
        if bits:
            spans.append(Span(chr(0x2800 + bits), "accent"))
        elif column == mark:
            spans.append(Span("┊", "warn"))
        else:
            spans.append(Span("╌" if dashed else " ", "good" if dashed else ""))
    return tuple(spans)


def _level(row: int, height: int, low: float, high: float, unit: str) -> str:
    if row not in (0, height - 1):
        return ""
    return (
        figure(high if row == 0 else low, unit).split(" ")[0]
        if "second" not in unit
        else figure(high if row == 0 else low, unit)
    )


def _stroke(canvas: list[list[int]], a: tuple[int, int], b: tuple[int, int]) -> None:
    steps = max(abs(b[0] - a[0]), abs(b[1] - a[1]), 1)
    for step in range(steps + 1):
        x, y = round(a[0] + (b[0] - a[0]) * step / steps), round(a[1] + (b[1] - a[1]) * step / steps)
        canvas[y // 4][x // 2] |= _DOTS[y % 4][x % 2]


def _moment(seconds: float) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%m-%d %H:%M}"
    except (OverflowError, ValueError, OSError):
        return "?"


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
