"""Two shares of yes/no outcomes, compared at any time and at any count: no normal approximation, no minimum of events.

Errors are rare: an arm with no error in 300 requests has an estimated variance of nothing, and normal limits fail
there. Here each look multiplies an e-value, a likelihood ratio that is at most 1 on average whenever "the difference is
d" is true, so that it ever exceeds 1/a has probability at most a (Ville). The differences not yet excluded are the
interval. Turner, Grünwald (2023), Exact anytime-valid confidence intervals for contingency tables and beyond.
"""

import numpy as np

from triage.trial.sequential import SequentialTest
from triage.trial.verdict import Interval

_TINY = 1e-12


def proportion_sequence(
    champion_events: np.ndarray,
    champion_n: np.ndarray,
    challenger_events: np.ndarray,
    challenger_n: np.ndarray,
    *,
    confidence: float = 0.95,
    design_effect: float = 1.0,
    points: int = 400,
) -> SequentialTest:
    """The always-valid interval of challenger share minus champion share after the last of several looks.

    The arrays hold what was *new* at each look, shape (looks,). The numbers of requests must not depend on their
    outcomes. The alternative at each look is what the looks before it showed, so the first look only teaches.
    ``design_effect`` divides all counts: with it the interval is a good approximation, exact only at 1. ``points``
    differences of growing spacing are tried; limits are rounded outwards to them. Raises ValueError on more events than
    requests.
    """
    counts = np.array([champion_events, champion_n, challenger_events, challenger_n], dtype=np.float64) / design_effect
    if np.any(counts < 0) or np.any(counts[0] > counts[1]) or np.any(counts[2] > counts[3]):
        raise ValueError("a look has more events than requests, or negative counts: counts must be new at each look")
    x_a, n_a, x_b, n_b = counts
    totals = counts.sum(axis=1) * design_effect
    n_champion, n_challenger = round(totals[1]), round(totals[3])
    if not n_champion or not n_challenger:
        return SequentialTest(Interval(float("nan"), -1.0, 1.0, confidence), 1.0, n_champion, n_challenger)
    value = float(totals[2] / totals[3] - totals[0] / totals[1])
    grid = _grid(value, counts.sum(axis=1), points)
    p_a, p_b = _learned(x_a, n_a), _learned(x_b, n_b)
    log_e = np.zeros((2, len(grid)))
    best = np.zeros((2, len(grid)))
    for look in range(1, counts.shape[1]):
        null_a = _projection(p_a[look], p_b[look], n_a[look], n_b[look], grid)
        gain = _log_ratio(x_a[look], n_a[look], p_a[look], null_a)
        gain += _log_ratio(x_b[look], n_b[look], p_b[look], null_a + grid)
        above = p_b[look] - p_a[look] > grid
        log_e += np.where([above, ~above], gain, 0.0)
        best = np.maximum(best, log_e)
    needed = np.log(2 / (1 - confidence))
    excluded_below, excluded_above = best[0] >= needed, best[1] >= needed
    low = float(grid[np.flatnonzero(excluded_below).max()]) if excluded_below.any() else -1.0
    high = float(grid[np.flatnonzero(excluded_above).min()]) if excluded_above.any() else 1.0
    # When the difference itself moves between looks, all differences may end up excluded; the disputed span is kept.
    low, high = min(low, high), max(low, high)
    zero = int(np.flatnonzero(grid == 0.0)[0])
    p_value = float(min(1.0, 2 * np.exp(-best[:, zero].max())))
    return SequentialTest(Interval(value, low, high, confidence), p_value, n_champion, n_challenger)


def _grid(value: float, totals: np.ndarray, points: int) -> np.ndarray:
    """Differences to try: dense around the estimate, reaching the ends of [-1, 1], with 0 among them."""
    shares = (totals[[0, 2]] + 1) / (totals[[1, 3]] + 2)
    error = float(np.sqrt(np.sum(shares * (1 - shares) / totals[[1, 3]])))
    reach = np.geomspace(0.05 * error, 2.0, points // 2)
    grid = np.concatenate([value - reach, [value, 0.0], value + reach])
    return np.unique(np.clip(grid, -1 + 1e-9, 1 - 1e-9))


def _learned(events: np.ndarray, n: np.ndarray) -> np.ndarray:
    """The share as known before each look, from the looks before it (half an event added to either side)."""
    before = np.concatenate([[0.0], np.cumsum(events)[:-1]]), np.concatenate([[0.0], np.cumsum(n)[:-1]])
    return (before[0] + 0.5) / (before[1] + 1.0)


def _projection(p_a: float, p_b: float, n_a: float, n_b: float, difference: np.ndarray) -> np.ndarray:
    """The champion's share of the pair nearest to (p_a, p_b) among pairs that differ by ``difference``.

    Nearest in Kullback-Leibler divergence weighted by requests, found by bisection (the divergence is convex).
    """
    low, high = np.maximum(0.0, -difference) + _TINY, np.minimum(1.0, 1.0 - difference) - _TINY
    for _ in range(50):
        middle = (low + high) / 2
        slope = n_a * _slope(p_a, middle) + n_b * _slope(p_b, middle + difference)
        low, high = np.where(slope < 0, middle, low), np.where(slope < 0, high, middle)
    return (low + high) / 2


def _slope(p: float, share: np.ndarray) -> np.ndarray:
    inside = np.clip(share, _TINY, 1 - _TINY)
    return (inside - p) / (inside * (1 - inside))


def _log_ratio(events: float, n: float, p: float, null: np.ndarray) -> np.ndarray:
    null = np.clip(null, _TINY, 1 - _TINY)
    return events * np.log(p / null) + (n - events) * np.log((1 - p) / (1 - null))
