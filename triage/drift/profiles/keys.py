"""Sixteen-bit keys that keep the order of numbers, so that a histogram of any column is one `bincount`.

A centred and scaled value t is raised to t·|t|³ in single precision; the upper half of its bit pattern (sign, 8 bits of
exponent, 7 of mantissa) is the key. The power stretches the mantissa: cells are 0.1–0.2% of |t| wide (512 to an
octave), for |t| from 2⁻³¹ to 2³¹. Each step rounds monotonically, so a cell is an interval, and counts by cell are
exact.
"""

import sys
from functools import cache

import numpy as np

CELLS = 1 << 16
ZERO_RANK = 1 << 15
_NARROW = 2.0**-60, 2.0**60
"""Powers of two by which single precision can be multiplied as well as double: what overflows or vanishes on the way
lies past the largest cell, or in the smallest one."""
_HIGH_HALF = 1 if sys.byteorder == "little" else 0


def cell_keys(centred: np.ndarray, scale: float) -> np.ndarray:
    """Keys, uint16 of shape (n,), of ``centred`` (float64, finite, shape (n,)) times ``scale``.

    Keys order like sign and magnitude, not like numbers: see `rank_of_key`. What overflows gets the key of
    infinity; -0.0 has a cell of its own, just below that of 0.0.
    """
    with np.errstate(over="ignore", under="ignore"):
        return write_keys(centred, scale, np.empty(len(centred), np.float32), np.empty(len(centred), np.float32))


def write_keys(centred: np.ndarray, scale: float, power: np.ndarray, magnitude: np.ndarray) -> np.ndarray:
    """Like `cell_keys`, in the caller's buffers (float32, shape (n,)): the keys are a view of ``power``."""
    if _NARROW[0] <= scale <= _NARROW[1]:
        np.copyto(power, centred, casting="same_kind")
        power *= np.float32(scale)
    else:
        np.multiply(centred, scale, out=power, casting="same_kind")
    np.abs(power, out=magnitude)
    power *= magnitude
    np.abs(power, out=magnitude)
    power *= magnitude
    return power.view(np.uint16)[_HIGH_HALF::2]


def cell_bits(centred: np.ndarray, scale: float) -> np.ndarray:
    """Uint32 of shape (n,): the key above, the place within the cell below, both as sign and magnitude."""
    with np.errstate(over="ignore", under="ignore"):
        power, magnitude = np.empty(len(centred), np.float32), np.empty(len(centred), np.float32)
        write_keys(centred, scale, power, magnitude)
    return power.view(np.uint32)


@cache
def rank_of_key() -> np.ndarray:
    """For each of the 65,536 keys its rank in ascending order of value, int64, not to be written to."""
    keys = np.arange(CELLS)
    ranks = np.where(keys < ZERO_RANK, keys + ZERO_RANK, CELLS - 1 - keys)
    ranks.flags.writeable = False
    return ranks


def cell_ranks(centred: np.ndarray, scale: float) -> np.ndarray:
    """Ranks, uint16 of shape (n,): the cells of ``centred`` numbered in ascending order of value."""
    keys = np.ascontiguousarray(cell_keys(centred, scale))
    # All bits of a negative key are turned over, of a positive one the sign alone.
    return keys ^ ((keys.view(np.int16) >> 15).view(np.uint16) | np.uint16(ZERO_RANK))


def lower_bound(ranks: np.ndarray, scale: float) -> np.ndarray:
    """Where the cells numbered ``ranks`` begin, in centred units; ±inf past the largest finite cell."""
    ranks = np.asarray(ranks, np.int64)
    bits = np.where(ranks >= ZERO_RANK, ranks - ZERO_RANK, ZERO_RANK - ranks)
    power = np.minimum(bits, 0x7F80).astype(np.uint32) << np.uint32(16)
    magnitude = power.view(np.float32).astype(np.float64) ** 0.25
    return np.where(ranks >= ZERO_RANK, magnitude, -magnitude) / scale
