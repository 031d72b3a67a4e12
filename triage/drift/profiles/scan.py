"""From Arrow batches to profiles: one pass, batch by batch, never the whole table."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from triage.drift.profiles.columns import Unreadable, kind_of, numbers, values, whole
from triage.drift.profiles.count import count
from triage.drift.profiles.edges import Edges, FeatureSpec, Kind, plan_numbers, plan_values
from triage.drift.profiles.profile import FeatureProfile, WindowProfile, empty_feature, merge_all
from triage.drift.profiles.tally import CAPACITY, Tally, trimmed

Batch: TypeAlias = pa.RecordBatch | pa.Table


def plan_edges(sample: Batch, kinds: Mapping[str, Kind] | None = None, leave_out: Iterable[str] = ()) -> Edges:
    """Plan the bins of every column of ``sample`` (some 20,000 to 200,000 rows of the baseline, not only its first
    hours).

    ``kinds`` overrides what the column types suggest; ``leave_out`` names ids, timestamps and calendar features, which
    always drift. A column that can't be planned becomes an unmeasured feature with its reason.
    """
    skipped = set(leave_out)
    chosen = kinds or {}
    names = [name for name in sample.schema.names if name not in skipped]
    return Edges(tuple(_plan(name, whole(sample.column(name)), chosen.get(name)) for name in names))


def profile_batch(batch: Batch, edges: Edges) -> WindowProfile:
    """The profile of one batch. A column that is missing or unreadable is counted as unread, never skipped."""
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    features = tuple(_profile_column(spec, columns.get(spec.name), batch.num_rows) for spec in edges.features)
    return WindowProfile(edges, batch.num_rows, features)


def profile_batches(batches: Iterable[Batch], edges: Edges) -> WindowProfile:
    """The profile of all ``batches``, merged in their order, so that the two moments come out the same each time.

    One thread counts, while another reads the next batches (`triage.reading.ahead`): reading takes longer.
    """
    return merge_all(edges, (profile_batch(batch, edges) for batch in batches))


def _plan(name: str, column: pa.Array, kind: Kind | None) -> FeatureSpec:
    suggested, reason = kind_of(column.type)
    chosen = kind or suggested
    if pa.types.is_null(column.type) and chosen is Kind.UNMEASURED:
        reason = "the baseline holds nothing but nulls, and no type"
    if chosen is Kind.UNMEASURED:
        return FeatureSpec(name, Kind.UNMEASURED, reason=reason or "left out by the catalogue")
    try:
        if chosen.is_number:
            return plan_numbers(name, numbers(column).values, chosen)
        found = values(column)
        counts = dict(zip(found.distinct.to_pylist(), found.counts.tolist(), strict=True))
        return plan_values(name, {value: count for value, count in counts.items() if count}, chosen)
    except Unreadable as error:
        return FeatureSpec(name, Kind.UNMEASURED, reason=str(error))


def _profile_column(spec: FeatureSpec, column: pa.Array | pa.ChunkedArray | None, rows: int) -> FeatureProfile:
    if spec.kind is Kind.UNMEASURED:
        return _unread(spec, rows, "" if column is None else str(column.type), spec.reason)
    if column is None:
        return _unread(spec, rows, "missing", "the column is missing")
    array = whole(column)
    type_ = str(array.type.value_type if pa.types.is_dictionary(array.type) else array.type)
    try:
        if spec.kind.is_number:
            return _profile_numbers(spec, array, rows, type_)
        return _profile_values(spec, array, rows, type_)
    except Unreadable as error:
        return _unread(spec, rows, type_, str(error))


def _unread(spec: FeatureSpec, rows: int, type_: str, reason: str) -> FeatureProfile:
    empty = empty_feature(spec)
    return FeatureProfile(
        spec, rows, empty.counts, unread=rows, types=(type_,) if type_ else (), reasons=(reason,) if rows else ()
    )


def _profile_numbers(spec: FeatureSpec, array: pa.Array, rows: int, type_: str) -> FeatureProfile:
    found = numbers(array)
    counted = count(found.values, spec)
    return FeatureProfile(
        spec,
        rows,
        counted.counts,
        nulls=found.nulls,
        nans=counted.nans,
        infinities=counted.infinities,
        minimum=counted.minimum,
        maximum=counted.maximum,
        sum_1=counted.sum_1,
        sum_2=counted.sum_2,
        types=(type_,),
    )


def _profile_values(spec: FeatureSpec, array: pa.Array, rows: int, type_: str) -> FeatureProfile:
    found = values(array)
    place = pc.index_in(found.distinct, value_set=spec.value_set)
    place = place.fill_null(-1).to_numpy(zero_copy_only=False)
    known = place >= 0
    counts = np.zeros(spec.size, np.int64)
    np.add.at(counts, place[known], found.counts[known])
    unseen = _tally(found.distinct, np.where(known, 0, found.counts))
    return FeatureProfile(spec, rows, counts, nulls=found.nulls, unseen=unseen, types=(type_,))


def _tally(distinct: pa.Array, counts: np.ndarray) -> Tally:
    present = np.flatnonzero(counts)
    if not len(present):
        return Tally()
    total = int(counts.sum())
    if len(present) > CAPACITY + 1:
        present = present[np.argpartition(counts[present], -CAPACITY - 1)[-CAPACITY - 1 :]]
    texts = distinct.take(pa.array(present)).to_pylist()
    merged: dict[str, int] = {}
    for text, times in zip(texts, counts[present].tolist(), strict=True):
        merged[text] = merged.get(text, 0) + times
    return trimmed(merged, total)
