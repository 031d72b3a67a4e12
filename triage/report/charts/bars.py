"""Contributions that add up, as a cascade: each bar starts where the one before it ended."""

from collections.abc import Mapping
from typing import Any

from triage.numbers import figure, tick_labels, whole_percent
from triage.report.charts import reading
from triage.report.charts.drawing import Box, Drawing, Label, Linear, Path, Shape, fitted
from triage.report.charts.ticks import round_ticks

REMAINDER = "not explained"
"""The label of the part of a whole that no cause accounts for."""

WIDTH = 640.0
_ROW, _BAR = 42.0, 15.0
_LEFT, _RIGHT = 4.0, 64.0


def draw_bars(chart: Mapping[str, Any]) -> Drawing:
    """``{"type": "bars", labels, values, unit}``; optional: ``title``, ``start`` and ``end`` of the axis in words."""
    labels, values, unit = reading.texts(chart, "labels"), reading.shares(chart, "values"), reading.text(chart, "unit")
    reading.beside(("labels", labels), ("values", values))
    ends = [0.0]
    for value in values:
        ends.append(ends[-1] + value)
    x = Linear(min(ends), max(ends) if max(ends) > min(ends) else min(ends) + 1, _LEFT, WIDTH - _RIGHT)
    start, end = reading.text(chart, "start"), reading.text(chart, "end")
    top = 22.0 if start or end else 4.0
    bottom = top + len(values) * _ROW + 6
    ticks = round_ticks(x.low, x.high, 4)
    shapes: list[Shape] = []
    for tick, label in zip(ticks, tick_labels(ticks, unit), strict=True):
        shapes += [Path(((x(tick), top), (x(tick), bottom)), "grid"), Label(x(tick), bottom + 16, label, "middle")]
    if start:
        shapes.append(Label(x(0.0), top - 8, start, "start"))
    if end:
        shapes.append(Label(x(ends[-1]), top - 8, end, "end"))
    for index, (label, value) in enumerate(zip(labels, values, strict=True)):
        y, left, right = top + index * _ROW, x(min(ends[index : index + 2])), x(max(ends[index : index + 2]))
        style = "back" if value < 0 else "remainder" if label == REMAINDER else "part"
        late = left > x.end * 0.5
        shapes += [
            Label(left - 6, y + 34, fitted(label, left - 10), "end", "name")
            if late
            else Label(left, y + 16, fitted(label, x.end - left), "start", "name"),
            Box(left, y + 22, max(right - left, 1.0), _BAR, style, f"{label}: {_amount(value, unit)}"),
            Label(right + 6, y + 34, _amount(value, unit), "start", "value"),
        ]
        if index + 1 < len(values):
            joint = x(ends[index + 1])
            shapes.append(Path(((joint, y + 22 + _BAR), (joint, y + 22 + _ROW)), "joint"))
    parts = "; ".join(f"{label} {_amount(value, unit)}" for label, value in zip(labels, values, strict=True))
    return Drawing(
        title=reading.text(chart, "title") or "Contributions",
        description=f"Contributions that add up: {parts}.",
        width=WIDTH,
        height=bottom + 24,
        shapes=tuple(shapes),
        wide=True,
    )


def _amount(value: float, unit: str) -> str:
    return whole_percent(value) if unit == "share" else figure(value, unit)
