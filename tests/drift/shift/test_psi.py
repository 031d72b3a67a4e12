import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.drift.shift.psi import null_mean, null_quantile, psi, psi_terms, psi_test

counts = st.lists(st.integers(0, 1000), min_size=2, max_size=30).map(np.array)


@given(counts)
def test_psi_of_a_window_with_itself_is_zero(baseline: np.ndarray) -> None:
    assert psi(baseline, baseline) == 0


@given(counts, st.data())
def test_psi_is_symmetric_and_never_negative(baseline: np.ndarray, data: st.DataObject) -> None:
    bins = len(baseline)
    current = np.array(data.draw(st.lists(st.integers(0, 1000), min_size=bins, max_size=bins)))
    assert psi(baseline, current) == pytest.approx(psi(current, baseline))
    assert (psi_terms(baseline, current) >= 0).all()


def test_without_change_psi_follows_its_null() -> None:
    rng = np.random.default_rng(0)
    draws = [[rng.multinomial(size, np.full(20, 1 / 20)) for size in (4_000, 2_000)] for _ in range(400)]
    found = np.array([psi(p, q) for p, q in draws])
    assert found.mean() == pytest.approx(null_mean(20, 4_000, 2_000), rel=0.1)
    assert 0.02 < (found > null_quantile(0.95, 20, 4_000, 2_000)).mean() < 0.09


def test_an_emptied_bin_weighs_what_the_sample_size_says() -> None:
    few, many = (psi(np.array([n, n]), np.array([2 * n, 0])) for n in (10, 10_000))
    assert few < many < 10


def test_clustered_rows_raise_the_p_value() -> None:
    p, q = np.array([500, 500]), np.array([560, 440])
    assert psi_test(p, q).p_value < 0.01 < psi_test(p, q, design_effect=5).p_value
