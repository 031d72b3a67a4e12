import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from triage.lab.parquet_log import ParquetLog, live_files, written_at


def test_rows_become_one_file_a_flush_and_an_empty_flush_none(tmp_path: Path):
    log = ParquetLog(tmp_path / "log", "slot", 60)
    log.flush()
    assert live_files(tmp_path / "log") == []
    log.add(pa.table({"a": [1]}))
    log.add(pa.table({"a": [2, 3]}))
    log.flush()
    log.flush()
    (path,) = live_files(tmp_path / "log")
    assert pq.read_table(path, partitioning=None).column("a").to_pylist() == [1, 2, 3]
    assert path.parent.name.startswith("day=")


def test_nothing_but_whole_files_is_ever_seen(tmp_path: Path):
    log = ParquetLog(tmp_path / "log", "slot", 0)
    for number in range(20):
        log.add(pa.table({"a": [number]}))
        log.flush_when_due()
        for path in live_files(tmp_path / "log"):
            assert pq.read_metadata(path).num_rows == 1
    assert len(live_files(tmp_path / "log")) == 20
    assert [path for path in tmp_path.iterdir() if path.name != "log"] == []


def test_a_file_says_when_it_was_written(tmp_path: Path):
    before = time.time()
    log = ParquetLog(tmp_path / "log", "slot", 0)
    log.add(pa.table({"a": [1]}))
    log.flush()
    assert before <= written_at(live_files(tmp_path / "log")[0]) <= time.time()
