import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from triage.drift.shift.exact import exact_test

finite = st.floats(allow_nan=False, allow_infinity=False, width=64, min_value=-1e12, max_value=1e12)
samples = st.lists(st.one_of(finite, st.integers(-3, 3).map(float)), min_size=2, max_size=60)


def column(values: object) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values)])


@settings(max_examples=150, deadline=None)
@given(samples, samples)
def test_ks_without_sorting_equals_ks_by_sorting(baseline: list[float], current: list[float]) -> None:
    test = exact_test("x", column(baseline), column(current))
    assert test.ks is not None
    assert test.ks.effect == pytest.approx(ks_2samp(baseline, current, method="asymp").statistic, abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_ks_of_large_columns_with_ties_equals_ks_by_sorting(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a = np.round(rng.normal(1e4, 3, 20_000), seed)
    b = np.round(rng.normal(1e4 + 0.05, 3, 15_000), seed)
    test = exact_test("x", pa.chunked_array([pa.array(a[:7_000]), pa.array(a[7_000:])]), column(b))
    assert test.ks is not None
    assert test.ks.effect == pytest.approx(ks_2samp(a, b, method="asymp").statistic, abs=1e-12)


def test_zero_and_minus_zero_are_one_value() -> None:
    test = exact_test("x", column([0.0, -1.0, 1.0]), column([-0.0, -1.0, 1.0]))
    assert test.ks is not None
    assert test.ks.effect == 0


def test_infinities_count_as_the_largest_values_also_beside_the_largest_finite_ones() -> None:
    test = exact_test("x", column([1e308] * 4 + [float("inf")] * 2), column([1.0, 2.0, 3.0, 4.0]))
    assert test.ks is not None
    assert (test.ks.effect, test.ks.n_baseline) == (1.0, 6)


def test_psi_of_a_window_with_itself_is_zero_nulls_and_nan_included() -> None:
    a = column([1.0, None, float("nan"), 2.0, float("inf"), -float("inf")])
    test = exact_test("x", a, a)
    assert test.psi is not None
    assert test.psi.effect == 0
    assert test.psi.n_baseline == 6


def test_categories_of_different_dictionaries_are_matched_by_value() -> None:
    a = pa.chunked_array(
        [pa.array(["x", "y", None]).dictionary_encode(), pa.array(["y", "x", "x"]).dictionary_encode()]
    )
    b = pa.chunked_array([pa.array(["y", "x", "x", "x", "y", None]).dictionary_encode()])
    test = exact_test("c", a, b)
    assert test.psi is not None
    assert test.psi.effect == 0
    assert test.ks is None


@pytest.mark.parametrize(
    "values",
    [[[1], [2]], [None, None], [b"a", b"b"]],
)
def test_a_column_that_has_no_distribution_says_so(values: list[object]) -> None:
    found = exact_test("x", column(values), column(values))
    assert found.psi is None
    assert found.reason
