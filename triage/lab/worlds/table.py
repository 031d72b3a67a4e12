"""Columns of a world, and their way to Parquet."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Coded:
    """A categorical column: ``codes`` (n,) point into ``values``; -1 is null."""

    codes: np.ndarray
    values: tuple[str, ...]

    def take(self, rows: np.ndarray) -> "Coded":
        return Coded(self.codes[rows], self.values)

    def share(self, value: str) -> float:
        return float(np.mean(self.codes == self.values.index(value)))


Columns = dict[str, np.ndarray | Coded]


def coded(columns: Columns, name: str) -> Coded:
    column = columns[name]
    assert isinstance(column, Coded), name
    return column


def to_arrow(columns: Columns) -> pa.Table:
    """A table of plain strings, numbers and booleans; NaN becomes null. ``datetime64`` columns are taken as UTC."""
    return pa.table({name: _array(column) for name, column in columns.items()})


def write_daily(table: pa.Table, time: str, folder: Path, row_group_rows: int) -> int:
    """Write ``table``, sorted by its timestamp column ``time``, as ``folder/day=YYYY-MM-DD/part-0.parquet``.

    Returns the number of files.
    """
    seconds = table.column(time).cast(pa.timestamp("s", tz="UTC"), safe=False).cast(pa.int64()).to_numpy()
    days = seconds // DAY_SECONDS
    starts = np.flatnonzero(np.r_[True, np.diff(days) > 0]) if len(days) else np.array([], dtype=int)
    for start, end in zip(starts, [*starts[1:], len(days)], strict=True):
        day = datetime.fromtimestamp(int(days[start]) * DAY_SECONDS, UTC)
        part = folder / f"day={day:%Y-%m-%d}"
        part.mkdir(parents=True)
        pq.write_table(
            table.slice(start, end - start), part / "part-0.parquet", row_group_size=row_group_rows, compression="zstd"
        )
    return len(starts)


def _array(column: np.ndarray | Coded) -> pa.Array:
    if isinstance(column, Coded):
        indices = pa.array(column.codes, mask=column.codes < 0)
        return pa.DictionaryArray.from_arrays(indices, pa.array(column.values)).cast(pa.string())
    if column.dtype.kind == "M":
        return pa.array(column.astype("datetime64[us]")).cast(pa.timestamp("us", tz="UTC"))
    return pa.array(column, from_pandas=True)
