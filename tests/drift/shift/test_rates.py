import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from triage.drift.shift.rates import rate_change, wilson_interval


@given(st.integers(1, 10_000), st.data())
def test_wilson_s_interval_equals_scipy_s(rows: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, rows))
    expected = binomtest(count, rows).proportion_ci(method="wilson")
    assert wilson_interval(count, rows) == pytest.approx((expected.low, expected.high), abs=1e-6)


@given(st.integers(0, 50), st.integers(0, 50))
def test_the_interval_holds_the_change_and_stays_possible(a: int, b: int) -> None:
    change = rate_change("null", a, 50, b, 50)
    assert -1 <= change.low <= change.change <= change.high <= 1


def test_clustered_rows_widen_the_interval_and_raise_the_p_value() -> None:
    plain, clustered = (rate_change("null", 100, 1000, 150, 1000, effect) for effect in (1.0, 10.0))
    assert plain.p_value < 0.01 < clustered.p_value
    assert clustered.low < plain.low < plain.high < clustered.high


def test_without_rows_nothing_is_claimed() -> None:
    change = rate_change("null", 0, 0, 5, 10)
    assert (change.low, change.high, change.p_value) == (-1, 1, 1)
