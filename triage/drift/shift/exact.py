"""Exact KS and PSI on request, column by column, without sorting the columns (`search`)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from triage.drift.profiles.columns import Unreadable, kind_of, numbers, values
from triage.drift.profiles.edges import Kind
from triage.drift.shift.cells import axis_of, cells_of
from triage.drift.shift.ks import ks_p_value
from triage.drift.shift.psi import psi_test
from triage.drift.shift.search import search
from triage.drift.shift.two_sample import TwoSampleTest

_SAMPLE_ROWS = 1 << 16


@dataclass(frozen=True, slots=True)
class ExactTests:
    """``ks`` for numbers only; ``reason`` says why neither was taken. Nulls are a bin of PSI, and left out of KS."""

    name: str
    psi: TwoSampleTest | None = None
    ks: TwoSampleTest | None = None
    reason: str = ""


def exact_test(name: str, baseline: pa.ChunkedArray, current: pa.ChunkedArray) -> ExactTests:
    """Exact tests of one column, whose type in the baseline decides how both are read."""
    kind, reason = kind_of(baseline.type)
    try:
        if kind is Kind.UNMEASURED:
            return ExactTests(name, reason=reason)
        return _of_numbers(name, baseline, current) if kind.is_number else _of_values(name, baseline, current)
    except Unreadable as error:
        return ExactTests(name, reason=str(error))


def _of_numbers(name: str, baseline: pa.ChunkedArray, current: pa.ChunkedArray) -> ExactTests:
    first = next((part for part in _slices(baseline) if len(part) > part.null_count), None)
    if first is None:
        return ExactTests(name, reason="the baseline holds no value at all")
    axis = axis_of(numbers(first).values)
    before, now = cells_of(baseline, axis), cells_of(current, axis)
    if not before.size or not now.size:
        return ExactTests(name, reason="one of the windows holds no value at all")
    found = search(before, now)
    p_value = ks_p_value(found.distance, before.size, now.size)
    psi = psi_test(np.append(found.baseline, before.missing), np.append(found.current, now.missing))
    return ExactTests(name, psi, TwoSampleTest("Kolmogorov–Smirnov", found.distance, p_value, before.size, now.size))


def _slices(column: pa.ChunkedArray) -> Iterator[pa.Array]:
    for chunk in column.chunks:
        for start in range(0, len(chunk), _SAMPLE_ROWS):
            yield chunk.slice(start, _SAMPLE_ROWS)


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
