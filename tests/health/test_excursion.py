from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.health.conftest import END, STEP
from triage.health.compare import Change, Worse, judge
from triage.health.excursion import strongest_excursion
from triage.incident import Window
from triage.ports import Series

WINDOW = Window(datetime.fromtimestamp(END - 6 * 3_600, tz=UTC), datetime.fromtimestamp(END, tz=UTC))


def burst(series: Series, by: float, since: float, until: float) -> Series:
    return Series({}, series.times, series.values + by * ((series.times >= since) & (series.times < until)))


@pytest.mark.parametrize("minutes", [5, 20, 60])
def test_a_burst_that_passed_is_a_change_with_its_beginning_and_its_end(daily, minutes):
    began, ended = END - 4 * 3_600, END - 4 * 3_600 + 60 * minutes
    verdict = judge(burst(daily, 6.0, began, ended), WINDOW, name="latency", unit="s", worse=Worse.HIGHER)
    assert verdict.is_worse
    assert verdict.onset.at.timestamp() == began
    assert verdict.until.timestamp() == ended
    assert verdict.onset.low <= verdict.onset.at <= verdict.onset.high
    assert verdict.shift == pytest.approx(6.0, abs=0.7)
    assert "until" in verdict.statement


def test_a_burst_that_comes_every_day_is_no_change(daily):
    nightly = Series(
        {}, daily.times, daily.values + 6 * (daily.times % 86_400 == (END - 4 * 3_600) % 86_400 // STEP * STEP)
    )
    assert judge(nightly, WINDOW, name="latency", worse=Worse.HIGHER).change is Change.STEADY


def test_a_metric_with_bursts_at_any_time_is_steady_while_they_are_no_larger(times, rng):
    bursts = np.where(rng.random(times.size) < 0.02, 50.0, 0.0) + rng.normal(0, 1, times.size)
    assert judge(Series({}, times, bursts), WINDOW, name="writes", worse=Worse.HIGHER).change is Change.STEADY


def test_errors_that_were_always_zero_and_came_for_ten_minutes_are_seen(times):
    values = 0.2 * ((times >= END - 7_200) & (times < END - 6_600))
    verdict = judge(Series({}, times, values), WINDOW, name="errors", worse=Worse.HIGHER)
    assert verdict.is_worse
    assert verdict.until.timestamp() == END - 6_600


def test_a_burst_in_the_better_direction_is_not_worse(daily):
    dip = burst(daily, -6.0, END - 7_200, END - 6_000)
    assert not judge(dip, WINDOW, name="latency", worse=Worse.HIGHER).is_worse


def test_of_healthy_windows_of_noise_few_hold_a_burst(rng):
    found = [strongest_excursion(rng.normal(size=2_000), rng.normal(size=40), scale=1.0) for _ in range(200)]
    assert sum(one.record > 1 and abs(one.z) >= 4 for one in found) <= 10


@given(st.lists(st.one_of(st.floats(-1e9, 1e9), st.just(float("nan"))), max_size=120), st.integers(0, 60))
def test_whatever_the_numbers_the_stretch_lies_in_the_window(numbers, n):
    values = np.array(numbers, dtype=float)
    history, current = values[: max(values.size - n, 0)], values[max(values.size - n, 0) :]
    found = strongest_excursion(history, current, scale=0.0)
    if found is not None:
        assert 0 <= found.first < found.end <= current.size
        assert np.isfinite([found.shift, found.z, found.record]).all()


def test_a_rate_that_climbs_began_when_it_left_the_healthy_level_not_half_way(times, rng):
    began = END - 3 * 3_600
    climb = np.clip((times - began) / 1_800, 0, 1)
    verdict = judge(Series({}, times, rng.normal(0, 0.01, times.size) + climb), WINDOW, name="errors")
    assert abs(verdict.onset.at.timestamp() - began) <= 300
