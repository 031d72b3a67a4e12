import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triage.trial.calibration import calibration, expected_calibration_error


def test_constant_scores_err_by_their_distance_from_the_base_rate():
    truth = np.repeat([0.0, 1.0], [70, 30])
    assert expected_calibration_error(truth, np.full(100, 0.5)) == pytest.approx(0.2)
    assert expected_calibration_error(truth, np.full(100, 0.3)) == pytest.approx(0.0)


def test_a_hand_made_two_bin_example():
    truth = np.array([0, 0, 1, 0, 1, 1, 1, 1.0])
    score = np.array([0.1, 0.1, 0.1, 0.1, 0.8, 0.8, 0.8, 0.8])
    assert expected_calibration_error(truth, score, bins=2) == pytest.approx((0.15 + 0.2) / 2)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 400), st.integers(2, 30), st.integers(0, 1_000))
def test_the_error_is_a_fraction_and_does_not_depend_on_the_order_of_rows(n, bins, seed):
    rng = np.random.default_rng(seed)
    truth, score, order = rng.integers(0, 2, n), rng.random(n), rng.permutation(n)
    error = expected_calibration_error(truth, score, bins)
    assert 0 <= error <= 1
    assert expected_calibration_error(truth[order], score[order], bins) == pytest.approx(error)


def _beyond_chance_rate(distort, n, worlds=120):
    rng = np.random.default_rng(1)
    seen = 0
    for _ in range(worlds):
        probability = rng.beta(2, 5, n)
        truth = (rng.random(n) < probability).astype(float)
        seen += calibration(truth, distort(probability), rng, replicates=200).beyond_chance
    return seen / worlds


def test_a_calibrated_model_is_rarely_called_miscalibrated_at_any_size():
    for n in (200, 4_000):
        assert _beyond_chance_rate(lambda p: p, n) < 0.12


def test_an_overconfident_model_is_called_miscalibrated():
    assert _beyond_chance_rate(lambda p: p**2 / (p**2 + (1 - p) ** 2), 4_000) > 0.95


def test_no_rows_have_no_calibration_error():
    found = calibration(np.array([]), np.array([]), np.random.default_rng(0))
    assert np.isnan(found.error)
    assert not found.beyond_chance
