"""How far a signal moved over the whole of a window, against what the season would have had it be."""

from dataclasses import dataclass

import numpy as np

from triage.health.robust import block_length, block_resample, effective_size
from triage.health.seasonal import Baseline, BaselineKind, baseline_for
from triage.health.series import bounds, resample
from triage.incident import Window
from triage.ports import Series

FEWEST_POINTS = 2
DRAWS = 1000
LEVEL = 0.95
_LEAST_WEIGHT = 1e-6


@dataclass(frozen=True, slots=True)
class Level:
    """Mean over the window, the mean expected, and their difference with a 95% interval; all in the signal's unit, and
    each point weighed by its traffic where that is known (``weighed``).

    ``times`` and ``expectation`` (shape (n,)) are the expected course over window and history, for a chart.
    """

    expected: float
    current: float
    shift: float
    low: float
    high: float
    baseline: BaselineKind
    weighed: bool
    times: np.ndarray
    expectation: np.ndarray


def level(series: Series, window: Window, rng: np.random.Generator, traffic: Series | None = None) -> Level | str:
    """The level of ``series`` in ``window``, or the reason why it can't be told.

    ``traffic`` (events per second, its times those of the steps it tells of, as the series' are) weighs the points of a
    ratio, so that the level is that of all events and not of the average hour; what was expected is weighed alike.

    The interval joins a block bootstrap of the window's residuals (Künsch 1989) with the spread of the means of past
    windows of the same length, which holds what the seasonal baseline does not know.
    """
    start, end = bounds(window)
    found = baseline_for(series, start, end)
    if isinstance(found, str):
        return found
    known = ~np.isnan(found.current)
    if known.sum() < FEWEST_POINTS:
        return f"only {int(known.sum())} of {known.size} points of the window hold a number"
    weights = _weights(traffic, found)
    now = weights[found.split :][known]
    expected = float(np.average(found.expected[found.split :][known], weights=now))
    residual = found.current[known]
    shift = float(np.average(residual, weights=now))
    worth = effective_size(found.history[~np.isnan(found.history)]) / max(1, int((~np.isnan(found.history)).sum()))
    picks = block_resample(residual.size, block_length(residual.size, worth), DRAWS, rng)
    within = (residual * now)[picks].sum(axis=1) / now[picks].sum(axis=1) - shift
    past = _means_of_windows(found.history, weights[: found.split], found.current.size)
    between = rng.choice(past - past.mean(), size=DRAWS) if past.size > 1 else np.zeros(DRAWS)
    low, high = np.quantile(shift + within - between, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Level(
        expected,
        expected + shift,
        shift,
        float(low),
        float(high),
        found.kind,
        traffic is not None and bool(np.ptp(weights)),
        found.times,
        found.expected,
    )


def _weights(traffic: Series | None, found: Baseline) -> np.ndarray:
    """The weight of each point, float64 of shape (n,), above 0: its traffic; the usual one where that is not known."""
    if traffic is None:
        return np.ones(found.times.size)
    step = found.step_seconds
    seen = resample(traffic, float(found.times[0]), float(found.times[-1]) + step, step).values[: found.times.size]
    known = seen[np.isfinite(seen) & (seen > 0)]
    if not known.size:
        return np.ones(found.times.size)
    usual = float(np.median(known))
    # A moment without traffic has no ratio either; a little weight keeps it from being divided by.
    return np.maximum(np.where(np.isfinite(seen), seen, usual), usual * _LEAST_WEIGHT)


def _means_of_windows(history: np.ndarray, weights: np.ndarray, points: int) -> np.ndarray:
    """Means of the disjoint windows of ``points`` points that end with history, those at least half known."""
    count = history.size // points
    values, weight = (part[history.size - count * points :].reshape(count, points) for part in (history, weights))
    known = ~np.isnan(values)
    usable = known.mean(axis=1) >= 0.5
    weight = np.where(known, weight, 0.0)[usable]
    return (np.nan_to_num(values[usable]) * weight).sum(axis=1) / weight.sum(axis=1)
