"""Tests and distances for two histograms without an order: χ², G, Cramér's V, Jensen–Shannon."""

import numpy as np
from scipy.special import chdtrc, rel_entr, xlogy

from triage.drift.shift.two_sample import TwoSampleTest


def chi_square_test(baseline: np.ndarray, current: np.ndarray, design_effect: float = 1.0) -> TwoSampleTest:
    """Pearson's χ² of the 2 × B table of counts; the effect is Cramér's V.

    >>> test = chi_square_test(np.array([10, 20]), np.array([20, 10]))
    >>> round(test.effect, 4), round(test.p_value, 4)
    (0.3333, 0.0098)
    """
    observed, expected = _table(baseline, current)
    statistic = float(((observed - expected) ** 2 / expected).sum()) if expected.size else 0.0
    return _test("χ²", statistic, observed, design_effect)


def g_test(baseline: np.ndarray, current: np.ndarray, design_effect: float = 1.0) -> TwoSampleTest:
    """Likelihood-ratio test of the same table: 2·Σ O ln(O/E); the effect is √(G/N)."""
    observed, expected = _table(baseline, current)
    statistic = 2 * float(xlogy(observed, observed / expected).sum()) if expected.size else 0.0
    return _test("G", statistic, observed, design_effect)


def jensen_shannon(baseline: np.ndarray, current: np.ndarray) -> float:
    """Jensen–Shannon divergence in bits, between 0 (equal) and 1 (nothing in common); safe with empty bins."""
    if not baseline.sum() or not current.sum():
        return 0.0
    p, q = baseline / baseline.sum(), current / current.sum()
    middle = (p + q) / 2
    return max(0.0, float((rel_entr(p, middle) + rel_entr(q, middle)).sum() / 2 / np.log(2)))


def _table(baseline: np.ndarray, current: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    used = (baseline > 0) | (current > 0)
    observed = np.array([baseline[used], current[used]], np.float64)
    if not observed.size or not observed.sum(1).all():
        return observed, np.empty((2, 0))
    return observed, observed.sum(1, keepdims=True) * observed.sum(0, keepdims=True) / observed.sum()


def _test(method: str, statistic: float, observed: np.ndarray, design_effect: float) -> TwoSampleTest:
    n, m = (int(total) for total in observed.sum(1))
    bins = observed.shape[1]
    p_value = float(chdtrc(bins - 1, statistic / design_effect)) if bins > 1 else 1.0
    effect = float(np.sqrt(statistic / (n + m))) if n + m else 0.0
    return TwoSampleTest(method, effect, p_value, n, m)
