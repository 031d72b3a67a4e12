from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from triage.adapters.parquet import ParquetWindows
from triage.catalog import Dataset
from triage.errors import DataError, EmptyWindow, NotFound
from triage.incident import Window

START = datetime(2026, 11, 1, tzinfo=UTC)
HOURS = 24 * 10


def rows(hours: range = range(HOURS), **more: Any) -> pa.Table:
    times = [START + timedelta(hours=hour) for hour in hours]
    return pa.table(
        {"at": pa.array(times, pa.timestamp("us", "UTC")), "x": list(hours), "place": ["a"] * len(hours)} | more
    )


def windows(path: Path | str, **more: Any) -> ParquetWindows:
    dataset = Dataset.model_validate({"version": "7", "path": str(path), "time": "at"} | more)
    dataset._name = "log"
    return ParquetWindows({"log": dataset})


def days(first: int, last: int) -> Window:
    return Window(START + timedelta(days=first), START + timedelta(days=last))


def read(found: ParquetWindows, window: Window | None, columns: list[str] | None = None) -> pa.Table:
    return pa.Table.from_batches(list(found.scan("log", window, columns).batches()))


def daily(folder: Path, name: str = "day={:%Y-%m-%d}/part.parquet") -> Path:
    for day in range(HOURS // 24):
        path = folder / name.format(START + timedelta(days=day))
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(rows(range(day * 24, day * 24 + 24)), path, row_group_size=10)
    return folder


def digest(path: Path | str, window: Window | None = None, **more: Any) -> str:
    scan = windows(path, **more).scan("log", window)
    list(scan.batches())
    return scan.source.digest


@pytest.mark.parametrize(
    "shape", ["", "day={:%Y-%m-%d}/p.parquet", "year={:%Y}/month={:%m}/day={:%d}/p.parquet", "{:%Y-%m-%d}.parquet"]
)
def test_every_layout_gives_exactly_the_rows_of_the_window(tmp_path: Path, shape: str) -> None:
    if shape:
        path: Path | str = tmp_path
        for day in range(HOURS // 24):
            at = START + timedelta(days=day)
            file = tmp_path / shape.format(*[at] * shape.count("{"))
            file.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(rows(range(day * 24, day * 24 + 24)), file, row_group_size=7)
        if "=" not in shape:
            path = f"{tmp_path}/{{date:%Y-%m-%d}}.parquet"
    else:
        path = tmp_path / "log.parquet"
        pq.write_table(rows(), path, row_group_size=7)
    window = Window(START + timedelta(hours=30), START + timedelta(hours=75))
    assert read(windows(path), window, ["x"]).column("x").to_pylist() == list(range(30, 75))
    assert windows(path).describe("log").rows == HOURS


def test_files_of_other_days_are_not_opened(tmp_path: Path) -> None:
    daily(tmp_path, "{:%Y-%m-%d}.parquet")
    (tmp_path / "2026-11-09.parquet").write_bytes(b"broken")
    found = windows(f"{tmp_path}/{{date:%Y-%m-%d}}.parquet")
    assert read(found, days(1, 3), ["x"]).num_rows == 48
    with pytest.raises(DataError, match=r"2026-11-09\.parquet .* is truncated or no Parquet"):
        found.scan("log", days(7, 9))


def test_hive_dates_that_do_not_tell_of_the_events_time_are_not_believed(tmp_path: Path) -> None:
    for day in range(8):
        folder = tmp_path / f"day={START + timedelta(days=day):%Y-%m-%d}"
        folder.mkdir()
        pq.write_table(rows(range(day * 24, day * 24 + 24 * 3)), folder / "p.parquet")  # late by up to three days
    found = read(windows(tmp_path), days(5, 6), ["x"]).column("x").to_pylist()
    assert sorted(found) == sorted([*range(120, 144)] * 3)


def test_only_row_groups_and_columns_of_the_window_are_read(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    pq.write_table(rows(wide=np.arange(HOURS) * 1.5), path, row_group_size=24, compression="none")
    body = bytearray(path.read_bytes())
    column = pq.read_metadata(path).row_group(8).column(1)
    start, size = column.dictionary_page_offset, column.total_compressed_size
    body[start : start + size] = bytes(size)
    path.write_bytes(body)
    assert read(windows(path), days(1, 2), ["x", "wide"]).num_rows == 24
    with pytest.raises(DataError):
        read(windows(path), days(8, 9), ["x"])
    assert read(windows(path), days(8, 9), ["wide"]).num_rows == 24


def test_a_changed_value_at_row_30_000_changes_the_digest(tmp_path: Path) -> None:
    def write(value: int) -> str:
        values = np.arange(50_000)
        values[30_000] = value
        times = np.datetime64("2026-11-01", "us") + np.arange(50_000).astype("timedelta64[s]")
        pq.write_table(pa.table({"at": times, "x": values}), tmp_path / "log.parquet", row_group_size=20_000)
        return digest(tmp_path / "log.parquet")

    assert write(30_000) != write(31_000)
    assert write(30_000) == write(30_000)


def test_the_digest_is_the_same_wherever_the_files_are(tmp_path: Path) -> None:
    one, other = daily(tmp_path / "one"), daily(tmp_path / "elsewhere" / "two")
    assert digest(one, days(2, 4)) == digest(other, days(2, 4)) == digest(f"{other}/day=*/*.parquet", days(2, 4))
    assert digest(one, days(2, 4)) != digest(one, days(3, 5))
    scan = windows(one).scan("log", days(2, 4))
    assert sum(batch.num_rows for batch in scan.batches()) == 48
    assert (scan.source.digest, scan.source.rows, scan.source.version) == (digest(one, days(2, 4)), 48, "7")


@pytest.mark.parametrize(
    "type_", [pa.timestamp("s"), pa.timestamp("ms", "Europe/Rome"), pa.timestamp("ns"), pa.timestamp("us")]
)
@pytest.mark.parametrize("statistics", [True, False])
def test_times_of_any_unit_and_zone_are_utc(tmp_path: Path, type_: pa.DataType, statistics: bool) -> None:
    path, table = tmp_path / "log.parquet", rows()
    plain = table.column("at").cast(pa.timestamp("us", "UTC")).cast(pa.timestamp(type_.unit, "UTC"))
    column = plain.cast(type_) if type_.tz else plain.cast(pa.int64()).cast(type_)
    pq.write_table(table.set_column(0, "at", column), path, row_group_size=16, write_statistics=statistics)
    found = read(windows(path), days(2, 3))
    assert found.column("x").to_pylist() == list(range(48, 72))
    assert found.column("at").to_pylist()[0] == START + timedelta(days=2)


@pytest.mark.parametrize(("unit", "ticks"), [("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)])
def test_whole_numbers_are_times_in_the_unit_that_is_declared(tmp_path: Path, unit: str, ticks: int) -> None:
    path, table = tmp_path / "log.parquet", rows()
    at = pa.array([(int(START.timestamp()) + hour * 3600) * ticks for hour in range(HOURS)])
    pq.write_table(table.set_column(0, "at", at), path, row_group_size=16)
    assert read(windows(path, time_unit=unit), days(2, 3), ["x"]).column("x").to_pylist() == list(range(48, 72))
    with pytest.raises(DataError, match="add 'time_unit: s'"):
        windows(path).scan("log", days(2, 3))


def test_times_out_of_order_and_missing_are_no_trouble(tmp_path: Path) -> None:
    table = rows().take(np.random.default_rng(0).permutation(HOURS))
    gaps = pa.array(
        [None if x == 50 else at for x, at in zip(*(table[c].to_pylist() for c in ("x", "at")), strict=True)],
        pa.timestamp("us", "UTC"),
    )
    pq.write_table(table.set_column(0, "at", gaps), tmp_path / "log.parquet", row_group_size=32)
    found = read(windows(tmp_path / "log.parquet"), days(2, 3), ["x"]).column("x").to_pylist()
    assert sorted(found) == [x for x in range(48, 72) if x != 50]
    assert read(windows(tmp_path / "log.parquet"), None, ["x"]).num_rows == HOURS


def test_a_column_that_some_files_lack_or_hold_as_another_type_is_there_in_all(tmp_path: Path) -> None:
    pq.write_table(rows(range(24)), tmp_path / "a.parquet")
    pq.write_table(rows(range(24, 48), x=np.arange(24) + 0.5).drop_columns(["place"]), tmp_path / "b.parquet")
    found = read(windows(tmp_path), None)
    assert found.column("x").to_pylist() == [*map(float, range(24)), *(np.arange(24) + 0.5)]
    assert found.column("place").null_count == 24


def test_a_column_that_is_of_no_common_type_is_named_with_both_and_the_file(tmp_path: Path) -> None:
    pq.write_table(rows(range(24)), tmp_path / "a.parquet")
    pq.write_table(rows(range(24, 48), x=[{"a": 1}] * 24), tmp_path / "b.parquet")
    with pytest.raises(DataError, match=r"column 'x' is struct<a: int64> in .*b\.parquet.* in other files") as caught:
        read(windows(tmp_path), None)
    assert caught.value.hint


def test_what_is_wrong_with_data_is_said_with_its_file_and_a_hint(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    with pytest.raises(DataError, match="has no files"):
        windows(path).describe("log")
    path.touch()
    with pytest.raises(DataError, match="is empty \\(0 bytes\\)"):
        windows(path).describe("log")
    pq.write_table(rows(), path)
    with pytest.raises(DataError, match=r"no column 'plcae'.*did you mean 'place'"):
        windows(path).scan("log", None, ["plcae"])
    with pytest.raises(DataError, match=r"no column 'att'.*did you mean 'at'"):
        windows(path, time="att").describe("log")
    with pytest.raises(DataError, match="holds string, not times"):
        windows(path, time="place").scan("log", None)
    with pytest.raises(EmptyWindow, match="240 rows go from 2026-11-01 00:00 to 2026-11-10 23:00"):
        windows(path).scan("log", days(20, 22))
    with pytest.raises(NotFound, match="did you mean 'log'"):
        windows(path).describe("lgo")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="is truncated"):
        windows(path).describe("log")


def test_text_that_repeats_comes_as_a_dictionary_and_ids_do_not(tmp_path: Path) -> None:
    ids = [f"request-{n:08}" for n in range(HOURS)]
    pq.write_table(rows(id=ids), tmp_path / "log.parquet")
    schema = read(windows(tmp_path / "log.parquet"), None).schema
    assert pa.types.is_dictionary(schema.field("place").type)
    assert pa.types.is_string(schema.field("id").type)


def test_a_key_is_text_however_often_it_repeats_and_however_it_is_held(tmp_path: Path) -> None:
    keys = [f"visitor-{hour % 3}" for hour in range(HOURS)]
    for name, column in (("plain", pa.array(keys)), ("encoded", pa.array(keys).dictionary_encode())):
        pq.write_table(rows(id=column), tmp_path / f"{name}.parquet")
        found = windows(tmp_path / f"{name}.parquet", key="id")
        assert read(found, None).schema.field("id").type == pa.string()
        assert read(windows(tmp_path / f"{name}.parquet"), None).schema.field("place").type != pa.string()
