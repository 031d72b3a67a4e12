import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from triage.trial.metrics import ACCURACY, BRIER, LOG_LOSS, MAE, RMSE, decided_right


def _value(metric, truth, score, threshold=0.5):
    return float(metric.finish(metric.values(truth, score, threshold).mean()))


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 200), st.integers(0, 1_000))
def test_the_metrics_are_those_of_scikit_learn(n, seed):
    rng = np.random.default_rng(seed)
    truth, score = rng.integers(0, 2, n), rng.random(n)
    assert _value(LOG_LOSS, truth, score) == pytest.approx(sk.log_loss(truth, score, labels=[0, 1]))
    assert _value(BRIER, truth, score) == pytest.approx(sk.brier_score_loss(truth, score))
    assert _value(ACCURACY, truth, score, 0.3) == pytest.approx(sk.accuracy_score(truth, score >= 0.3))
    value, predicted = rng.normal(size=(2, n))
    assert _value(MAE, value, predicted) == pytest.approx(sk.mean_absolute_error(value, predicted))
    assert _value(RMSE, value, predicted) == pytest.approx(sk.root_mean_squared_error(value, predicted))


def test_a_certain_and_wrong_score_costs_much_but_not_everything():
    assert 30 < _value(LOG_LOSS, np.array([1]), np.array([0.0])) < 40


def test_a_score_at_the_threshold_decides_for_class_1():
    assert decided_right(np.array([1, 0]), np.array([0.5, 0.5]), 0.5).tolist() == [1.0, 0.0]
