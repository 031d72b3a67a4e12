import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.drift.attribution.reweight import effective_rows, rake, shares, switch


def _rows(n: int, p: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A binary feature with share ``p`` of ones, and a witness that follows it three times out of four."""
    rng = np.random.default_rng(seed)
    feature = (rng.random(n) < p).astype(np.int64)
    return feature, np.where(rng.random(n) < 0.75, feature, 1 - feature)


def test_weights_reach_both_targets_at_once():
    a, b = _rows(5000, 0.3, 0)
    weights = rake([a, b], [np.array([0.4, 0.6]), np.array([0.5, 0.5])])
    assert shares(a, 2, weights) == pytest.approx([0.4, 0.6], abs=0.01)
    assert shares(b, 2, weights) == pytest.approx([0.5, 0.5], abs=0.01)
    assert weights.mean() == pytest.approx(1.0)


def test_a_code_that_healthy_rows_never_had_is_left_out():
    weights = rake([np.zeros(10, dtype=np.int64)], [np.array([0.5, 0.5])])
    assert weights == pytest.approx(np.ones(10))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=50), st.lists(st.floats(0, 1), min_size=4, max_size=4))
def test_weights_are_never_negative_and_have_mean_one(codes, target):
    weights = rake([np.array(codes)], [np.array(target)])
    assert (weights >= 0).all()
    assert weights.mean() == pytest.approx(1.0)
    assert effective_rows(weights) <= len(codes) + 1e-6


@pytest.mark.parametrize(("population_moved", "expected"), [(True, True), (False, False)])
def test_the_others_follow_a_moved_population_and_not_a_corrupted_feature(population_moved, expected):
    feature, witness = _rows(5000, 0.3, 0)
    feature_now, witness_now = _rows(3000, 0.6, 1)
    if not population_moved:
        witness_now = _rows(3000, 0.3, 2)[1]
    weights = rake([feature], [shares(feature_now, 2)])
    found = switch("x", weights, [witness], [witness_now], [2])
    assert found.decided
    assert found.covariate_drift is expected


def test_an_independent_witness_decides_nothing():
    feature, _ = _rows(3000, 0.3, 0)
    noise = np.random.default_rng(5).integers(0, 2, (2, 3000))
    weights = rake([feature], [np.array([0.4, 0.6])])
    assert not switch("x", weights, [noise[0]], [noise[1]], [2]).decided
    assert not switch("x", weights, [], [], []).decided
