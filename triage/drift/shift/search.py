"""Exact sup|F - G| and exact quantile bins of two columns, by branch and bound in place of a sort.

Both columns are counted in 65,536 cells (`keys`). Values are looked at only in cells where |F - G| can still exceed
what it reaches at cell borders, or where a quantile of the baseline lies. Of these, cells that hold one value are done;
the others are split in 64 and bounded again; what is open even then is sorted.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from triage.drift.profiles.columns import numbers
from triage.drift.profiles.edges import centre_and_scale
from triage.drift.profiles.groups import PARTS
from triage.drift.profiles.keys import CELLS, cell_bits, rank_of_key

_SLICE_ROWS = 1 << 17
_SPLIT_BITS = 6
_SORTED_AT_ONCE = 1 << 12
_MANY = 0.5
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
        by_key = chosen[rank]
        if not chosen.any():
            return np.empty(0), np.empty(0, np.int64)
        values, keys = [np.empty(0)], [np.empty(0, np.uint16)]
        for part, part_keys in zip(self.parts, self.keys, strict=True):
            picked = np.flatnonzero(by_key.take(part_keys))
            values.append(part.take(picked))
            keys.append(part_keys.take(picked))
        return np.concatenate(values), rank.take(np.concatenate(keys))


@dataclass(frozen=True, slots=True)
class Found:
    """``distance`` is sup|F - G|; ``baseline`` and ``current`` are counts between the quantiles of the baseline."""

    distance: float
    baseline: np.ndarray
    current: np.ndarray


@dataclass(frozen=True, slots=True)
class Held:
    """One column on a grid of cells: ``counts`` by cell in ascending order, ``values`` and their ``cells`` for those
    still looked at."""

    counts: np.ndarray
    values: np.ndarray
    cells: np.ndarray

    @property
    def size(self) -> int:
        return int(self.counts.sum())

    def only(self, chosen: np.ndarray) -> "Held":
        kept = chosen.take(self.cells)
        return self if kept.all() else Held(self.counts, self.values[kept], self.cells[kept])

    def split(self, chosen: np.ndarray, axis: Axis) -> "Held":
        """On the finer grid where each ``chosen`` cell is `_SPLIT_BITS` bits finer. Every value held is in one."""
        parts = 1 << _SPLIT_BITS
        start = np.arange(len(chosen)) + (parts - 1) * (np.cumsum(chosen) - chosen)
        bits = axis.bits(self.values)
        place = (bits >> np.uint32(16 - _SPLIT_BITS)).astype(np.int64) & (parts - 1)
        cells = start[self.cells] + np.where(bits >> np.uint32(31), parts - 1 - place, place)
        counts = np.bincount(cells, minlength=len(chosen) + (parts - 1) * int(chosen.sum()))
        counts[start[~chosen]] = self.counts[~chosen]
        return Held(counts, self.values, cells)

    def up_to(self, points: np.ndarray, cells: np.ndarray, chosen: np.ndarray, side: str = "right") -> np.ndarray:
        """How many of all values are ≤ each point (``side`` left: <). The points lie in ``cells``; where these are not
        ``chosen``, they hold that one value. ``values`` are those of the chosen cells, sorted."""
        closed = np.where(chosen, 0, self.counts)
        below = np.cumsum(closed)
        within = np.searchsorted(self.values, points, side=side)  # type: ignore[call-overload]
        return (below[cells] if side == "right" else below[cells] - closed[cells]) + within


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


def search(baseline: Cells, current: Cells, parts: int = PARTS) -> Found:
    """Exact distance and quantile bins of two columns counted in the same cells, neither of them empty.

    A quantile is the first value at or past its rank; where one value takes several it has a bin of its own.
    """
    ranks = np.ceil(np.arange(1, parts) / parts * baseline.size).astype(np.int64) - 1
    distance, chosen = _open(baseline.counts, current.counts)
    chosen[_cells_of_ranks(baseline.counts, ranks)] = True
    single = np.full(CELLS, np.nan)
    if baseline.counts[chosen].sum() > _MANY * baseline.size:
        single, chosen = _tied(baseline, current, chosen)
    a, b = Held(baseline.counts, *baseline.inside(chosen)), Held(current.counts, *current.inside(chosen))
    found, chosen = _one_value(a, b, chosen)
    single = np.where(np.isnan(found), single, found)
    a, b = a.only(chosen), b.only(chosen)
    if len(a.values) + len(b.values) > _SORTED_AT_ONCE:
        single = np.repeat(single, np.where(chosen, 1 << _SPLIT_BITS, 1))
        a, b, split = a.split(chosen, baseline.axis), b.split(chosen, baseline.axis), chosen
        distance, chosen = _open(a.counts, b.counts)
        chosen[_cells_of_ranks(a.counts, ranks)] = True
        chosen &= np.repeat(split, np.where(split, 1 << _SPLIT_BITS, 1))
        a, b = a.only(chosen), b.only(chosen)
        found, chosen = _one_value(a, b, chosen)
        single = np.where(np.isnan(found), single, found)
        a, b = a.only(chosen), b.only(chosen)
    a, b = _sorted(a), _sorted(b)
    points, cells = np.concatenate((a.values, b.values)), np.concatenate((a.cells, b.cells))
    gap = a.up_to(points, cells, chosen) / a.size - b.up_to(points, cells, chosen) / b.size
    return Found(max(distance, float(np.abs(gap).max(initial=0.0))), *_bins(a, b, ranks, chosen, single))


def _bins(a: Held, b: Held, ranks: np.ndarray, chosen: np.ndarray, single: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Counts of both columns between the values of ``a`` at ``ranks``."""
    cells = _cells_of_ranks(a.counts, ranks)
    edges = single[cells]
    looked_at = chosen[cells]
    closed = np.cumsum(np.where(chosen, 0, a.counts))
    edges[looked_at] = a.values[(ranks - closed[cells])[looked_at]]
    edges, first, repeats = np.unique(edges, return_index=True, return_counts=True)
    cells, own = cells[first], repeats > 1
    counts = []
    for held in (a, b):
        below = held.up_to(edges, cells, chosen, "left")
        past = held.up_to(edges, cells, chosen)[own]
        counts.append(np.diff(np.sort(np.concatenate((below, past))), prepend=0, append=held.size))
    return counts[0], counts[1]


def _open(before: np.ndarray, now: np.ndarray) -> tuple[float, np.ndarray]:
    """The largest |F - G| at cell borders, and the cells within which it may be exceeded."""
    f, g = before / before.sum(), now / now.sum()
    after = np.cumsum(f) - np.cumsum(g)
    start = np.concatenate(([0.0], after[:-1]))
    distance = float(np.abs(after).max())
    return distance, np.maximum(start + f, g - start) > distance


def _cells_of_ranks(counts: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    return np.searchsorted(np.cumsum(counts), ranks, side="right")


def _one_value(a: Held, b: Held, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The value of each chosen cell that holds only one (float64 by cell, else NaN), and the cells that hold more."""
    value = np.full(len(chosen), np.nan)
    for held in (a, b):
        value[held.cells] = held.values
    several = np.zeros(len(chosen), bool)
    for held in (a, b):
        several[held.cells[value.take(held.cells) != held.values]] = True
    value[several] = np.nan
    return value, several


def _tied(a: Cells, b: Cells, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Like `_one_value`, without picking out the values first: for columns of ties, where most values are in chosen
    cells."""
    value, several = np.full(CELLS, np.nan), np.zeros(CELLS, bool)
    value[a.keys[0]] = a.parts[0]  # a cell whose value isn't here counts as one that holds several
    for part, keys in zip(a.parts + b.parts, a.keys + b.keys, strict=True):
        other = value.take(keys) != part
        if other.any():
            several[keys[other]] = True
    rank = rank_of_key()
    found, more = np.full(CELLS, np.nan), np.zeros(CELLS, bool)
    found[rank], more[rank] = value, several
    return np.where(chosen & ~more, found, np.nan), chosen & more


def _sorted(held: Held) -> Held:
    order = np.argsort(held.values, kind="stable")
    return Held(held.counts, held.values[order], held.cells[order])
