"""Cells: 65,536 intervals that any column of numbers is counted in, numbered in ascending order of value (`loops`)."""

import numpy as np

from triage.drift.profiles.loops import ZERO_RANK, write_ranks


def cell_ranks(centred: np.ndarray, scale: float) -> np.ndarray:
    """Ranks, uint16 of shape (n,), of the cells of ``centred`` (float64, shape (n,), no NaN) times ``scale``."""
    found = np.empty(len(centred), np.uint16)
    write_ranks(np.ascontiguousarray(centred), 0.0, scale, found)
    return found


def lower_bound(ranks: np.ndarray, scale: float) -> np.ndarray:
    """Where the cells numbered ``ranks`` begin, in centred units; ±inf past the largest finite cell."""
    ranks = np.asarray(ranks, np.int64)
    bits = np.where(ranks >= ZERO_RANK, ranks - ZERO_RANK, ZERO_RANK - ranks)
    power = np.minimum(bits, 0x7F80).astype(np.uint32) << np.uint32(16)
    magnitude = power.view(np.float32).astype(np.float64) ** 0.25
    return np.where(ranks >= ZERO_RANK, magnitude, -magnitude) / scale
