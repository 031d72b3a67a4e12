import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.trial.bootstrap import p_at_most, percentile_interval, resampled_sums, resampling_units, sums_by_unit


def _mean_interval(values, units, rng, replicates=500):
    sums = sums_by_unit(np.column_stack([values, np.ones(len(values))]), units)
    totals = resampled_sums(sums, rng, replicates)
    return percentile_interval(float(values.mean()), totals[:, 0] / totals[:, 1], len(sums))


@given(st.integers(1, 5_000), st.integers(1, 50), st.integers(2, 300))
def test_units_are_consecutive_codes_and_never_more_than_allowed(n_rows, block_rows, max_units):
    units = resampling_units(n_rows, block_rows=block_rows, max_units=max_units)
    assert set(units) == set(range(units.max() + 1))
    assert units.max() < max_units
    assert np.all(np.diff(units) >= 0)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=200), st.integers(2, 20))
def test_rows_of_one_cluster_are_always_drawn_together(ids, max_units):
    cluster = np.array(ids)
    units = resampling_units(len(cluster), cluster, max_units=max_units)
    for name in np.unique(cluster):
        assert len(np.unique(units[cluster == name])) == 1


def test_cluster_ids_of_another_length_are_refused():
    with pytest.raises(ValueError, match="3 cluster ids for 4 rows"):
        resampling_units(4, np.arange(3))


def test_sums_by_unit_add_up_to_the_column_sums():
    values = np.arange(12.0).reshape(6, 2)
    assert sums_by_unit(values, np.array([0, 0, 1, 1, 2, 2])).tolist() == [[2, 4], [10, 12], [18, 20]]


def test_the_same_seed_gives_the_same_draws():
    sums = np.random.default_rng(0).normal(size=(50, 3))
    first, second = (resampled_sums(sums, np.random.default_rng(7), 100) for _ in range(2))
    assert np.array_equal(first, second)


def test_the_interval_of_a_mean_has_the_width_of_the_t_interval():
    rng = np.random.default_rng(3)
    values = rng.normal(size=400)
    interval = _mean_interval(values, np.arange(400), rng, replicates=4_000)
    expected = 2 * 1.966 * values.std(ddof=1) / 20
    assert interval.high - interval.low == pytest.approx(expected, rel=0.06)


def _misses(correct_units, worlds=150):
    """How often a 95% interval misses a true mean of 0 when 20 rows of an entity share most of their value."""
    rng = np.random.default_rng(11)
    cluster = np.repeat(np.arange(40), 20)
    missed = 0
    for _ in range(worlds):
        values = rng.normal(size=40)[cluster] + 0.5 * rng.normal(size=800)
        units = resampling_units(800, cluster if correct_units else None)
        interval = _mean_interval(values, units, rng, replicates=200)
        missed += not interval.low <= 0 <= interval.high
    return missed / worlds


def test_drawing_clusters_keeps_the_error_rate_where_drawing_rows_breaks_it():
    assert _misses(correct_units=True) < 0.09
    assert _misses(correct_units=False) > 0.3


def test_few_units_widen_the_interval():
    draws = np.random.default_rng(0).normal(size=20_000)
    few, many = percentile_interval(0.0, draws, 5), percentile_interval(0.0, draws, 500)
    assert few.high - few.low > 1.4 * (many.high - many.low)


def test_one_unit_says_nothing():
    interval = percentile_interval(0.3, np.full(100, 0.3), 1)
    assert (interval.low, interval.high) == (-np.inf, np.inf)
    assert p_at_most(np.full(100, 0.3), 0.0, 1) == 1.0


def test_the_p_value_and_the_interval_agree():
    draws = np.random.default_rng(5).normal(loc=0.3, scale=0.2, size=2_000)
    interval = percentile_interval(0.3, draws, 60)
    assert p_at_most(draws, interval.low + 0.01, 60) > 0.025 > p_at_most(draws, interval.low - 0.01, 60)


def test_p_values_go_below_one_in_the_number_of_draws():
    draws = np.random.default_rng(5).normal(loc=1.0, scale=0.1, size=200)
    assert p_at_most(draws, 0.0, 60) < 1e-6


def test_draws_that_are_not_numbers_widen_the_interval():
    draws = np.random.default_rng(5).normal(size=1_000)
    draws[:100] = np.nan
    interval = percentile_interval(0.0, draws, 500)
    assert (interval.low, interval.high) == (-np.inf, np.inf)
