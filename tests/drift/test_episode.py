from datetime import UTC, datetime

import numpy as np
import pandas as pd

from triage.drift.episode import find_episode


def test_the_onset_of_a_burst_is_its_first_row():
    bad = np.zeros(200, dtype=bool)
    bad[120:170] = True
    times = pd.Series(pd.date_range("2026-01-01", periods=200, freq="h", tz="UTC"))
    episode = find_episode(bad, 0.0, times)
    assert (episode.start, episode.stop) == (120, 170)
    assert episode.onset == datetime(2026, 1, 6, tzinfo=UTC)
    assert not episode.from_first_row


def test_a_rate_that_rises_from_two_to_thirty_percent_is_dated_near_its_rise():
    rng = np.random.default_rng(0)
    bad = np.concatenate([rng.random(600) < 0.02, rng.random(400) < 0.3])
    episode = find_episode(bad, 0.02)
    assert abs(episode.start - 600) < 30
    assert episode.share > 0.25


def test_rows_are_taken_in_the_order_of_time_and_duplicated_times_do_no_harm():
    times = pd.Series(pd.to_datetime(["2026-01-02"] * 5 + ["2026-01-01"] * 5))
    episode = find_episode(np.array([True] * 5 + [False] * 5), 0.0, times)
    assert episode.onset == datetime(2026, 1, 2, tzinfo=UTC)
    assert episode.start == 5


def test_a_fault_that_was_there_from_the_first_row_says_so():
    assert find_episode(np.ones(10, dtype=bool), 0.0).from_first_row


def test_no_bad_row_has_no_episode():
    assert find_episode(np.zeros(10, dtype=bool), 0.1) is None
