import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from triage.drift.profiles.count import counter
from triage.drift.profiles.edges import plan_numbers
from triage.drift.profiles.keys import cell_ranks


def test_long_columns_are_counted_slice_by_slice_like_short_ones() -> None:
    values = np.random.default_rng(1).normal(5, 2, 300_001)
    spec = plan_numbers("x", values[:50_000])
    found = counter().count(values, spec)
    inside = np.searchsorted(spec.cuts, cell_ranks(values - spec.shift, spec.scale), side="right")
    assert found.counts.tolist() == np.bincount(inside, minlength=spec.size).tolist()
    assert (found.minimum, found.maximum) == (values.min(), values.max())
    assert found.sum_1 == pytest.approx((values - spec.shift).sum())
    assert found.sum_2 == pytest.approx(((values - spec.shift) ** 2).sum())


def test_a_short_column_after_a_long_one_sees_nothing_of_it() -> None:
    spec = plan_numbers("x", np.arange(10.0))
    counter().count(np.full(100_000, 1e6), spec)
    found = counter().count(np.array([spec.shift + 1.0]), spec)
    assert (found.counts.sum(), found.sum_1, found.sum_2) == (1, 1.0, 1.0)


def test_what_is_not_finite_is_counted_beside() -> None:
    spec = plan_numbers("x", np.arange(10.0))
    found = counter().count(np.array([1.0, math.nan, math.inf, math.inf, -math.inf]), spec)
    assert (found.counts.sum(), found.nans, found.infinities) == (1, 1, (1, 2))
    assert found.minimum == found.maximum == 1.0
    nothing = counter().count(np.array([math.nan]), spec)
    assert nothing.nans == 1
    assert nothing.minimum == math.inf


def test_threads_have_buffers_of_their_own() -> None:
    spec = plan_numbers("x", np.random.default_rng(1).normal(size=20_000))
    columns = [np.random.default_rng(seed).normal(size=100_000) for seed in range(12)]
    alone = [counter().count(column, spec).counts.tolist() for column in columns]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda column: counter().count(column, spec).counts.tolist(), columns))
    assert together == alone


def test_the_table_of_bins_is_so_small_that_thousands_of_features_have_one() -> None:
    spec = plan_numbers("x", np.random.default_rng(1).normal(size=20_000))
    assert spec.bin_of_key.nbytes <= 1 << 17
    assert spec.bin_of_key.max() == spec.size - 1
