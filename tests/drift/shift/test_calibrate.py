import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from triage.drift.shift.calibrate import adjust, design_effect, max_t_threshold, robust_z
from triage.drift.shift.psi import null_mean

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=40).map(np.array)


@given(p_values)
def test_adjusted_p_values_equal_scipy_s(p: np.ndarray) -> None:
    assert adjust(p) == pytest.approx(false_discovery_control(p, method="by"))
    assert adjust(p, dependent=False) == pytest.approx(false_discovery_control(p, method="bh"))


def test_what_was_not_measured_doesn_t_count_as_a_test() -> None:
    found = adjust(np.array([0.01, np.nan, 0.04]), dependent=False)
    assert found[[0, 2]].tolist() == [0.02, 0.04]
    assert np.isnan(found[1])


def test_the_largest_of_many_features_rarely_exceeds_the_threshold() -> None:
    rng = np.random.default_rng(0)
    threshold = max_t_threshold(rng.normal(size=(400, 30)), 0.99, 0.0)
    fresh = np.abs(rng.normal(size=(2_000, 30))).max(axis=1)
    assert (fresh > threshold).mean() < 0.03


def test_robust_z_ignores_one_wild_window() -> None:
    past = np.append(np.random.default_rng(1).normal(size=200), 1e9)
    assert robust_z(3.0, past) == pytest.approx(3.0, abs=0.5)


def test_where_nothing_ever_varied_a_floor_keeps_the_score_finite() -> None:
    assert robust_z(1.0, np.zeros(20)) == np.inf
    assert robust_z(1.0, np.zeros(20), floor=0.1) == pytest.approx(10)
    assert np.isnan(robust_z(1.0, np.zeros(1)))


def test_the_design_effect_of_clustered_windows_is_found() -> None:
    expected = np.full((30, 5), null_mean(20, 1e4, 1e3))
    assert design_effect(expected * 5, expected) == pytest.approx(5)
    assert design_effect(expected * 0.5, expected) == 1
