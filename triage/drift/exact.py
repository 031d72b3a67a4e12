"""Exact KS and PSI on request, column by column, without sorting the columns.

Both columns are counted in 65,536 cells (`keys`). Only in the few cells where |F - G| can still exceed what it reaches
at cell borders, or where a quantile of the baseline lies, are values looked at: branch and bound in place of a sort.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from triage.drift.columns import Unreadable, kind_of, numbers, values
from triage.drift.edges import FeatureSpec, Kind, plan_numbers
from triage.drift.groups import PARTS
from triage.drift.keys import CELLS, cell_keys, rank_of_key
from triage.drift.ks import ks_p_value
from triage.drift.psi import psi_test
from triage.drift.two_sample import TwoSampleTest

_SLICE_ROWS = 1 << 15


@dataclass(frozen=True, slots=True)
class ExactTests:
    """``ks`` for numbers only; ``reason`` says why neither was taken. Nulls are a bin of PSI, and left out of KS."""

    name: str
    psi: TwoSampleTest | None = None
    ks: TwoSampleTest | None = None
    reason: str = ""


Load = Callable[[str], tuple[pa.ChunkedArray, pa.ChunkedArray]]


def exact_tests(names: Sequence[str], load: Load, threads: int = 2) -> Iterator[ExactTests]:
    """Exact tests of the columns ``names``, in that order. ``load`` reads one column of both windows, baseline first.

    At most ``threads`` pairs of columns are held at a time.
    """
    with ThreadPoolExecutor(threads, thread_name_prefix="exact") as pool:
        yield from pool.map(lambda name: exact_test(name, *load(name)), names)


def exact_test(name: str, baseline: pa.ChunkedArray, current: pa.ChunkedArray) -> ExactTests:
    """Exact tests of one column, whose type in the baseline decides how both are read."""
    kind, reason = kind_of(baseline.type)
    try:
        if kind is Kind.UNMEASURED:
            return ExactTests(name, reason=reason)
        return _of_numbers(name, baseline, current) if kind.is_number else _of_values(name, baseline, current)
    except Unreadable as error:
        return ExactTests(name, reason=str(error))


@dataclass(frozen=True, slots=True)
class Cells:
    """One column: its finite ``parts``, ``counts`` by cell in ascending order, rows ``missing`` (null, NaN)."""

    spec: FeatureSpec
    parts: tuple[np.ndarray, ...]
    counts: np.ndarray
    missing: int

    @property
    def size(self) -> int:
        return int(self.counts.sum())

    def inside(self, chosen: np.ndarray) -> np.ndarray:
        """The values in the cells marked in ``chosen`` (bool by rank, shape (65536,)), sorted."""
        by_key = chosen[rank_of_key()]
        found = [part[by_key.take(_keys(part, self.spec))] for part in self.parts]
        return np.sort(np.concatenate(found)) if found else np.empty(0)

    def up_to(self, points: np.ndarray, chosen: np.ndarray, values: np.ndarray, side: str = "right") -> np.ndarray:
        """How many values are ≤ each point (``side`` left: <), all in ``chosen`` cells, which hold ``values``."""
        before = np.cumsum(np.where(chosen, 0, self.counts))
        ranks = rank_of_key()[_keys(points, self.spec)]
        return before[ranks] + np.searchsorted(values, points, side=side)  # type: ignore[call-overload]


def ks_exact(baseline: Cells, current: Cells) -> float:
    """sup|F - G| over all values of two columns counted in the same cells."""
    f, g = baseline.counts / baseline.size, current.counts / current.size
    after = np.cumsum(f) - np.cumsum(g)
    before = np.concatenate(([0.0], after[:-1]))
    distance = float(np.abs(after).max())
    chosen = np.maximum(before + f, g - before) > distance
    a, b = baseline.inside(chosen), current.inside(chosen)
    points = np.concatenate((a, b))
    gap = baseline.up_to(points, chosen, a) / baseline.size - current.up_to(points, chosen, b) / current.size
    return max(distance, float(np.abs(gap).max(initial=0.0)))


def quantile_counts(baseline: Cells, current: Cells, parts: int = PARTS) -> tuple[np.ndarray, np.ndarray]:
    """Counts of both columns between the exact quantiles of the baseline (each the first value at or past its rank).

    Where one value takes several quantiles it has a bin of its own.
    """
    ranks = np.ceil(np.arange(1, parts) / parts * baseline.size).astype(np.int64) - 1
    total = np.cumsum(baseline.counts)
    cells = np.searchsorted(total, ranks, side="right")
    chosen = np.zeros(CELLS, bool)
    chosen[cells] = True
    a, b = baseline.inside(chosen), current.inside(chosen)
    closed = np.cumsum(np.where(chosen, 0, baseline.counts))
    edges, repeats = np.unique(a[ranks - closed[cells]], return_counts=True)
    below = [cell.up_to(edges, chosen, held, "left") for cell, held in ((baseline, a), (current, b))]
    past = [cell.up_to(edges, chosen, held)[repeats > 1] for cell, held in ((baseline, a), (current, b))]
    counts = [
        np.diff(np.sort(np.concatenate((low, high))), prepend=0, append=cell.size)
        for low, high, cell in zip(below, past, (baseline, current), strict=True)
    ]
    return counts[0], counts[1]


def cells_of(column: pa.ChunkedArray, spec: FeatureSpec) -> Cells:
    """Count one column of numbers in the cells of ``spec``. Infinities count as the largest values there are."""
    parts, counts, missing = [], np.zeros(CELLS, np.int64), 0
    for chunk in column.chunks:
        found = numbers(chunk)
        part = found.values
        if np.isnan(part.sum()):
            part = part[~np.isnan(part)]
        missing += found.nulls + len(found.values) - len(part)
        parts.append(part)
        for start in range(0, len(part), _SLICE_ROWS):
            counts += np.bincount(_keys(part[start : start + _SLICE_ROWS], spec), minlength=CELLS)
    by_rank = np.zeros(CELLS, np.int64)
    by_rank[rank_of_key()] = counts
    return Cells(spec, tuple(parts), by_rank, missing)


def _keys(values: np.ndarray, spec: FeatureSpec) -> np.ndarray:
    with np.errstate(over="ignore"):
        return cell_keys(values - spec.shift + 0.0, spec.scale).astype(np.intp)  # + 0.0 makes -0.0 equal to 0.0


def _of_numbers(name: str, baseline: pa.ChunkedArray, current: pa.ChunkedArray) -> ExactTests:
    first = next((chunk for chunk in baseline.chunks if len(chunk) > chunk.null_count), None)
    if first is None:
        return ExactTests(name, reason="the baseline holds no value at all")
    spec = plan_numbers(name, numbers(first).values)
    before, now = cells_of(baseline, spec), cells_of(current, spec)
    if not before.size or not now.size:
        return ExactTests(name, reason="one of the windows holds no value at all")
    distance = ks_exact(before, now)
    p_value = ks_p_value(distance, before.size, now.size)
    p, q = quantile_counts(before, now)
    psi = psi_test(np.append(p, before.missing), np.append(q, now.missing))
    return ExactTests(name, psi, TwoSampleTest("Kolmogorov–Smirnov", distance, p_value, before.size, now.size))


def _of_values(name: str, baseline: pa.ChunkedArray, current: pa.ChunkedArray) -> ExactTests:
    counted = [[values(chunk) for chunk in column.chunks if len(chunk)] for column in (baseline, current)]
    texts = [part.distinct for parts in counted for part in parts]
    if not texts:
        return ExactTests(name, reason="neither window holds a row")
    codes = pa.chunked_array(texts).combine_chunks().dictionary_encode()
    place = codes.indices.to_numpy(zero_copy_only=False)
    size, start, shares = len(codes.dictionary), 0, []
    for parts in counted:
        counts = np.zeros(size + 1, np.int64)
        for part in parts:
            np.add.at(counts, place[start : start + len(part.counts)], part.counts)
            counts[size] += part.nulls
            start += len(part.counts)
        shares.append(counts)
    return ExactTests(name, psi_test(shares[0], shares[1]))
