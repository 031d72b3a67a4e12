"""How large a shift is: a robust estimate, its interval, and what a rank test says of it."""

from dataclasses import dataclass

import numpy as np

from triage.health.robust import block_length, block_resample, effective_size, pairwise_shift
from triage.health.seasonal import Baseline

LEVEL = 0.95
DRAWS = 400


@dataclass(frozen=True, slots=True)
class Size:
    """How far a stretch of the window lies from history, in the signal's unit, with a 95% interval."""

    expected: float
    level: float
    shift: float
    low: float
    high: float
    p_value: float
    n_effective: float


def size_of_shift(baseline: Baseline, first: int, end: int, null: np.ndarray, rng: np.random.Generator) -> Size:
    """Hodges–Lehmann shift of points ``[first, end)`` of the window; its interval joins their block bootstrap with the
    wandering of past stretches, whose medians are ``null``.

    How much an autocorrelated value is worth is read from history: a step inside the window would look like it.
    """
    part = baseline.current[first:end]
    current = part[~np.isnan(part)]
    history = baseline.history[~np.isnan(baseline.history)]
    reference = history if history.size else np.zeros(1)
    shift = pairwise_shift(current, reference)
    worth = effective_size(reference) / reference.size
    picks = block_resample(current.size, block_length(current.size, worth), DRAWS, rng)
    draws = np.median(current[picks], axis=1) - np.median(current)
    if null.size:
        draws = draws - rng.choice(null - np.median(null), size=DRAWS)
    low, high = np.quantile(shift + draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    n_effective = max(1.0, worth * current.size)
    return Size(
        expected=float(np.nanmedian(baseline.expected[baseline.split :][first:end])),
        level=float(np.nanmedian(baseline.values[baseline.split :][first:end])),
        shift=shift,
        low=float(min(low, shift)),
        high=float(max(high, shift)),
        p_value=mann_whitney(current, reference, n_effective, worth * reference.size),
        n_effective=n_effective,
    )


def mann_whitney(current: np.ndarray, baseline: np.ndarray, n_current: float, n_baseline: float) -> float:
    """Two-sided p-value of the Mann–Whitney test by its normal approximation, with *effective* sample sizes.

    The probability that a current value exceeds a baseline value is taken from all of them, ties split; its standard
    error from ``n_current`` and ``n_baseline`` independent ones: sqrt((m + n + 1) / (12 m n)). Never below the
    smallest p-value that so few values can give, 2 m! n! / (m + n)!.
    """
    from scipy.special import gammaln, ndtr

    ordered = np.sort(baseline)
    below = np.searchsorted(ordered, current, side="left")
    upto = np.searchsorted(ordered, current, side="right")
    exceeds = float(np.mean(below + upto)) / (2 * ordered.size)
    error = np.sqrt((n_current + n_baseline + 1) / (12 * n_current * n_baseline))
    smallest = 2 * np.exp(gammaln(n_current + 1) + gammaln(n_baseline + 1) - gammaln(n_current + n_baseline + 1))
    return float(min(1.0, max(2 * ndtr(-abs(exceeds - 0.5) / error), smallest)))
