import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2_contingency

from triage.drift.shift.categorical import chi_square_test, g_test, jensen_shannon

pairs = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=2, max_size=20).map(
    lambda pairs: np.array([[1, 1], *pairs]).T
)


@given(pairs)
def test_chi_square_and_g_equal_scipy_s(table: np.ndarray) -> None:
    used = table[:, table.sum(0) > 0]
    if used.shape[1] < 2:
        return
    for test, which in ((chi_square_test, "pearson"), (g_test, "log-likelihood")):
        expected = chi2_contingency(used, correction=False, lambda_=which)
        found = test(table[0], table[1])
        assert found.p_value == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-12)
        assert found.effect**2 * used.sum() == pytest.approx(expected.statistic, rel=1e-6, abs=1e-9)


@given(pairs)
def test_jensen_shannon_equals_scipy_s_squared_and_is_bounded(table: np.ndarray) -> None:
    found = jensen_shannon(table[0], table[1])
    assert found == pytest.approx(jensenshannon(table[0], table[1], base=2) ** 2, abs=1e-9)
    assert 0 <= found <= 1


def test_windows_with_nothing_in_common_are_one_bit_apart() -> None:
    assert jensen_shannon(np.array([5, 0]), np.array([0, 9])) == pytest.approx(1)
