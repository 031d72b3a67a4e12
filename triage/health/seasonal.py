"""What a signal would be now if nothing had changed: the same time of week, of day, or the recent level."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from triage.health.robust import robust_scale
from triage.health.series import DAY_SECONDS, WEEK_SECONDS, between, resample, step_seconds, tidy
from triage.ports import Series

FEWEST_PERIODS = 3
FEWEST_POINTS = 12
LEAST_COVERAGE = 0.5
WORTH_CHANGING = 0.85
FINEST_PARTS = 2_016
MOST_DAYS = 14
MOST_RECENT_BLOCKS = 500
LEAST_RECENT_SECONDS = 3 * 3_600.0
"""So that an incident an hour before a short window is not taken for the usual level."""


class BaselineKind(StrEnum):
    WEEKLY = "same time of week"
    DAILY = "same time of day"
    RECENT = "recent window"


@dataclass(frozen=True, slots=True)
class Baseline:
    """A signal beside what was to be expected of it, on one regular grid that ends with the current window.

    ``values``, ``expected`` and ``residual = values - expected`` have the shape (n,) of ``times``, NaN where not
    known; the current window is ``[split:]``, everything before it is history. History is expected from the *other*
    periods, never from itself. ``scale`` is the robust standard deviation of the healthy residual.
    """

    kind: BaselineKind
    periods: int
    step_seconds: float
    times: np.ndarray
    values: np.ndarray
    expected: np.ndarray
    residual: np.ndarray
    split: int
    scale: float

    @property
    def history(self) -> np.ndarray:
        return self.residual[: self.split]

    @property
    def current(self) -> np.ndarray:
        return self.residual[self.split :]


def baseline_for(
    series: Series, start: float, end: float, *, step: float | None = None, most_weeks: int = 8
) -> Baseline | str:
    """The baseline of ``series`` for the current window ``[start, end)``, or the reason why there is none.

    Of the folds for which at least three past periods are covered (week, then day), and the recent level, the one is
    taken that predicted history best; a longer period is left only for one that is at least 15% better, so that noise
    does not choose. Each expectation is a median: up to half the past periods may hold incidents of their own.
    """
    clean = tidy(series)
    if not np.any(~np.isnan(clean.values)):
        return "no samples at all"
    past = between(clean, start - most_weeks * WEEK_SECONDS, start)
    past = Series(past.labels, past.times[~np.isnan(past.values)], past.values[~np.isnan(past.values)])
    if past.times.size < FEWEST_POINTS:
        return f"only {past.times.size} samples before the window, {FEWEST_POINTS} are needed for a baseline"
    usual = step_seconds(past) if step is None else step
    width = _folding_step(max(usual, (end - start) / FINEST_PARTS))
    count = max(1, int(np.ceil((end - start) / width - 1e-9)))
    length = int((start - past.times[0]) // width) + 1
    grid = resample(clean, start - length * width, start + count * width, width)
    options = [
        expectation
        for kind, period in ((BaselineKind.WEEKLY, WEEK_SECONDS), (BaselineKind.DAILY, DAY_SECONDS))
        if (expectation := _folded(kind, grid.values, length, round(period / width))) is not None
    ]
    options.append(
        _recent(grid.values, length, count, reach=max(3 * count, FEWEST_POINTS, round(LEAST_RECENT_SECONDS / width)))
    )
    best = options[0]
    for option in options[1:]:
        if option.error < WORTH_CHANGING * best.error:
            best = option
    residual = grid.values - best.expected
    return Baseline(
        kind=best.kind,
        periods=best.periods,
        step_seconds=width,
        times=grid.times,
        values=grid.values,
        expected=best.expected,
        residual=residual,
        split=length,
        scale=robust_scale(residual[:length]),
    )


@dataclass(frozen=True, slots=True)
class _Expectation:
    kind: BaselineKind
    periods: int
    expected: np.ndarray
    error: float


def _folding_step(step: float) -> float:
    """The smallest step of at least ``step`` seconds that divides a day, so that phases of the grid line up."""
    return DAY_SECONDS / max(1, int(DAY_SECONDS / step + 1e-9))


def _folded(kind: BaselineKind, values: np.ndarray, split: int, period: int) -> _Expectation | None:
    """Expect the median of the same phase, and of its two neighbours, in the other periods."""
    most = MOST_DAYS * period if kind is BaselineKind.DAILY else values.size
    older = max(0, values.size - period - most)
    values, split = values[older:], split - older
    rows = -(-values.size // period)
    folded = np.full(rows * period, np.nan)
    folded[rows * period - values.size :] = values
    hidden = rows * period - values.size + split
    folded[hidden:] = np.nan
    table = folded.reshape(rows, period)
    needed = np.arange(hidden, rows * period) % period
    covered = np.mean(~np.isnan(table[:, needed]), axis=1) >= LEAST_COVERAGE
    if int(covered.sum()) < FEWEST_PERIODS:
        return None
    wide = _with_neighbours(table)
    expected = np.empty_like(table)
    for row in range(rows):
        others = np.delete(wide, row, axis=0).reshape(-1, period)
        expected[row] = _median_of_columns(others)
    flat = expected.reshape(-1)[rows * period - values.size :]
    error = _typical_error(values[:split] - flat[:split])
    return _Expectation(kind, int(covered.sum()), np.concatenate((np.full(older, np.nan), flat)), error)


def _with_neighbours(table: np.ndarray) -> np.ndarray:
    """Shape (rows, 3, period): each value with the one before and the one after it."""
    flat = table.reshape(-1)
    before = np.concatenate(([np.nan], flat[:-1])).reshape(table.shape)
    after = np.concatenate((flat[1:], [np.nan])).reshape(table.shape)
    return np.stack((before, table, after), axis=1)


def _recent(values: np.ndarray, split: int, count: int, reach: int) -> _Expectation:
    """Expect of each ``count`` points the median of the ``reach`` points before them."""
    expected = np.full(values.size, np.nan)
    for end in range(split, max(0, split - MOST_RECENT_BLOCKS * count), -count):
        seen = values[max(0, end - reach) : end]
        known = seen[~np.isnan(seen)]
        if known.size >= FEWEST_POINTS // 2:
            expected[end : end + count] = np.median(known)
    return _Expectation(BaselineKind.RECENT, 1, expected, _typical_error(values[:split] - expected[:split]))


def _median_of_columns(table: np.ndarray) -> np.ndarray:
    """`numpy.nanmedian` down the columns, NaN without a warning where a column is empty."""
    ordered = np.sort(table, axis=0)
    known = np.sum(~np.isnan(table), axis=0)
    low = np.take_along_axis(ordered, np.maximum((known - 1) // 2, 0)[None], axis=0)[0]
    high = np.take_along_axis(ordered, np.minimum(known // 2, table.shape[0] - 1)[None], axis=0)[0]
    return np.where(known > 0, (low + high) / 2, np.nan)


def _typical_error(residual: np.ndarray) -> float:
    known = np.abs(residual[~np.isnan(residual)])
    return float(np.mean(np.minimum(known, np.quantile(known, 0.95)))) if known.size else float("inf")
