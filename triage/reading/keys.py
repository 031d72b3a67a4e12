"""Rows that belong to sampled ones, found by their key."""

from collections.abc import Iterable, Iterator

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from triage.step import unmeasured

AT_ONCE = 1 << 17
"""Rows looked through at a time: a log of many small files must not pay for each of them."""


def keyed(batches: Iterable[pa.RecordBatch], keys: pd.Series, dataset: str) -> pa.Table:
    """The rows of ``batches`` whose first column is one of ``keys``. Raises Unmeasurable where the types differ.

    Numbers and text that read the same are not taken for the same key: a join that drops leading zeros finds the
    wrong rows.
    """
    wanted = pa.array(keys.dropna().unique())
    found = []
    for table in _together(batches):
        column = table.column(0)
        if len(wanted) and _kind(column.type) != _kind(wanted.type):
            unmeasured(
                f"keys of type {wanted.type} can't be joined to those of '{dataset}', which are {column.type}",
                hint="give both datasets the same key, of one type",
            )
        # pyarrow compares values of one type only; int32 and int64, or string and large_string, differ to it.
        found.append(table.filter(pc.is_in(column.cast(wanted.type), value_set=wanted)) if len(wanted) else table[:0])
    return pa.concat_tables(found) if found else pa.table({})


def _together(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """``batches`` joined to tables of `AT_ONCE` rows or more, but for the last."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(one.num_rows for one in waiting) >= AT_ONCE:
            yield pa.Table.from_batches(waiting)
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting)


def _kind(type_: pa.DataType) -> str:
    if pa.types.is_dictionary(type_):
        return _kind(type_.value_type)
    if pa.types.is_integer(type_):
        return "integer"
    if pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_):
        return "text"
    return str(type_)
