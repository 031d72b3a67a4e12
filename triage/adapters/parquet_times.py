"""Times in Parquet: what a time column may be, its statistics, and the rows of it that lie in a window.

A time without a zone is UTC. Whole numbers are times since 1970 in the unit that the catalogue declares.
"""

import json
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from triage.catalog import Dataset
from triage.errors import DataError
from triage.incident import Window

_NANOS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_LOGICAL = {"milliseconds": "ms", "microseconds": "us", "nanoseconds": "ns"}
_DAY = 86_400 * 10**9
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def nanos(at: datetime) -> int:
    """Nanoseconds since 1970."""
    return (at - _EPOCH) // timedelta(microseconds=1) * 1000


def moment(nanoseconds: int) -> datetime | None:
    """The inverse of `nanos`; None beyond what a datetime holds."""
    try:
        return _EPOCH + timedelta(microseconds=nanoseconds // 1000)
    except OverflowError:
        return None


def check_time_column(dataset: Dataset, type_: pa.DataType, file: str) -> None:
    """Raises DataError when a column of ``type_`` holds no times."""
    if pa.types.is_timestamp(type_) or pa.types.is_date(type_):
        return
    where = f"column '{dataset.time}' of dataset '{dataset.name}' ({file})"
    if pa.types.is_integer(type_):
        if dataset.time_unit is None:
            raise DataError(
                f"{where} holds whole numbers of an unknown unit",
                hint=f"say what they count since 1970: add 'time_unit: s' (or ms, us, ns) to datasets.{dataset.name}",
            )
        return
    raise DataError(
        f"{where} holds {type_}, not times", hint=f"write it as a timestamp, or correct datasets.{dataset.name}.time"
    )


def time_type(dataset: Dataset, type_: pa.DataType) -> pa.DataType:
    """What a time column of type ``type_`` becomes."""
    if pa.types.is_timestamp(type_):
        return pa.timestamp(type_.unit, "UTC")
    return pa.timestamp("ms" if pa.types.is_date(type_) else dataset.time_unit, "UTC")


def as_utc(dataset: Dataset, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """``column`` as timestamps in UTC."""
    type_ = column.type
    if pa.types.is_date(type_):
        column = column.cast(pa.timestamp("ms"))
    elif pa.types.is_integer(type_):
        column = column.cast(pa.int64())
    return column.cast(time_type(dataset, type_))


def inside(column: pa.ChunkedArray, window: Window) -> pa.ChunkedArray:
    """Which rows of a column of UTC timestamps lie in ``window``; a null never does."""
    nanos_per_tick = _NANOS[column.type.unit]
    ticks = column.cast(pa.int64())
    first, after = (-(-nanos(end) // nanos_per_tick) for end in (window.start, window.end))
    found = pc.and_(pc.greater_equal(ticks, first), pc.less(ticks, after))
    return found.fill_null(False)


def span(dataset: Dataset, group: pq.RowGroupMetaData, index: int, schema: pq.ParquetSchema) -> tuple[int, int] | None:
    """First and last time of a row group by its statistics, in nanoseconds since 1970; None where there are none.

    ``index`` is the place of the time column among the file's leaf columns.
    """
    statistics = group.column(index).statistics
    if statistics is None or not statistics.has_min_max or not isinstance(statistics.min_raw, int):
        return None
    nanos_per_tick = _nanos_per_tick(dataset, schema.column(index))
    if nanos_per_tick is None:
        return None
    return statistics.min_raw * nanos_per_tick, (statistics.max_raw + 1) * nanos_per_tick - 1


def without_nulls(group: pq.RowGroupMetaData, index: int) -> bool:
    statistics = group.column(index).statistics
    return statistics is not None and statistics.has_null_count and statistics.null_count == 0


def _nanos_per_tick(dataset: Dataset, column: pq.ColumnSchema) -> int | None:
    logical = json.loads(column.logical_type.to_json())
    kind = logical.get("Type")
    if kind == "Timestamp":
        unit = _LOGICAL.get(logical.get("timeUnit", ""))
        return _NANOS[unit] if unit else None
    if kind == "Date":
        return _DAY
    if column.physical_type in ("INT64", "INT32") and kind in ("None", "Int") and dataset.time_unit:
        return _NANOS[dataset.time_unit]
    return None
