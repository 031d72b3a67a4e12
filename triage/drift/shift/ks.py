"""Kolmogorov–Smirnov distance, read from histograms with a bound on what the bins hide."""

import numpy as np
from scipy.special import kolmogorov

from triage.drift.shift.two_sample import TwoSampleTest


def ks_binned(baseline: np.ndarray, current: np.ndarray, atoms: np.ndarray | None = None) -> tuple[float, float]:
    """sup|F - G| at the bin edges, and how much larger it can be inside a bin.

    ``baseline`` and ``current`` are counts of shape (B,) on ascending bins; ``atoms`` (bool, shape (B,)) marks bins
    that a single value fills, inside of which nothing is hidden. Within a bin F - G can rise by F's mass there before
    G's sets in, or fall by G's: that gives the bound.
    """
    if not baseline.sum() or not current.sum():
        return 0.0, 0.0
    f, g = baseline / baseline.sum(), current / current.sum()
    after = np.cumsum(f) - np.cumsum(g)
    before = np.concatenate(([0.0], after[:-1]))
    distance = float(np.abs(after).max())
    reach = np.maximum(before + f, g - before)
    if atoms is not None:
        reach = np.where(atoms, 0.0, reach)
    return distance, max(0.0, float(reach.max()) - distance)


def ks_p_value(distance: float, n_baseline: float, n_current: float) -> float:
    """Asymptotic two-sided p-value (Kolmogorov 1933; Smirnov 1939); conservative where values tie."""
    if n_baseline <= 0 or n_current <= 0:
        return 1.0
    return float(kolmogorov(np.sqrt(n_baseline * n_current / (n_baseline + n_current)) * distance))


def ks_test(
    baseline: np.ndarray, current: np.ndarray, atoms: np.ndarray | None = None, design_effect: float = 1.0
) -> TwoSampleTest:
    """`ks_binned` as a test; the windows count for n and m over ``design_effect`` independent rows."""
    distance, error = ks_binned(baseline, current, atoms)
    n, m = int(baseline.sum()), int(current.sum())
    p_value = ks_p_value(distance, n / design_effect, m / design_effect)
    return TwoSampleTest("Kolmogorov–Smirnov", distance, p_value, n, m, error)
