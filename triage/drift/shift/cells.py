"""One column counted in 65,536 cells (`keys`), with its values kept by cell: what the exact search looks into."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from triage.drift.profiles.columns import numbers
from triage.drift.profiles.edges import centre_and_scale
from triage.drift.profiles.keys import CELLS, cell_bits, rank_of_key

_SLICE_ROWS = 1 << 17
_SAMPLE = 1 << 14


@dataclass(frozen=True, slots=True)
class Axis:
    """The cells: `keys` of ``(x - shift) * scale``."""

    shift: float
    scale: float

    def bits(self, values: np.ndarray) -> np.ndarray:
        """The cell (upper half) of each value and its place within (lower half), uint32; sign and magnitude."""
        with np.errstate(over="ignore"):
            return cell_bits(values + (0.0 - self.shift), self.scale)  # -0.0 + 0.0 is 0.0


@dataclass(frozen=True, slots=True)
class Cells:
    """One column: its values that are not NaN and their ``keys``, part by part; ``counts`` by cell in ascending
    order; rows ``missing`` (null, NaN)."""

    axis: Axis
    parts: tuple[np.ndarray, ...]
    keys: tuple[np.ndarray, ...]
    counts: np.ndarray
    missing: int

    @property
    def size(self) -> int:
        return int(self.counts.sum())

    def inside(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The values in the cells marked in ``chosen`` (bool by rank, shape (65536,)), with their ranks."""
        rank = rank_of_key()
        if not chosen.any():
            return np.empty(0), np.empty(0, np.int64)
        by_key = chosen[rank]
        values, keys = [np.empty(0)], [np.empty(0, np.uint16)]
        for part, part_keys in zip(self.parts, self.keys, strict=True):
            picked = np.flatnonzero(by_key.take(part_keys))
            values.append(part.take(picked))
            keys.append(part_keys.take(picked))
        return np.concatenate(values), rank.take(np.concatenate(keys))


def axis_of(values: np.ndarray) -> Axis:
    """Cells that suit ``values`` (float64, shape (n,)): a sample of them is enough."""
    finite = values[:: max(1, len(values) // _SAMPLE)]
    finite = finite[np.isfinite(finite)]
    return Axis(*centre_and_scale(finite)) if len(finite) else Axis(0.0, 1.0)


def cells_of(column: pa.ChunkedArray, axis: Axis) -> Cells:
    """Count one column of numbers in the cells of ``axis``. Infinities count as the largest values there are."""
    parts, kept, counts, missing = [], [], np.zeros(CELLS, np.int64), 0
    for chunk in column.chunks:
        found = numbers(chunk)
        values = found.values
        with np.errstate(invalid="ignore"):
            unclean = np.isnan(values.sum())  # also where both infinities are met
        if unclean:
            values = values[~np.isnan(values)]
        missing += found.nulls + len(found.values) - len(values)
        for start in range(0, len(values), _SLICE_ROWS):
            part = values[start : start + _SLICE_ROWS]
            keys = (axis.bits(part) >> np.uint32(16)).astype(np.uint16)
            counts += np.bincount(keys, minlength=CELLS)
            parts.append(part)
            kept.append(keys)
    by_rank = np.zeros(CELLS, np.int64)
    by_rank[rank_of_key()] = counts
    return Cells(axis, tuple(parts), tuple(kept), by_rank, missing)
