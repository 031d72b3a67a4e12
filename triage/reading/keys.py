"""Rows that belong to sampled ones, found by their key."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from triage.reading.together import together
from triage.step import unmeasured

AT_ONCE = 1 << 17
"""Rows looked through at a time."""


def keyed(batches: Iterable[pa.RecordBatch], keys: pd.Series, dataset: str) -> pa.Table:
    """The rows of ``batches`` whose first column is one of ``keys``. Raises Unmeasurable where the types differ.

    Numbers and text that read the same are not taken for the same key: a join that drops leading zeros finds the
    wrong rows.
    """
    wanted = _whole(pa.array(keys.dropna().unique()))
    found = []
    for batch in together(batches, AT_ONCE):
        column = _stored(batch.column(0))
        if len(wanted) and _kind(column.type) != _kind(wanted.type):
            unmeasured(
                f"keys of type {wanted.type} can't be joined to those of '{dataset}', which are {column.type}",
                hint="give both datasets the same key, of one type",
            )
        # pyarrow compares values of one type only; int32 and int64, or string and large_string, differ to it.
        found.append(batch.filter(pc.is_in(column.cast(wanted.type), value_set=wanted)) if len(wanted) else batch[:0])
    return pa.Table.from_batches(found) if found else pa.table({})


def _whole(keys: pa.Array) -> pa.Array:
    """Whole numbers as such, which pandas makes floats of beside a null; beyond 2⁵³ floats no longer tell them
    apart."""
    if not pa.types.is_floating(keys.type) or not len(keys):
        return keys
    values = keys.to_numpy()
    return pa.array(values.astype("int64")) if (np.abs(values) < 2**53).all() and (values % 1 == 0).all() else keys


def _stored(column: pa.Array) -> pa.Array:
    """Without what an extension type says of the values, such as that 16 bytes are a UUID."""
    return column.cast(column.type.storage_type) if isinstance(column.type, pa.BaseExtensionType) else column


def _kind(type_: pa.DataType) -> str:
    if pa.types.is_integer(type_):
        return "integer"
    if pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_):
        return "text"
    if pa.types.is_binary(type_) or pa.types.is_large_binary(type_) or pa.types.is_fixed_size_binary(type_):
        return "bytes"
    return str(type_)
