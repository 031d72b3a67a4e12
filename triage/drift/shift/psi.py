"""Population stability index: the symmetrised Kullback–Leibler divergence of binned shares, and what chance makes of
it.

Yurdakul (2018), "Statistical properties of population stability index": without change, PSI is about
(1/n + 1/m)·χ² with B - 1 degrees of freedom, so a limit means nothing without n.
"""

import numpy as np
from scipy.special import chdtrc, chdtri

from triage.drift.shift.two_sample import TwoSampleTest


def psi_terms(baseline: np.ndarray, current: np.ndarray) -> np.ndarray:
    """Each bin's contribution (q - p)·ln(q/p), in nats, from counts of shape (B,); all are ≥ 0.

    Half a count is added to every bin (Jeffreys), so that an empty bin weighs what n says and not what an epsilon
    says. Bins that are empty in both windows contribute nothing.
    """
    used = (baseline > 0) | (current > 0)
    bins = int(used.sum())
    if not bins or not baseline.sum() or not current.sum():
        return np.zeros(len(baseline))
    p = (baseline + 0.5) / (baseline.sum() + 0.5 * bins)
    q = (current + 0.5) / (current.sum() + 0.5 * bins)
    return np.where(used, (q - p) * np.log(q / p), 0.0)


def psi(baseline: np.ndarray, current: np.ndarray) -> float:
    """PSI of two histograms on the same bins, in nats; 0 for a window with itself.

    >>> round(psi(np.array([100_000, 300_000]), np.array([200_000, 200_000])), 4)
    0.2747
    """
    return float(psi_terms(baseline, current).sum())


def null_scale(n_baseline: float, n_current: float, design_effect: float = 1.0) -> float:
    """The factor before χ² when nothing changed."""
    return design_effect * (1 / n_baseline + 1 / n_current)


def null_mean(bins: int, n_baseline: float, n_current: float, design_effect: float = 1.0) -> float:
    """The PSI to expect when nothing changed.

    >>> round(null_mean(20, 500, 500), 3)
    0.076
    """
    return null_scale(n_baseline, n_current, design_effect) * max(bins - 1, 0)


def null_quantile(share: float, bins: int, n_baseline: float, n_current: float, design_effect: float = 1.0) -> float:
    """The PSI that is exceeded with probability 1 - ``share`` when nothing changed."""
    if bins < 2:
        return 0.0
    return null_scale(n_baseline, n_current, design_effect) * float(chdtri(bins - 1, 1 - share))


def psi_test(baseline: np.ndarray, current: np.ndarray, design_effect: float = 1.0) -> TwoSampleTest:
    """PSI with the p-value of its χ² null; ``bins`` are those used in either window."""
    n, m = int(baseline.sum()), int(current.sum())
    bins = used_bins(baseline, current)
    value = psi(baseline, current)
    p_value = float(chdtrc(bins - 1, value / null_scale(n, m, design_effect))) if bins > 1 and n and m else 1.0
    return TwoSampleTest("PSI", value, p_value, n, m)


def used_bins(baseline: np.ndarray, current: np.ndarray) -> int:
    """Bins that hold something in either window: the B of the null distribution."""
    return int(((baseline > 0) | (current > 0)).sum())
