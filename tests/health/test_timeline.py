import numpy as np

from triage.health.timeline import EventKind, availability, merge, restarts, versions
from triage.ports import Series

TIMES = 60.0 * np.arange(10)


def test_a_counter_that_falls_is_a_restart_between_two_samples():
    (event,) = restarts(Series({}, TIMES, np.array([1, 2, 3, 4, 5, 0, 1, 2, 3, 4.0])), "server")
    assert (event.not_before.timestamp(), event.at.timestamp()) == (240, 300)


def test_a_target_that_goes_and_comes_back_is_two_events():
    found = availability(Series({}, TIMES, np.array([1, 1, 0, 0, 1, 1, 1, 1, 1, 1.0])), "server")
    assert [event.kind for event in found] == [EventKind.DOWN, EventKind.UP]


def test_a_version_that_takes_over_is_named_with_the_one_before():
    old = Series({"version": "7"}, TIMES[:5], np.ones(5))
    new = Series({"version": "8"}, TIMES[5:], np.ones(5))
    (event,) = versions([old, new], "version", "income")
    assert event.statement == "income went from 7 to 8"


def test_the_same_restart_seen_twice_is_one_event():
    event = restarts(Series({}, TIMES, np.array([1, 2, 3, 4, 5, 0, 1, 2, 3, 4.0])), "server")
    assert len(merge(event, event)) == 1
