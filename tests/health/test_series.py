import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.health.series import coverage, rate, resample, tidy
from triage.ports import Series

samples = st.lists(
    st.tuples(st.floats(0, 1e6), st.one_of(st.floats(-1e6, 1e6), st.just(float("nan")), st.just(float("inf")))),
    max_size=40,
)


def series(times, values) -> Series:
    return Series({}, np.array(times, dtype=float), np.array(values, dtype=float))


def test_unsorted_and_repeated_times_become_one_ascending_value_each_and_a_number_beats_a_gap():
    clean = tidy(series([20, 10, 10, 30], [2, 1, float("nan"), float("inf")]))
    assert clean.times.tolist() == [10, 20, 30]
    assert clean.values[:2].tolist() == [1, 2]
    assert np.isnan(clean.values[2])


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match="one-dimensional and equal"):
        tidy(series([1, 2], [1]))


@given(samples)
def test_tidying_twice_changes_nothing_more(drawn):
    once = tidy(series([time for time, _ in drawn], [value for _, value in drawn]))
    twice = tidy(once)
    assert np.array_equal(once.times, twice.times)
    assert np.array_equal(once.values, twice.values, equal_nan=True)
    assert np.all(np.diff(once.times) > 0)


def test_a_counter_that_restarts_gains_what_it_counted_since():
    gained = rate(series([0, 10, 20, 30], [100, 150, 20, 40]))
    assert gained.times.tolist() == [10, 20, 30]
    assert gained.values.tolist() == [5, 2, 2]


def test_a_counter_is_not_bridged_across_a_long_silence():
    gained = rate(series([0, 10, 20, 30, 1_000], [0, 1, 2, 3, 4]))
    assert np.isnan(gained.values[-1])


def test_an_empty_bucket_is_a_gap_and_not_zero():
    grid = resample(series([0, 1, 20], [2, 4, 6]), 0, 30, 10)
    assert grid.values[[0, 2]].tolist() == [3, 6]
    assert np.isnan(grid.values[1])
    assert coverage(series([0, 1, 20], [2, 4, 6]), 0, 30, 10) == pytest.approx(2 / 3)
