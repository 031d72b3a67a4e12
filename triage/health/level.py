"""How far a signal moved over the whole of a window, against what the season would have had it be."""

from dataclasses import dataclass

import numpy as np

from triage.health.robust import block_length, block_resample, effective_size
from triage.health.seasonal import BaselineKind, baseline_for
from triage.health.series import bounds
from triage.incident import Window
from triage.ports import Series

FEWEST_POINTS = 2
DRAWS = 1000
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Level:
    """Mean over the window, the mean expected, and their difference with a 95% interval; all in the signal's unit.

    ``times`` and ``expectation`` (shape (n,)) are the expected course over window and history, for a chart.
    """

    expected: float
    current: float
    shift: float
    low: float
    high: float
    baseline: BaselineKind
    times: np.ndarray
    expectation: np.ndarray


def level(series: Series, window: Window, rng: np.random.Generator) -> Level | str:
    """The level of ``series`` in ``window``, or the reason why it can't be told.

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
    expected = float(np.mean(found.expected[found.split :][known]))
    residual = found.current[known]
    shift = float(np.mean(residual))
    worth = effective_size(found.history[~np.isnan(found.history)]) / max(1, int((~np.isnan(found.history)).sum()))
    picks = block_resample(residual.size, block_length(residual.size, worth), DRAWS, rng)
    within = residual[picks].mean(axis=1) - shift
    past = _means_of_windows(found.history, found.current.size)
    between = rng.choice(past - past.mean(), size=DRAWS) if past.size > 1 else np.zeros(DRAWS)
    low, high = np.quantile(shift + within - between, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Level(expected, expected + shift, shift, float(low), float(high), found.kind, found.times, found.expected)


def _means_of_windows(history: np.ndarray, points: int) -> np.ndarray:
    """Means of the disjoint windows of ``points`` points that end with history, those at least half known."""
    count = history.size // points
    table = history[history.size - count * points :].reshape(count, points)
    table = table[np.mean(~np.isnan(table), axis=1) >= 0.5]
    return np.nanmean(table, axis=1) if table.size else np.zeros(0)
