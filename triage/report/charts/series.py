"""A metric over time, with the windows shaded. A gap in the data is a gap in the line."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Any

from triage.numbers import axis_unit, figure, tick_labels
from triage.report.charts import reading
from triage.report.charts.drawing import Box, Dot, Drawing, KeyEntry, Label, Linear, Path, Shape, value_axis
from triage.report.charts.ticks import round_ticks, time_ticks

WIDTH, HEIGHT = 640.0, 236.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 12.0, 14.0, 30.0

Point = tuple[float, float]


def draw_series(chart: Mapping[str, Any]) -> Drawing:
    """``{"type": "series", name, unit, times, values, windows, onset, target, expected}``, times in Unix seconds."""
    name, unit = reading.text(chart, "name"), reading.text(chart, "unit")
    times, values = reading.shares(chart, "times"), reading.numbers(chart, "values")
    reading.beside(("times", times), ("values", values))
    expected = reading.numbers(chart, "expected") if chart.get("expected") else []
    if expected:
        reading.beside(("times", times), ("expected", expected))
    target, onset = reading.number(chart, "target"), reading.number(chart, "onset")
    windows = list(_windows(chart))
    known = [value for value in (*values, *expected, target) if value is not None]
    if not any(value is not None for value in values):
        raise reading.ChartFault("'values' holds no figure at all")

    x, y = _scales(times, windows, known)
    top, bottom, right = _TOP, HEIGHT - _BOTTOM, WIDTH - _RIGHT
    shapes: list[Shape] = []
    key = [KeyEntry("kpi", name)]
    for window, start, end in windows:
        style = "window-incident" if window == "incident" else "window-other"
        left, width = x(max(start, x.low)), x(min(end, x.high)) - x(max(start, x.low))
        if width > 0:
            shapes.append(Box(left, top, width, bottom - top, style, f"{window} window"))
            key.append(KeyEntry(style, f"{window} window"))
    ticks = round_ticks(y.low, y.high)
    shapes += value_axis(y, ticks, tick_labels(ticks, unit), _LEFT, right)
    shapes += _time_axis(x, bottom)
    if target is not None:
        shapes.append(Path(((_LEFT, y(target)), (right, y(target))), "target"))
        key.append(KeyEntry("target", f"target {figure(target, unit)}"))
    for run in _runs(times, expected):
        shapes.append(Path(tuple((x(t), y(v)) for t, v in _thinned(run, x)), "expected"))
    if expected:
        key.append(KeyEntry("expected", "expected"))
    for run in _runs(times, values):
        line = tuple((x(t), y(v)) for t, v in _thinned(run, x))
        shapes.append(Path(line, "kpi") if len(line) > 1 else Dot(*line[0], "kpi"))
    if onset is not None and x.low <= onset <= x.high:
        shapes.append(Path(((x(onset), top), (x(onset), bottom)), "onset"))
        key.append(KeyEntry("onset", "onset"))
    measured = f", in {axis_unit(unit)}" if axis_unit(unit) else ""
    return Drawing(
        title=f"{name} over time{measured}",
        description=_described(name, unit, values, len(windows)),
        width=WIDTH,
        height=HEIGHT,
        shapes=tuple(shapes),
        key=tuple(dict.fromkeys(key)),
        wide=True,
    )


def _windows(chart: Mapping[str, Any]) -> Iterator[tuple[str, float, float]]:
    for item in chart.get("windows") or ():
        if not isinstance(item, Mapping):
            raise reading.ChartFault("'windows' holds something that is no window")
        start, end = reading.number(item, "start"), reading.number(item, "end")
        if start is not None and end is not None:
            yield reading.text(item, "name"), start, end


def _scales(
    times: Sequence[float], windows: Sequence[tuple[str, float, float]], known: Sequence[float]
) -> tuple[Linear, Linear]:
    """Time over all samples and windows that touch them; values with some air, from zero where zero is near."""
    first, last = min(times), max(times)
    low, high = min(known), max(known)
    if 0 <= low <= 0.4 * high:
        low = 0.0
    air = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
    return (
        Linear(first, last if last > first else first + 1, _LEFT, WIDTH - _RIGHT),
        Linear(low if low == 0 else low - air, high + air, HEIGHT - _BOTTOM, _TOP),
    )


def _time_axis(x: Linear, bottom: float) -> Iterator[Shape]:
    yield Path(((x.start, bottom), (x.end, bottom)), "axis")
    for time, label in time_ticks(x.low, x.high):
        yield Path(((x(time), bottom), (x(time), bottom + 4)), "axis")
        place = min(max(x(time), x.start + 12), x.end - 22)
        yield Label(place, bottom + 18, label, "middle")


def _runs(times: Sequence[float], values: Sequence[float | None]) -> Iterator[list[Point]]:
    """Stretches without a gap: split where a value is missing, or where more than two samples in a row are."""
    ordered = sorted(zip(times, values, strict=True), key=lambda item: item[0]) if values else []
    steps = [later - earlier for (earlier, _), (later, _) in pairwise(ordered) if later > earlier]
    longest = 2.5 * median(steps) if steps else 0.0
    run: list[Point] = []
    for time, value in ordered:
        if run and (value is None or time - run[-1][0] > longest):
            yield run
            run = []
        if value is not None:
            run.append((time, value))
    if run:
        yield run


def _thinned(run: Sequence[Point], x: Linear) -> Iterable[Point]:
    """At most four points per unit of width (first, lowest, highest, last): the same picture from fewer bytes."""
    if len(run) <= 4 * WIDTH:
        return run
    columns: dict[int, list[Point]] = {}
    for point in run:
        columns.setdefault(int(x(point[0])), []).append(point)
    kept: list[Point] = []
    for column in columns.values():
        ends = {column[0], column[-1], min(column, key=lambda p: p[1]), max(column, key=lambda p: p[1])}
        kept += sorted(ends)
    return kept


def _described(name: str, unit: str, values: Sequence[float | None], windows: int) -> str:
    known = [value for value in values if value is not None]
    gaps = len(values) - len(known)
    return (
        f"{name}: {len(known)} samples between {figure(min(known), unit)} and {figure(max(known), unit)}, "
        f"last {figure(known[-1], unit)}; {gaps} samples missing; {windows} windows shaded."
    )
