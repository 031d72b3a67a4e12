"""Exact sup|F - G| and exact quantile bins of two columns, by branch and bound in place of a sort.

Both columns are counted in 65,536 cells (`cells`). Values are looked at only in cells where |F - G| can still exceed
what it reaches at cell borders, or where a quantile of the baseline lies. Where these hold most of the values, those of
a single value are done; what is left is sorted.
"""

from dataclasses import dataclass

import numpy as np

from triage.drift.profiles.groups import PARTS
from triage.drift.profiles.loops import CELLS, widest_gap
from triage.drift.shift.cells import Cells, ties

_MANY = 0.5


@dataclass(frozen=True, slots=True)
class Found:
    """``distance`` is sup|F - G|; ``baseline`` and ``current`` are counts between the quantiles of the baseline."""

    distance: float
    baseline: np.ndarray
    current: np.ndarray


@dataclass(frozen=True, slots=True)
class _Opened:
    """One column, its cells closed but for those whose ``values`` are looked at, ascending; ``below`` counts the values
    of closed cells, up to and with each cell."""

    size: int
    values: np.ndarray
    closed: np.ndarray
    below: np.ndarray

    @classmethod
    def at(cls, column: Cells, chosen: np.ndarray) -> "_Opened":
        closed = np.where(chosen, 0, column.counts)
        return cls(column.size, column.inside(chosen), closed, np.cumsum(closed))

    def up_to(self, points: np.ndarray, cells: np.ndarray, side: str = "right") -> np.ndarray:
        """How many of all values are ≤ each point (``side`` left: <). The points lie in ``cells``, of which closed ones
        hold that one value."""
        within = np.searchsorted(self.values, points, side=side)  # type: ignore[call-overload]
        below = self.below[cells] if side == "right" else self.below[cells] - self.closed[cells]
        return below + within


def search(baseline: Cells, current: Cells, parts: int = PARTS) -> Found:
    """Exact distance and quantile bins of two columns counted in the same cells, neither of them empty.

    A quantile is the first value at or past its place; where one value takes several it has a bin of its own.
    """
    places = np.ceil(np.arange(1, parts) / parts * baseline.size).astype(np.int64) - 1
    quantiles = np.searchsorted(np.cumsum(baseline.counts), places, side="right")
    distance, chosen = _bounded(baseline.counts, current.counts)
    chosen[quantiles] = True
    single = np.full(CELLS, np.nan)
    if baseline.counts[chosen].sum() > _MANY * baseline.size:
        single, chosen = ties((baseline, current), chosen)
    a, b = _Opened.at(baseline, chosen), _Opened.at(current, chosen)
    gap = widest_gap(a.values, a.below, a.size, b.values, b.below, b.size, baseline.axis.shift, baseline.axis.scale)
    edges = single[quantiles]
    looked_at = chosen[quantiles]
    edges[looked_at] = a.values[(places - a.below[quantiles])[looked_at]]
    return Found(max(distance, gap), *_bins(a, b, edges, quantiles))


def _bounded(before: np.ndarray, now: np.ndarray) -> tuple[float, np.ndarray]:
    """The largest |F - G| at cell borders, and the cells within which it may be exceeded."""
    f, g = before / before.sum(), now / now.sum()
    after = np.cumsum(f) - np.cumsum(g)
    start = np.concatenate(([0.0], after[:-1]))
    distance = float(np.abs(after).max())
    return distance, np.maximum(start + f, g - start) > distance


def _bins(a: _Opened, b: _Opened, edges: np.ndarray, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Counts of both columns between ``edges``, values of ``a`` in ``cells``."""
    edges, first, repeats = np.unique(edges, return_index=True, return_counts=True)
    cells, own = cells[first], repeats > 1
    counts = []
    for column in (a, b):
        below = column.up_to(edges, cells, "left")
        past = column.up_to(edges, cells)[own]
        counts.append(np.diff(np.sort(np.concatenate((below, past))), prepend=0, append=column.size))
    return counts[0], counts[1]
