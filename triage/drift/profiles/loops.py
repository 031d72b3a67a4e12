"""The loops that go over every value, in one file (`compiled` says why): ranks, and what is counted by them.

A centred and scaled value t is raised to t·|t|³ in single precision; the upper half of its bit pattern (sign, 8 bits of
exponent, 7 of mantissa) is its cell. The power stretches the mantissa: cells are 0.1–0.2% of |t| wide (512 to an
octave), for |t| from 2⁻³¹ to 2³¹. Each step rounds monotonically, so a cell is an interval, and counts by cell are
exact. The rank of a cell is its place among the 65,536 in ascending order of value.

Values are taken in blocks that stay in the processor's nearest cache, one short loop after the other, so that each
works on several values at once.
"""

import numpy as np
from numba import boolean, float64, int64, uint16
from numba.extending import register_jitable

from triage.drift.profiles.compiled import compiled, read_only

CELLS = 1 << 16
ZERO_RANK = 1 << 15
LOWEST, HIGHEST = ZERO_RANK - 1 - 0x7F80, ZERO_RANK + 0x7F80
"""The ranks of both infinities; that of NaN is past one of them."""
_LARGEST = 1e300
_BLOCK = 1 << 11
_LANES = 16


@register_jitable
def _rank(centred: float, scale: float) -> np.uint16:
    """What overflows has the rank of infinity, -0.0 that of 0.0; that of NaN is below `LOWEST` or above `HIGHEST`."""
    scaled = np.float32((centred + 0.0) * scale)
    square = np.float32(scaled * scaled)
    cell = (np.float32(square * square).view(np.uint32) >> np.uint32(16)) & np.uint32(0x7FFF)
    return np.uint16(ZERO_RANK - 1 - cell if scaled.view(np.int32) < 0 else ZERO_RANK + cell)


@register_jitable
def _write_ranks(values: np.ndarray, shift: float, scale: float, ranks: np.ndarray) -> None:
    for i in range(len(values)):
        ranks[i] = _rank(values[i] - shift, scale)


@compiled(read_only(float64), float64, float64, uint16[::1])
def write_ranks(values: np.ndarray, shift: float, scale: float, ranks: np.ndarray) -> None:
    """Write the rank of each of ``values`` to ``ranks`` (uint16, same length)."""
    _write_ranks(values, shift, scale, ranks)


@register_jitable
def _summary(
    part: np.ndarray, shift: float, lows: np.ndarray, highs: np.ndarray, sums: np.ndarray, squares: np.ndarray
) -> tuple[float, float, float, float]:
    """Minimum and maximum of ``part``, NaN left out, and the sums of the centred values and of their squares. The four
    arrays hold the figures of every `_LANES`-th value, which do not wait for each other."""
    lows[:], highs[:], sums[:], squares[:] = np.inf, -np.inf, 0.0, 0.0
    whole = len(part) - len(part) % _LANES
    for first in range(0, whole, _LANES):
        for lane in range(_LANES):
            value = part[first + lane]
            centred = value - shift
            sums[lane] += centred
            squares[lane] += centred * centred
            lows[lane] = value if value < lows[lane] else lows[lane]
            highs[lane] = value if value > highs[lane] else highs[lane]
    for value in part[whole:]:
        centred = value - shift
        sums[0] += centred
        squares[0] += centred * centred
        lows[0] = value if value < lows[0] else lows[0]
        highs[0] = value if value > highs[0] else highs[0]
    return lows.min(), highs.max(), sums.sum(), squares.sum()


@compiled(read_only(float64), float64, float64, read_only(uint16), int64[::1])
def count_in_bins(
    values: np.ndarray, shift: float, scale: float, bin_of_rank: np.ndarray, counts: np.ndarray
) -> tuple[int, int, int, float, float, float, float]:
    """Add ``values`` to ``counts`` by bin. Returns how many are NaN, -inf and inf, the minimum and maximum of the
    others, the sum of these after centring and that of their squares, centred values past ±1e300 being that."""
    nans, below, above = 0, 0, 0
    minimum, maximum, sum_1, sum_2 = np.inf, -np.inf, 0.0, 0.0
    ranks = np.empty(_BLOCK, np.uint16)
    lows, highs, sums, squares = np.empty(_LANES), np.empty(_LANES), np.empty(_LANES), np.empty(_LANES)
    for start in range(0, len(values), _BLOCK):
        part = values[start : start + _BLOCK]
        low, high, total, total_of_squares = _summary(part, shift, lows, highs, sums, squares)
        if shift - _LARGEST <= low and high <= shift + _LARGEST and total == total:
            minimum, maximum = min(minimum, low), max(maximum, high)
            sum_1 += total
            sum_2 += total_of_squares
            _write_ranks(part, shift, scale, ranks)
            for i in range(len(part)):
                counts[bin_of_rank[ranks[i]]] += 1
            continue
        total, total_of_squares = 0.0, 0.0
        for value in part:
            if value != value:
                nans += 1
            elif value == -np.inf:
                below += 1
            elif value == np.inf:
                above += 1
            else:
                centred = min(max(value - shift, -_LARGEST), _LARGEST)
                minimum, maximum = min(minimum, value), max(maximum, value)
                total += centred
                total_of_squares += centred * centred
                counts[bin_of_rank[_rank(centred, scale)]] += 1
        sum_1 += total
        sum_2 += total_of_squares
    return nans, below, above, minimum, maximum, sum_1, sum_2


@compiled(read_only(float64), float64, float64, uint16[::1], int64[::1])
def count_in_cells(values: np.ndarray, shift: float, scale: float, ranks: np.ndarray, counts: np.ndarray) -> None:
    """Write the rank of each of ``values`` to ``ranks``, and add them to ``counts`` (by rank, shape (65536,))."""
    for start in range(0, len(values), _BLOCK):
        block = ranks[start : start + _BLOCK]
        _write_ranks(values[start : start + _BLOCK], shift, scale, block)
        for rank in block:
            counts[rank] += 1


@compiled(read_only(float64), read_only(uint16), read_only(boolean), float64[::1], boolean[::1])
def find_ties(values: np.ndarray, ranks: np.ndarray, chosen: np.ndarray, one: np.ndarray, several: np.ndarray) -> None:
    """Of each chosen cell, some value of it in ``one`` (NaN where there is none yet), and whether it has others."""
    for i in range(len(values)):
        rank = ranks[i]
        if chosen[rank] and one[rank] != values[i]:
            several[rank] = several[rank] or one[rank] == one[rank]
            one[rank] = values[i]


@compiled(read_only(float64), read_only(uint16), read_only(boolean), float64[::1])
def pick(values: np.ndarray, ranks: np.ndarray, chosen: np.ndarray, found: np.ndarray) -> int:
    """Write the values of the chosen cells to ``found``; give how many they are."""
    n = 0
    for i in range(len(values)):
        if chosen[ranks[i]]:
            found[n] = values[i]
            n += 1
    return n


@compiled(read_only(float64), read_only(int64), int64, read_only(float64), read_only(int64), int64, float64, float64)
def widest_gap(
    a: np.ndarray,
    below_a: np.ndarray,
    size_a: int,
    b: np.ndarray,
    below_b: np.ndarray,
    size_b: int,
    shift: float,
    scale: float,
) -> float:
    """The largest |F - G| at the values ``a`` and ``b``, both ascending; ``below`` counts those not among them, up to
    and with each cell."""
    i, j, widest = 0, 0, 0.0
    while i < len(a) or j < len(b):
        value = a[i] if j == len(b) or (i < len(a) and a[i] < b[j]) else b[j]
        while i < len(a) and a[i] == value:
            i += 1
        while j < len(b) and b[j] == value:
            j += 1
        rank = _rank(value - shift, scale)
        widest = max(widest, abs((below_a[rank] + i) / size_a - (below_b[rank] + j) / size_b))
    return widest
