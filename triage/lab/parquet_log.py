"""Rows that become Parquet files every few seconds: a reader sees a whole file or none."""

import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


class ParquetLog:
    """Batches under ``folder/day=YYYY-MM-DD/live-NAME-*.parquet``, written by `flush`, at most one file a call."""

    def __init__(self, folder: Path, name: str, every_seconds: float) -> None:
        self._folder = folder
        self._name = name
        self._every_seconds = every_seconds
        self._batches: list[pa.RecordBatch | pa.Table] = []
        self._lock = threading.Lock()
        self._flushed = time.monotonic()

    def add(self, rows: "pa.Table") -> None:
        with self._lock:
            self._batches.append(rows)

    def flush_when_due(self) -> None:
        if time.monotonic() - self._flushed >= self._every_seconds:
            self.flush()

    def flush(self) -> None:
        """Write what was added since the last call."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        with self._lock:
            batches, self._batches = self._batches, []
            self._flushed = time.monotonic()
        if not batches:
            return
        now = datetime.now(UTC)
        name = f"live-{self._name}-{time.time_ns()}.parquet"
        draft = self._folder.parent / f".{self._folder.name}-{name}"
        pq.write_table(pa.concat_tables(batches), draft, compression="zstd")
        day = self._folder / f"day={now:%Y-%m-%d}"
        day.mkdir(parents=True, exist_ok=True)
        draft.rename(day / name)


def live_files(folder: Path) -> Sequence[Path]:
    """The files that the running lab wrote, in order of name."""
    return sorted(folder.glob("day=*/live-*.parquet"))


def written_at(path: Path) -> float:
    """When a live file was written, in Unix seconds; its name says."""
    return int(path.stem.rpartition("-")[2]) / 1e9
