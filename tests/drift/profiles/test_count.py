import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.drift.profiles.count import count
from triage.drift.profiles.edges import plan_numbers
from triage.drift.profiles.ranks import cell_ranks


def test_long_columns_are_counted_block_by_block_like_short_ones() -> None:
    values = np.random.default_rng(1).normal(5, 2, 300_001)
    spec = plan_numbers("x", values[:50_000])
    found = count(values, spec)
    inside = np.searchsorted(spec.cuts, cell_ranks(values - spec.shift, spec.scale), side="right")
    assert found.counts.tolist() == np.bincount(inside, minlength=spec.size).tolist()
    assert (found.minimum, found.maximum) == (values.min(), values.max())
    assert found.sum_1 == pytest.approx((values - spec.shift).sum())
    assert found.sum_2 == pytest.approx(((values - spec.shift) ** 2).sum())


def test_what_is_not_finite_is_counted_beside() -> None:
    spec = plan_numbers("x", np.arange(10.0))
    found = count(np.array([1.0, math.nan, math.inf, math.inf, -math.inf]), spec)
    assert (found.counts.sum(), found.nans, found.infinities) == (1, 1, (1, 2))
    assert found.minimum == found.maximum == 1.0
    nothing = count(np.array([math.nan]), spec)
    assert nothing.nans == 1
    assert nothing.minimum == math.inf


@given(
    st.lists(
        st.sampled_from([0.0, -0.0, 2.5, 1e-300, 1e200, 1e308, -1e308, math.nan, math.inf, -math.inf]) | st.floats(),
        max_size=60,
    )
)
def test_whatever_stands_in_a_column_is_counted_once(values: list[float]) -> None:
    column = np.array(values)
    spec = plan_numbers("x", np.random.default_rng(1).normal(size=1_000))
    found = count(column, spec)
    finite = column[np.isfinite(column)]
    assert found.counts.sum() == len(finite)
    assert found.counts.sum() + found.nans + sum(found.infinities) == len(column)
    inside = np.searchsorted(spec.cuts, cell_ranks(finite - spec.shift, spec.scale), side="right")
    assert found.counts.tolist() == np.bincount(inside, minlength=spec.size).tolist()
    assert (found.minimum, found.maximum) == (finite.min(initial=math.inf), finite.max(initial=-math.inf))


def test_one_nan_in_a_long_column_changes_no_other_figure() -> None:
    values = np.random.default_rng(1).normal(5, 2, 10_000)
    spec = plan_numbers("x", values)
    clean, found = count(values, spec), count(np.insert(values, 5_000, [math.nan, -math.inf]), spec)
    assert (found.nans, found.infinities) == (1, (1, 0))
    assert found.counts.tolist() == clean.counts.tolist()
    assert (found.sum_1, found.sum_2) == (pytest.approx(clean.sum_1), pytest.approx(clean.sum_2))


def test_moments_far_from_the_baseline_stay_right_beside_nan() -> None:
    rng = np.random.default_rng(1)
    spec, values = plan_numbers("x", rng.normal(size=1_000)), rng.normal(1e6, 1, 500_000)
    values[::1000] = math.nan
    found, n = count(values, spec), np.count_nonzero(~np.isnan(values))
    mean = found.sum_1 / n
    assert spec.shift + mean == pytest.approx(np.nanmean(values), rel=1e-11)
    assert found.sum_2 / n - mean * mean == pytest.approx(np.nanvar(values), rel=0.01)


def test_columns_that_are_views_of_others_are_counted() -> None:
    table = np.random.default_rng(1).normal(size=(1_000, 3))
    table.flags.writeable = False
    spec = plan_numbers("x", table[:, 1])
    assert count(table[:, 1], spec).counts.sum() == 1_000


def test_threads_count_beside_each_other() -> None:
    spec = plan_numbers("x", np.random.default_rng(1).normal(size=20_000))
    columns = [np.random.default_rng(seed).normal(size=100_000) for seed in range(12)]
    alone = [count(column, spec).counts.tolist() for column in columns]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda column: count(column, spec).counts.tolist(), columns))
    assert together == alone


def test_the_table_of_bins_is_so_small_that_thousands_of_features_have_one() -> None:
    spec = plan_numbers("x", np.random.default_rng(1).normal(size=20_000))
    assert spec.bin_of_rank.nbytes <= 1 << 17
    assert spec.bin_of_rank.max() == spec.size - 1
