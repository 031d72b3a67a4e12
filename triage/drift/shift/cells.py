"""One column counted in 65,536 cells (`ranks`), with its values at hand: what the exact search looks into."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from triage.drift.profiles.columns import numbers
from triage.drift.profiles.edges import centre_and_scale
from triage.drift.profiles.loops import CELLS, HIGHEST, LOWEST, count_in_cells, find_ties, pick

_SAMPLE = 1 << 14


@dataclass(frozen=True, slots=True)
class Axis:
    """The cells: `ranks` of ``(x - shift) * scale``."""

    shift: float
    scale: float


@dataclass(frozen=True, slots=True)
class Cells:
    """One column: its values with the ``ranks`` of their cells, part by part, ``counts`` by cell, and rows ``missing``
    (null, NaN)."""

    axis: Axis
    parts: tuple[np.ndarray, ...]
    ranks: tuple[np.ndarray, ...]
    counts: np.ndarray
    missing: int

    @property
    def size(self) -> int:
        return int(self.counts.sum())

    def inside(self, chosen: np.ndarray) -> np.ndarray:
        """The values in the cells marked in ``chosen`` (bool by rank, shape (65536,)), ascending."""
        found, n = np.empty(int(self.counts[chosen].sum())), 0
        if len(found):
            for values, ranks in zip(self.parts, self.ranks, strict=True):
                n += pick(values, ranks, chosen, found[n:])
        return np.sort(found)


def axis_of(values: np.ndarray) -> Axis:
    """Cells that suit ``values`` (float64, shape (n,)): a sample of them is enough."""
    finite = values[:: max(1, len(values) // _SAMPLE)]
    finite = finite[np.isfinite(finite)]
    return Axis(*centre_and_scale(finite)) if len(finite) else Axis(0.0, 1.0)


def cells_of(column: pa.ChunkedArray, axis: Axis) -> Cells:
    """Count one column of numbers in the cells of ``axis``. Infinities count as the largest values there are."""
    found = [numbers(chunk) for chunk in column.chunks]
    parts = tuple(part.values for part in found)
    ranks = tuple(np.empty(len(values), np.uint16) for values in parts)
    counts = np.zeros(CELLS, np.int64)
    for values, places in zip(parts, ranks, strict=True):
        count_in_cells(values, axis.shift, axis.scale, places, counts)
    numbered = np.zeros(CELLS, np.int64)
    numbered[LOWEST : HIGHEST + 1] = counts[LOWEST : HIGHEST + 1]
    missing = sum(part.nulls for part in found) + int((counts - numbered).sum())
    return Cells(axis, parts, ranks, numbered, missing)


def ties(columns: tuple[Cells, ...], chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The value of each chosen cell that holds only one in all ``columns`` (float64 by rank, else NaN), and the chosen
    cells that hold more."""
    one, several = np.full(CELLS, np.nan), np.zeros(CELLS, bool)
    for column in columns:
        for values, ranks in zip(column.parts, column.ranks, strict=True):
            find_ties(values, ranks, chosen, one, several)
    one[several] = np.nan
    return one, several
