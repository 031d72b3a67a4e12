"""What chance, season and the number of features do to a statistic, learned from past healthy windows where there are
any."""

import numpy as np

MAD_TO_SD = 1.4826


def robust_z(value: float, past: np.ndarray, floor: float = 0.0) -> float:
    """How many robust standard deviations ``value`` lies from the median of ``past`` (shape (h,)); NaN without two
    values.

    The scale is 1.4826·MAD, at least ``floor``. Where past values are all equal any other value is infinitely far.
    """
    known = past[np.isfinite(past)]
    if len(known) < 2 or not np.isfinite(value):
        return float("nan")
    middle = float(np.median(known))
    scale = max(MAD_TO_SD * float(np.median(np.abs(known - middle))), floor)
    if value == middle:
        return 0.0
    return (value - middle) / scale if scale > 0 else float(np.copysign(np.inf, value - middle))


def robust_z_matrix(past: np.ndarray, floor: float) -> np.ndarray:
    """Each past value's robust z against all past values of its column; shape (h, features), NaN where not measured."""
    with np.errstate(all="ignore"):
        middle = np.nanmedian(past, axis=0)
        scale = np.maximum(MAD_TO_SD * np.nanmedian(np.abs(past - middle), axis=0), floor)
        return np.asarray((past - middle) / scale)


def max_t_threshold(past: np.ndarray, share: float, floor: float) -> float:
    """The ``share`` quantile, over past windows, of the largest |robust z| of any feature (Westfall & Young 1993,
    maxT).

    ``past`` has shape (h, features). A current |z| above it is a false alarm in at most 1 - ``share`` of healthy
    windows, however the features depend on each other. Infinite when there is no history.
    """
    scores = np.abs(robust_z_matrix(past, floor))
    scores = np.where(np.isfinite(scores), scores, 0.0)
    return float(np.quantile(scores.max(axis=1), share, method="higher")) if scores.size else float("inf")


def design_effect(past_psi: np.ndarray, expected: np.ndarray) -> float:
    """By how much rows that come in clusters inflate PSI: median of observed over expected in healthy windows, at
    least 1.

    ``past_psi`` and ``expected`` (`psi.null_mean`) have the same shape. Season inflates it too, which is meant.
    """
    usable = np.isfinite(past_psi) & (expected > 0)
    return max(1.0, float(np.median(past_psi[usable] / expected[usable]))) if usable.any() else 1.0


def adjust(p_values: np.ndarray, dependent: bool = True) -> np.ndarray:
    """p-values adjusted for their number: false discovery rate of Benjamini & Hochberg (1995), or, ``dependent``, of
    Benjamini & Yekutieli (2001), which holds for any dependence. NaN (not measured) stays NaN and doesn't count.

    >>> adjust(np.array([0.01, 0.02, 0.03, 0.5]), dependent=False).round(3).tolist()
    [0.04, 0.04, 0.04, 0.5]
    """
    from statsmodels.stats.multitest import multipletests  # a slow import, which only this needs

    adjusted = np.full(len(p_values), np.nan)
    measured = ~np.isnan(p_values)
    if measured.any():
        method = "fdr_by" if dependent else "fdr_bh"
        adjusted[measured] = multipletests(p_values[measured], method=method)[1]
    return adjusted
