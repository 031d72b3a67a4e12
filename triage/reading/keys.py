"""Rows that belong to sampled ones, found by their key."""

from collections.abc import Iterable

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from triage.step import unmeasured


def keyed(batches: Iterable[pa.RecordBatch], keys: pd.Series, dataset: str) -> list[pa.RecordBatch]:
    """The rows of ``batches`` whose first column is one of ``keys``. Raises Unmeasurable where the types differ.

    Numbers and text that read the same are not taken for the same key: a join that drops leading zeros finds the
    wrong rows.
    """
    found = []
    wanted = pa.array(keys.dropna().unique())
    for batch in batches:
        column = batch.column(0)
        if len(wanted) and _kind(column.type) != _kind(wanted.type):
            unmeasured(
                f"keys of type {wanted.type} can't be joined to those of '{dataset}', which are {column.type}",
                hint="give both datasets the same key, of one type",
            )
        if len(wanted):
            # pyarrow compares values of one type only; int32 and int64, or string and large_string, differ to it.
            found.append(batch.filter(pc.is_in(column.cast(wanted.type), value_set=wanted)))
    return found


def _kind(type_: pa.DataType) -> str:
    if pa.types.is_dictionary(type_):
        return _kind(type_.value_type)
    if pa.types.is_integer(type_):
        return "integer"
    if pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_):
        return "text"
    return str(type_)
