"""Arrow columns as what profiles count: float64 values, or a dictionary of text with counts.

Each function takes one column of one batch. What can't be read raises `Unreadable` with the reason.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from triage.drift.profiles.edges import Kind


class Unreadable(Exception):
    """This column can't be read as the kind that was asked for; the message says why."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """``values``: those that are not null, float64 of shape (n,), NaN and infinities among them. May view Arrow's
    memory."""

    values: np.ndarray
    nulls: int


@dataclass(frozen=True, slots=True)
class Values:
    """Distinct values as text (an Arrow string array) with their ``counts`` (int64, same length)."""

    distinct: pa.Array
    counts: np.ndarray
    nulls: int


def whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """One array, without copying where there is one chunk."""
    if isinstance(column, pa.ChunkedArray):
        return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    return column


def kind_of(type_: pa.DataType) -> tuple[Kind, str]:
    """How a column of this type is read, with the reason where it can't be."""
    if pa.types.is_dictionary(type_):
        return kind_of(type_.value_type)
    if pa.types.is_boolean(type_):
        return Kind.BOOLEAN, ""
    if pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_):
        return Kind.NUMERIC, ""
    if pa.types.is_temporal(type_) and not pa.types.is_interval(type_):
        return (Kind.NUMERIC if pa.types.is_duration(type_) else Kind.TIME), ""
    if _is_text(type_):
        return Kind.CATEGORICAL, ""
    return Kind.UNMEASURED, f"a column of type {type_} has no distribution that can be compared"


def numbers(column: pa.Array) -> Numbers:
    """``column`` as float64: times and durations in seconds, decimals rounded, text that spells numbers parsed."""
    try:
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        kind, reason = kind_of(column.type)
        if kind is Kind.UNMEASURED and not pa.types.is_null(column.type):
            raise Unreadable(reason)
        nulls = column.null_count
        if not len(column) or nulls == len(column):
            return Numbers(np.empty(0), nulls)
        found = _floats(column)
        return Numbers(found[_valid(column)] if nulls else found, nulls)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        raise Unreadable(f"{column.type} can't be read as a number: {_first_line(error)}") from error


def values(column: pa.Array) -> Values:
    """Distinct values of ``column`` as text, with counts."""
    try:
        if not pa.types.is_dictionary(column.type):
            column = _as_text(column).dictionary_encode()
        indices, distinct = column.indices, column.dictionary
        nulls = indices.null_count
        if nulls:  # what stands in their slots may be anything
            indices = indices.cast(pa.int32()).fill_null(len(distinct))
        codes = _slots(indices) if len(indices) else np.empty(0, np.int64)
        counts = np.bincount(codes, minlength=len(distinct) + 1)[: len(distinct)].astype(np.int64, copy=False)
        if distinct.null_count:
            missing = np.asarray(distinct.is_null())
            nulls += int(counts[missing].sum())
            distinct, counts = distinct.drop_null(), counts[~missing]
        return Values(_as_text(distinct), counts, nulls)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        raise Unreadable(f"{column.type} can't be read as categories: {_first_line(error)}") from error


def _floats(column: pa.Array) -> np.ndarray:
    """All slots as float64, what stands in null slots being anything."""
    type_ = column.type
    if pa.types.is_temporal(type_):
        ticks = column.view(pa.int64() if type_.bit_width == 64 else pa.int32())
        return _slots(ticks).astype(np.float64) * _seconds_per_tick(type_)
    return _slots(column if _holds_numbers(type_) else column.cast(pa.float64())).astype(np.float64, copy=False)


def _holds_numbers(type_: pa.DataType) -> bool:
    return pa.types.is_integer(type_) or pa.types.is_floating(type_)


def _slots(column: pa.Array) -> np.ndarray:
    """A view of the buffer of a column of fixed width; null slots hold whatever they hold."""
    return np.frombuffer(column.buffers()[1], column.type.to_pandas_dtype())[
        column.offset : column.offset + len(column)
    ]


def _valid(column: pa.Array) -> np.ndarray:
    """Which slots are not null, as bool of shape (n,)."""
    bits = np.frombuffer(column.buffers()[0], np.uint8)
    first, within = divmod(column.offset, 8)
    flags = np.unpackbits(bits[first : first + (within + len(column) + 7) // 8], bitorder="little")
    return flags[within : within + len(column)].view(bool)


def _seconds_per_tick(type_: pa.DataType) -> float:
    if pa.types.is_date32(type_):
        return 86400.0
    if pa.types.is_date64(type_):
        return 1e-3
    return {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}[type_.unit]


def _as_text(column: pa.Array) -> pa.Array:
    type_ = column.type
    if pa.types.is_string(type_):
        return column
    if pa.types.is_nested(type_):
        raise Unreadable(kind_of(type_)[1])
    return pc.cast(column, pa.string())


def _is_text(type_: pa.DataType) -> bool:
    return pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
