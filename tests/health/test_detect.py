import numpy as np

from triage.health.detect import Sensitivity, detect
from triage.ports import Series


def test_a_jump_raises_one_alarm_and_then_cools_down(daily):
    at = daily.times[-200]
    alarms = detect(Series({}, daily.times, daily.values + 20 * (daily.times >= at)))
    late = [alarm for alarm in alarms if alarm.time >= at]
    assert late[0].time == at
    assert np.all(np.diff([alarm.time for alarm in alarms]) >= Sensitivity().cool_down_seconds)


def test_the_future_changes_no_alarm_of_the_past(daily):
    cut = daily.times.size // 2
    whole = detect(Series({}, daily.times, daily.values + 20 * (daily.times >= daily.times[cut])))
    past = detect(Series({}, daily.times[:cut], daily.values[:cut]))
    assert tuple(alarm for alarm in whole if alarm.time < daily.times[cut]) == past


def test_a_constant_that_moves_is_seen(times):
    values = np.where(times >= times[-100], 99.0, 100.0)
    assert any(alarm.time == times[-100] for alarm in detect(Series({}, times, values)))
