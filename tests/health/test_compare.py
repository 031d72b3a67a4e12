from datetime import UTC, datetime

import numpy as np
import pytest

from tests.health.conftest import END
from triage.health.compare import Change, Worse, judge
from triage.health.seasonal import BaselineKind
from triage.health.shift import mann_whitney
from triage.incident import Window
from triage.ports import Series

WINDOW = Window(datetime.fromtimestamp(END - 7_200, tz=UTC), datetime.fromtimestamp(END, tz=UTC))


def shifted(series: Series, by: float, since: float) -> Series:
    return Series({}, series.times, series.values + by * (series.times >= since))


def test_a_daily_swing_is_steady(daily):
    verdict = judge(daily, WINDOW, name="latency", worse=Worse.HIGHER)
    assert verdict.change is Change.STEADY
    assert verdict.baseline in (BaselineKind.WEEKLY, BaselineKind.DAILY)


def test_a_shift_is_measured_in_the_signals_unit_and_its_onset_is_found(daily):
    verdict = judge(shifted(daily, 3.0, END - 3_600), WINDOW, name="latency", unit="s", worse=Worse.HIGHER)
    assert verdict.is_worse
    assert verdict.shift_low <= 3.0 <= verdict.shift_high
    assert verdict.shift == pytest.approx(3.0, abs=0.5)
    assert abs(verdict.onset.at.timestamp() - (END - 3_600)) <= 600
    assert verdict.onset.low <= verdict.onset.at <= verdict.onset.high


def test_a_change_in_the_better_direction_is_not_worse(daily):
    verdict = judge(shifted(daily, -3.0, END - 7_200), WINDOW, name="latency", worse=Worse.HIGHER)
    assert not verdict.is_worse


def test_an_error_ratio_that_was_always_zero_can_rise(times):
    verdict = judge(Series({}, times, 0.05 * (times >= END - 1_800)), WINDOW, name="errors", worse=Worse.HIGHER)
    assert verdict.is_worse
    assert verdict.relative is None


@pytest.mark.parametrize(
    ("keep", "reason"),
    [(lambda t: t < END - 7_200, "no samples in the window"), (lambda t: t >= END - 7_200, "before the window")],
)
def test_missing_samples_are_unmeasured_and_never_steady(daily, keep, reason):
    kept = keep(daily.times)
    verdict = judge(Series({}, daily.times[kept], daily.values[kept]), WINDOW, name="latency")
    assert verdict.change is Change.UNMEASURED
    assert reason in verdict.reason


def test_no_samples_at_all_are_unmeasured():
    assert judge(Series({}, np.zeros(0), np.zeros(0)), WINDOW, name="latency").change is Change.UNMEASURED


def test_fewer_independent_values_make_a_larger_p_value(rng):
    current, baseline = rng.normal(1, 1, 50), rng.normal(0, 1, 200)
    assert mann_whitney(current, baseline, 50, 200) < mann_whitney(current, baseline, 5, 20)
