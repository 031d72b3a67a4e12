import numpy as np

from triage.health.timeline import availability, marks, merge, restarts, silences, versions
from triage.incident import ChangeKind
from triage.ports import Series

TIMES = 60.0 * np.arange(10)


def test_a_counter_that_falls_is_a_restart_between_two_samples():
    (event,) = restarts(Series({}, TIMES, np.array([1, 2, 3, 4, 5, 0, 1, 2, 3, 4.0])), "server")
    assert (event.not_before.timestamp(), event.at.timestamp()) == (240, 300)


def test_a_target_that_goes_and_comes_back_is_two_events():
    found = availability(Series({}, TIMES, np.array([1, 1, 0, 0, 1, 1, 1, 1, 1, 1.0])), "server")
    assert [event.kind for event in found] == [ChangeKind.DOWN, ChangeKind.UP]


def test_a_version_that_takes_over_is_named_with_the_one_before():
    old = Series({"version": "7"}, TIMES[:5], np.ones(5))
    new = Series({"version": "8"}, TIMES[5:], np.ones(5))
    (event,) = versions([old, new], "version", "income")
    assert event.statement == "income went from 7 to 8"


def test_the_same_restart_seen_twice_is_one_event():
    event = restarts(Series({}, TIMES, np.array([1, 2, 3, 4, 5, 0, 1, 2, 3, 4.0])), "server")
    assert len(merge(event, event)) == 1


def test_samples_that_stop_and_come_back_are_two_events():
    times = np.concatenate((TIMES[:4], TIMES[:2] + 900))
    gone, back = silences(Series({}, times, np.ones(6)), "server")
    assert (gone.kind, gone.not_before.timestamp(), gone.at.timestamp()) == (ChangeKind.DOWN, 180, 240)
    assert (back.kind, back.at.timestamp()) == (ChangeKind.UP, 900)


def test_samples_that_stop_for_good_are_one_event_and_a_single_missed_one_is_none():
    values = np.where(TIMES > 240, np.nan, 1.0)
    assert [event.kind for event in silences(Series({}, TIMES, values), "server")] == [ChangeKind.DOWN]
    assert silences(Series({}, TIMES, np.where(TIMES == 240, np.nan, 1.0)), "server") == ()


def test_each_run_of_marks_is_one_change():
    found = marks(Series({}, TIMES, np.array([0, 0, 1, 1, 1, 0, 0, 2, 0, 0.0])), "deploys")
    assert [event.at.timestamp() for event in found] == [120, 420]
    assert found[0].not_before.timestamp() == 60


def test_a_mark_in_the_first_sample_happened_no_earlier_than_a_step_before():
    (event,) = marks(Series({}, TIMES, np.array([1, 1, 0, 0, 0, 0, 0, 0, 0, 0.0])), "deploys")
    assert event.not_before.timestamp() == -60
