from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from triage.incident import Window
from triage.ports import Series
from triage.reading.arrivals import ArrivalCount, bin_seconds

START = datetime(2026, 11, 2, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(hours=6))


def batch(minutes: range, keys: pa.Array | None = None) -> pa.RecordBatch:
    at = pa.array([START + timedelta(minutes=minute) for minute in minutes], pa.timestamp("us", "UTC"))
    return pa.RecordBatch.from_arrays([at, keys if keys is not None else pa.array(minutes)], ["at", "key"])


def test_bins_divide_the_day_and_a_short_window_has_short_ones() -> None:
    assert bin_seconds(Window(START, START + timedelta(days=2))) == 3600
    for minutes in (1, 50, 121, 400):
        seconds = bin_seconds(Window(START, START + timedelta(minutes=minutes)))
        assert minutes * 60 / seconds >= 12
        assert 86_400 / seconds == pytest.approx(round(86_400 / seconds))


@pytest.mark.parametrize("unit", ["s", "ms", "ns"])
def test_rows_are_counted_by_the_hour_whatever_the_unit_of_time(unit: str) -> None:
    counting = ArrivalCount(WINDOW, 3600.0, "at", "key")
    parts = [batch(range(90)), batch(range(90, 360))]
    typed = [part.set_column(0, "at", part.column(0).cast(pa.timestamp(unit, "UTC"))) for part in parts]
    for part in typed:
        counting.add(part)
    found = counting.arrivals(None)
    assert found.counts.tolist() == [60] * 6
    assert (found.rows, found.repeated) == (360, 0)
    assert np.isnan(found.traffic).all()


@pytest.mark.parametrize(
    "keys",
    [
        pa.array(["a", "b", "a", None, "c", "a"]),
        pa.array(["a", "b", "a", None, "c", "a"]).dictionary_encode(),
        pa.array([1, 2, 1, None, 3, 1]),
        pa.array([[1], [2], [1], None, [3], [1]]),
    ],
)
def test_a_key_of_any_type_that_came_before_is_counted_and_one_that_is_null_is_not(keys: pa.Array) -> None:
    counting = ArrivalCount(WINDOW, 3600.0, "at", "key")
    counting.add(batch(range(3), keys.slice(0, 3)))
    counting.add(batch(range(3, 6), keys.slice(3)))
    assert counting.arrivals(None).repeated == 2


def test_traffic_is_the_mean_of_each_bin() -> None:
    counting = ArrivalCount(WINDOW, 3600.0, "at", None)
    times = START.timestamp() + 1800.0 * np.arange(12)
    found = counting.arrivals(Series({}, times, np.arange(12.0)))
    assert found.traffic.tolist() == [0.5, 2.5, 4.5, 6.5, 8.5, 10.5]
    assert found.repeated is None
