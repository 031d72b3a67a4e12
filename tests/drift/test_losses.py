import numpy as np
import pytest

from triage.drift.losses import log_loss, squared_error

LABELS, SCORES = np.array([1.0, 0.0, 1.0]), np.array([0.8, 0.4, 0.2])


def test_log_loss_is_the_negative_log_of_the_probability_given_to_the_truth():
    assert log_loss(LABELS, SCORES) == pytest.approx(-np.log([0.8, 0.6, 0.2]))


def test_log_loss_stays_finite_for_a_certain_and_wrong_score():
    assert np.isfinite(log_loss(np.array([1.0]), np.array([0.0]))).all()


def test_errors_are_per_row():
    assert squared_error(LABELS, SCORES) == pytest.approx([0.04, 0.16, 0.64])
