"""Metric series made fit to compute with: sorted, one value per time, NaN a gap, counters as rates, regular grids.

Times are Unix seconds (UTC). A day in the fold of a grid is therefore a UTC day: a local clock that changes to summer
time moves its traffic by an hour against it.
"""

import numpy as np

from triage.incident import Window
from triage.ports import Series

DAY_SECONDS = 86_400.0
WEEK_SECONDS = 7 * DAY_SECONDS


def tidy(series: Series) -> Series:
    """Ascending times, one value for each: of samples at one time the last that is a number; infinities become gaps.

    Raises ValueError when times and values differ in shape or are not one-dimensional.
    """
    times = np.asarray(series.times, dtype=np.float64)
    values = np.asarray(series.values, dtype=np.float64)
    if times.ndim != 1 or times.shape != values.shape:
        raise ValueError(f"times {times.shape} and values {values.shape} of a series must be one-dimensional and equal")
    values = np.where(np.isfinite(values), values, np.nan)
    timed = np.isfinite(times)
    times, values = times[timed], values[timed]
    order = np.lexsort((~np.isnan(values), times))
    times, values = times[order], values[order]
    last_of_each = np.append(times[1:] != times[:-1], True) if times.size else np.zeros(0, dtype=bool)
    return Series(series.labels, times[last_of_each], values[last_of_each])


def between(series: Series, start: float, end: float) -> Series:
    """The samples of a tidy series with ``start <= time < end``."""
    low, high = np.searchsorted(series.times, [start, end], side="left")
    return Series(series.labels, series.times[low:high], series.values[low:high])


def step_seconds(series: Series) -> float:
    """The usual distance between samples of a tidy series (their median); NaN with fewer than two samples."""
    if series.times.size < 2:
        return float("nan")
    return float(np.median(np.diff(series.times)))


def bounds(window: Window) -> tuple[float, float]:
    """A window's ends in Unix seconds."""
    return window.start.timestamp(), window.end.timestamp()


def rate(counter: Series, *, max_gap_seconds: float | None = None) -> Series:
    """Increase per second of a counter, at the later time of each pair of samples; shape (n - 1,).

    After a reset the counter's value is what it gained, as Prometheus counts it. Across a silence longer than
    ``max_gap_seconds`` (default: five usual steps) the rate is a gap: resets in it can't be seen.
    """
    clean = tidy(counter)
    known = ~np.isnan(clean.values)
    times, values = clean.times[known], clean.values[known]
    if times.size < 2:
        return Series(counter.labels, np.zeros(0), np.zeros(0))
    gained = np.diff(values)
    gained = np.where(gained < 0, values[1:], gained)
    elapsed = np.diff(times)
    limit = 5 * float(np.median(elapsed)) if max_gap_seconds is None else max_gap_seconds
    return Series(counter.labels, times[1:], np.where(elapsed > limit, np.nan, gained / elapsed))


def resample(series: Series, start: float, end: float, step: float) -> Series:
    """Means over the buckets ``[start + k*step, start + (k+1)*step)`` up to ``end``; a bucket without samples is NaN.

    Times are the buckets' starts. Raises ValueError when ``step`` is not positive.
    """
    if not step > 0:
        raise ValueError(f"a grid's step must be positive, not {step}")
    clean = between(tidy(series), start, end)
    count = max(0, int(np.ceil((end - start) / step - 1e-9)))
    times = start + step * np.arange(count)
    known = ~np.isnan(clean.values)
    bucket = np.minimum(((clean.times[known] - start) / step + 1e-9).astype(np.intp), max(count - 1, 0))
    n = np.bincount(bucket, minlength=count).astype(np.float64)
    total = np.bincount(bucket, weights=clean.values[known], minlength=count)
    values = np.full(count, np.nan)
    np.divide(total, n, out=values, where=n > 0)
    return Series(series.labels, times, values)


def coverage(series: Series, start: float, end: float, step: float) -> float:
    """Share of the buckets of ``step`` seconds in ``[start, end)`` that hold at least one number; 0 to 1."""
    grid = resample(series, start, end, step)
    return float(np.mean(~np.isnan(grid.values))) if grid.values.size else 0.0
