from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from triage.drift.concept.season import compare_with_season, same_kind, typicality
from triage.errors import Unmeasurable
from triage.incident import Window


def _history(weeks: int = 12) -> tuple[pd.Series, np.ndarray]:
    """Hourly values that rise by 5 every Monday, with noise."""
    times = pd.Series(pd.date_range("2026-01-05", periods=weeks * 168, freq="h", tz="UTC"))
    noise = np.random.default_rng(0).normal(0, 0.5, len(times))
    return times, 10 + 5 * (times.dt.day_of_week == 0).to_numpy() + noise


def _day(month: int, day: int) -> Window:
    start = datetime(2026, month, day, tzinfo=UTC)
    return Window(start, start + timedelta(days=1))


def test_a_shift_seen_every_monday_is_usual():
    found = compare_with_season(*_history(), _day(3, 23))
    assert found.level.current == pytest.approx(15, abs=0.5)
    assert found.level.usual
    assert found.change.usual
    assert found.change.current > 4


def test_the_same_shift_on_a_tuesday_is_not():
    times, values = _history()
    tuesday = (times >= "2026-03-24") & (times < "2026-03-25")
    found = compare_with_season(times, values + 5 * tuesday.to_numpy(), _day(3, 24))
    assert not found.level.usual
    assert found.level.z > 10
    assert found.level.as_extreme == pytest.approx(1 / 12)


def test_nulls_gaps_and_duplicated_times_are_left_out_of_means():
    times, values = _history()
    values = values.copy()
    values[::7] = np.nan
    times = times.dt.floor("2h")
    assert compare_with_season(times, values, _day(3, 23)).level.usual


def test_an_empty_window_and_a_short_history_are_unmeasurable():
    times, values = _history(4)
    with pytest.raises(Unmeasurable, match="no rows"):
        compare_with_season(times, values, _day(6, 1))
    with pytest.raises(Unmeasurable, match="3 healthy windows"):
        compare_with_season(times, values, _day(1, 26))


def test_windows_of_the_same_kind_never_overlap_a_window_longer_than_the_period():
    window = Window(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 11, tzinfo=UTC))
    earlier = same_kind(window, pd.Timestamp("2026-01-01", tz="UTC"))
    assert earlier[0].end <= window.start
    assert all(item.start.weekday() == window.start.weekday() for item in earlier)


def test_the_middle_of_healthy_windows_is_as_usual_as_can_be():
    found = typicality(5.0, np.arange(11.0))
    assert found.usual
    assert found.as_extreme == pytest.approx(7 / 12)
    assert found.z == 0
