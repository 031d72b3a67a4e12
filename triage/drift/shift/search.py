"""Exact sup|F - G| and exact quantile bins of two columns, by branch and bound in place of a sort.

Both columns are counted in 65,536 cells (`cells`). Values are looked at only in cells where |F - G| can still exceed
what it reaches at cell borders, or where a quantile of the baseline lies. Of these, cells that hold one value are done;
the others are split in 64 and bounded again; what is open even then is sorted.
"""

from dataclasses import dataclass

import numpy as np

from triage.drift.profiles.groups import PARTS
from triage.drift.profiles.keys import CELLS, rank_of_key
from triage.drift.shift.cells import Axis, Cells

_SPLIT_BITS = 6
_SORTED_AT_ONCE = 1 << 12
_MANY = 0.5


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
