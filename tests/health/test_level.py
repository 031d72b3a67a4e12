from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from triage.health.level import Level, level
from triage.incident import Window
from triage.ports import Series

END = datetime(2026, 11, 30, tzinfo=UTC)
WINDOW = Window(END - timedelta(hours=48), END)
HOURS = (END.timestamp() - 28 * 86_400) + 3600.0 * np.arange(28 * 24)
TRAFFIC = 100 * (1 + 0.8 * np.sin(2 * np.pi * HOURS / 86_400))
LATE = WINDOW.start.timestamp() <= HOURS
BUSY = TRAFFIC > 100


def found(values: np.ndarray, traffic: np.ndarray | None = None) -> Level:
    weights = None if traffic is None else Series({}, HOURS, traffic)
    result = level(Series({}, HOURS, values), WINDOW, np.random.default_rng(1), weights)
    assert isinstance(result, Level)
    return result


def ratio(in_busy_hours: float) -> np.ndarray:
    """0.1 with a little noise; ``in_busy_hours`` in the busy hours of the window."""
    noise = 0.001 * np.random.default_rng(2).standard_normal(HOURS.size)
    return np.where(LATE & BUSY, in_busy_hours, 0.1) + noise


def test_a_ratio_is_that_of_all_events_and_not_of_the_average_hour() -> None:
    values = ratio(0.08)
    of_all = float((values * TRAFFIC)[LATE].sum() / TRAFFIC[LATE].sum())
    assert found(values, TRAFFIC).current == pytest.approx(of_all, rel=1e-9)
    assert found(values, TRAFFIC).shift < found(values).shift - 0.003
    assert found(values).current == pytest.approx(values[LATE].mean())


def test_what_was_expected_is_weighed_alike_so_that_a_daily_course_is_no_change() -> None:
    daily = 0.1 + 0.0002 * TRAFFIC
    result = found(daily, TRAFFIC)
    assert result.shift == pytest.approx(0, abs=1e-4)
    assert result.expected == pytest.approx(float(np.average(daily[LATE], weights=TRAFFIC[LATE])), abs=1e-4)


def test_the_interval_holds_the_shift_and_equal_traffic_changes_nothing() -> None:
    result = found(ratio(0.08), TRAFFIC)
    assert result.low < result.shift < result.high < 0
    even, plain = found(ratio(0.08), np.full(HOURS.size, 7.0)), found(ratio(0.08))
    assert (even.shift, even.low, even.high) == pytest.approx((plain.shift, plain.low, plain.high))
    assert (result.weighed, even.weighed, plain.weighed) == (True, False, False)


@pytest.mark.parametrize("traffic", [np.nan * TRAFFIC, 0.0 * TRAFFIC])
def test_without_any_traffic_known_every_point_weighs_the_same(traffic: np.ndarray) -> None:
    assert found(ratio(0.08), traffic).shift == pytest.approx(found(ratio(0.08)).shift)


def test_a_gap_in_the_traffic_weighs_what_is_usual_and_an_idle_hour_next_to_nothing() -> None:
    gap = TRAFFIC.copy()
    gap[LATE.argmax() : LATE.argmax() + 5] = np.nan
    assert found(ratio(0.08), gap).shift == pytest.approx(found(ratio(0.08), TRAFFIC).shift, rel=0.1)
    idle, values = TRAFFIC.copy(), ratio(0.08)
    idle[-1], values[-1] = 0.0, 50.0
    assert found(values, idle).current < 0.1
