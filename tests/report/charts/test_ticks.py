from datetime import UTC, datetime

from hypothesis import assume, given
from hypothesis import strategies as st

from triage.report.charts.ticks import round_ticks, time_ticks

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC).timestamp()


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9))
def test_ticks_are_few_ascending_and_within_the_axis(low, width):
    assume(low + width > low + abs(low) * 1e-9)
    ticks = round_ticks(low, low + width)
    assert 1 <= len(ticks) <= 6
    assert list(ticks) == sorted(ticks)
    assert all(low - width * 0.01 <= tick <= low + width * 1.01 for tick in ticks)


def test_an_axis_of_one_value_has_one_tick():
    assert round_ticks(3.0, 3.0) == (3.0,)


def test_times_of_a_few_hours_are_told_by_the_clock_and_of_weeks_by_the_day():
    assert [label for _, label in time_ticks(NOON, NOON + 4 * 3600)][:2] == ["18 Nov 12:00", "18 Nov 13:00"]
    assert [label for _, label in time_ticks(NOON, NOON + 21 * 86400)] == ["23 Nov", "30 Nov", "7 Dec"]


@given(st.integers(0, 4 * 10**9), st.integers(300, 4 * 10**9))
def test_a_time_axis_of_any_length_has_few_ticks_within_it(start, length):
    ticks = time_ticks(start, start + length)
    assert len(ticks) <= 15
    assert all(start <= time <= start + length for time, _ in ticks)
