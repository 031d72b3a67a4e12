"""Wasserstein distance (earth mover's), read from two histograms on the same bins."""

import numpy as np


def wasserstein_binned(
    baseline: np.ndarray, current: np.ndarray, low: np.ndarray, high: np.ndarray, atoms: np.ndarray | None = None
) -> tuple[float, float]:
    """∫|F - G| dx in the feature's unit, and a bound on its error.

    Counts, and the ends ``low`` and ``high`` of each bin, have shape (B,). Inside a bin both distribution functions
    are taken as straight lines; they can be off by the bin's mass there, which gives the bound. Bins without width add
    nothing.
    """
    if not baseline.sum() or not current.sum():
        return 0.0, 0.0
    f, g = baseline / baseline.sum(), current / current.sum()
    width = np.where(atoms, 0.0, high - low) if atoms is not None else high - low
    gap = np.concatenate(([0.0], np.cumsum(f - g)))
    left, right = gap[:-1], gap[1:]
    mean_gap = np.where(left * right >= 0, np.abs(left + right) / 2, _crossing(left, right))
    between = np.concatenate((np.maximum(0.0, low[1:] - low[:-1] - width[:-1]), [0.0]))
    distance = float((mean_gap * width).sum() + (np.abs(right) * between).sum())
    return distance, float((np.maximum(f, g) * width).sum())


def _crossing(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Mean of |line| from ``left`` to ``right`` where it changes sign."""
    total = np.abs(left) + np.abs(right)
    return np.divide(left**2 + right**2, 2 * total, out=np.zeros_like(total), where=total > 0)
