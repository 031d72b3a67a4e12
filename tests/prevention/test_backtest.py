"""When a rule would have fired: by hand on small series, and what must hold for any."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.prevention.proposals import AT, HEALTHY, OCCASION, WINDOW, past
from triage.incident import Source, Window
from triage.ports import Series
from triage.prevention.backtest import History, Occasion, backtest, firings
from triage.prevention.nouns import Worse
from triage.prevention.threshold import choose

HOURLY = 3_600.0


def series(values: dict[datetime, float], usual: float) -> History:
    times = np.arange(HEALTHY.start.timestamp(), WINDOW.end.timestamp(), HOURLY)
    made = np.full(len(times), usual)
    for at, value in values.items():
        made[times == at.timestamp()] = value
    return History(Series({}, times, made), Source("query", "q"), HOURLY)


def test_it_fires_once_the_condition_has_lasted_and_counts_how_much_sooner() -> None:
    result = backtest(past(0.02, 1.2), OCCASION, 0.1, Worse.HIGHER, HOURLY)
    assert result.fires_at == WINDOW.start + timedelta(hours=1)
    assert result.sooner_seconds == 47 * HOURLY
    assert (result.false_alarms, round(result.healthy_days)) == (0, 28)
    assert (result.healthy_worst, result.incident_worst) == (0.02, 1.2)


def test_false_alarms_are_counted_apart_for_the_time_that_the_threshold_was_not_chosen_on() -> None:
    older, newer = HEALTHY.start + timedelta(days=3), HEALTHY.start + timedelta(days=20)
    history = series({older: 1.0, newer: 1.0, newer + timedelta(hours=5): 1.0}, 0.0)
    result = backtest(history, OCCASION, 0.5, Worse.HIGHER, 0.0)
    assert (result.false_alarms, result.held_out_false_alarms) == (3, 2)
    assert result.per_fortnight == pytest.approx(1.5)


def test_what_fires_in_another_incident_is_no_false_alarm() -> None:
    at = HEALTHY.start + timedelta(days=10)
    apart = Window(at - timedelta(hours=2), at + timedelta(hours=2))
    history = series({at: 1.0}, 0.0)
    assert backtest(history, Occasion(HEALTHY, WINDOW, AT, (apart,)), 0.5, Worse.HIGHER, 0.0).false_alarms == 0
    assert backtest(history, OCCASION, 0.5, Worse.HIGHER, 0.0).false_alarms == 1


def test_a_gap_is_no_sample_and_begins_the_waiting_anew() -> None:
    values = np.array([2.0, np.nan, 2.0, 2.0, 0.0, 2.0])
    assert firings(np.arange(6) * HOURLY, values, 1.0, Worse.HIGHER, HOURLY) == [(3 * HOURLY, 3 * HOURLY)]


def test_an_alert_that_flaps_within_an_hour_is_one() -> None:
    values = np.array([2.0, 0.0] * 10)
    assert len(firings(np.arange(20) * 600.0, values, 1.0, Worse.HIGHER, 0.0)) == 1
    assert len(firings(np.arange(20) * 6_000.0, values, 1.0, Worse.HIGHER, 0.0)) == 10


def test_nothing_measured_is_nothing_proven() -> None:
    result = backtest(past(0.0, 1.0, gap=True), OCCASION, 0.5, Worse.HIGHER, 0.0)
    assert (result.measured_share, result.healthy_days, result.healthy_worst) == (0.0, 0.0, None)
    assert result.fires_at is None


finite = st.floats(-1e6, 1e6, allow_nan=False)


@given(arrays(np.float64, st.integers(1, 60), elements=st.one_of(finite, st.just(np.nan))), finite, st.integers(0, 5))
def test_a_stricter_threshold_never_fires_for_longer(values: np.ndarray, threshold: float, hours: int) -> None:
    times = np.arange(len(values)) * HOURLY

    def seconds(limit: float) -> float:
        return sum(end - begin + 1 for begin, end in firings(times, values, limit, Worse.HIGHER, hours * HOURLY))

    assert seconds(threshold + abs(threshold) + 1) <= seconds(threshold) + len(values) * 2 * HOURLY
    assert (
        firings(times, values, float(np.nanmax(values)) if np.isfinite(values).any() else 0.0, Worse.HIGHER, 0.0) == []
    )


@given(arrays(np.float64, st.integers(24, 200), elements=finite), st.sampled_from(Worse))
def test_a_chosen_threshold_is_never_reached_by_what_it_was_chosen_on(values: np.ndarray, worse: Worse) -> None:
    chosen = choose(values, worse, floor=None, target=None)
    assert chosen is not None
    assert firings(np.arange(len(values)) * HOURLY, values, chosen.value, worse, 0.0) == []


@given(arrays(np.float64, st.integers(24, 100), elements=st.floats(0, 10)), st.floats(0.01, 20))
def test_a_floor_is_never_undercut(values: np.ndarray, floor: float) -> None:
    chosen = choose(values, Worse.HIGHER, floor=floor, target=None)
    assert chosen is not None
    assert chosen.value >= floor


def test_a_promise_that_history_broke_is_not_the_threshold() -> None:
    kept = np.linspace(0.096, 0.104, 100)
    broken = np.append(kept, 0.093)
    assert choose(kept, Worse.LOWER, floor=None, target=0.095).value == 0.095  # type: ignore[union-attr]
    chosen = choose(broken, Worse.LOWER, floor=None, target=0.095)
    assert chosen is not None
    assert chosen.value < 0.093
    assert "did not keep the 0.095 that is promised" in chosen.why


def test_few_points_choose_nothing() -> None:
    assert choose(np.full(23, 1.0), Worse.HIGHER, floor=0.1, target=None) is None
    assert choose(np.full(50, np.nan), Worse.HIGHER, floor=0.1, target=None) is None


def test_times_are_in_utc() -> None:
    result = backtest(past(0.02, 1.2), OCCASION, 0.1, Worse.HIGHER, 0.0)
    assert result.fires_at is not None
    assert result.fires_at.tzinfo is UTC
