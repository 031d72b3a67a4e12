import numpy as np
import pytest

from triage.drift.concept.calibration import LabelChange, calibration_shift, logit, prior_from_scores
from triage.errors import Unmeasurable


def _world(n: int, seed: int, *, centre: float = -1.0, lift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Calibrated scores around ``centre`` log-odds; ``lift`` is added to the truth alone."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(centre, 1.5, n)
    return (rng.random(n) < 1 / (1 + np.exp(-odds - lift))).astype(float), 1 / (1 + np.exp(-odds))


LABELS, SCORES = _world(6000, 0)


def test_moved_inputs_leave_calibration_alone():
    found = calibration_shift(LABELS, SCORES, *_world(4000, 1, centre=0.5))
    assert found.change is LabelChange.NONE
    assert found.label_rate == pytest.approx(found.expected_rate, abs=0.03)


def test_labels_that_no_longer_follow_the_scores_are_a_concept_change():
    found = calibration_shift(LABELS, SCORES, *_world(4000, 1, lift=0.8))
    assert found.change is LabelChange.CONCEPT
    assert found.intercept == pytest.approx(0.8, abs=0.15)
    assert abs(found.slope) < 0.15


def test_more_positives_with_their_own_inputs_are_a_prior_shift():
    labels, scores = _world(20_000, 1)
    keep = (labels == 1) | (np.random.default_rng(2).random(20_000) < 0.35)
    found = calibration_shift(LABELS, SCORES, labels[keep], scores[keep])
    assert found.change is LabelChange.PRIOR_SHIFT
    assert found.prior_rate == pytest.approx(found.label_rate, abs=0.05)


def test_flipped_labels_turn_the_slope_around():
    labels, scores = _world(4000, 1)
    found = calibration_shift(LABELS, SCORES, 1 - labels, scores)
    assert found.change is LabelChange.CONCEPT
    assert found.slope == pytest.approx(-2.0, abs=0.3)


def test_numeric_labels_are_regressed_by_least_squares():
    rng = np.random.default_rng(0)
    scores = rng.normal(100, 20, 4000)
    labels = scores + rng.normal(0, 10, 4000)
    same = calibration_shift(labels[:2000], scores[:2000], labels[2000:], scores[2000:])
    grown = calibration_shift(labels[:2000], scores[:2000], labels[2000:] * 1.6, scores[2000:])
    assert same.change is LabelChange.NONE
    assert grown.change is LabelChange.CONCEPT
    assert grown.slope == pytest.approx(0.6, abs=0.05)
    assert grown.prior_rate is None


def test_clustered_rows_weaken_the_test():
    current = _world(4000, 1, lift=0.25)
    once, clustered = (calibration_shift(LABELS, SCORES, *current, design_effect=d) for d in (1.0, 20.0))
    assert clustered.chi_square == pytest.approx(once.chi_square / 20)
    assert clustered.change is LabelChange.NONE


@pytest.mark.parametrize(
    ("labels", "scores", "reason"),
    [
        (np.ones(500), np.linspace(0.1, 0.9, 500), "every label"),
        (np.tile([0.0, 1.0], 250), np.full(500, 0.5), "all the same"),
        (np.full(500, np.nan), np.full(500, 0.5), "needs 100 labels"),
    ],
)
def test_one_class_constant_scores_and_no_labels_are_unmeasurable(labels, scores, reason):
    with pytest.raises(Unmeasurable, match=reason):
        calibration_shift(LABELS, SCORES, labels, scores)


def test_the_prior_is_recovered_from_scores_alone():
    labels, scores = _world(20_000, 3)
    keep = (labels == 1) | (np.random.default_rng(2).random(20_000) < 0.25)
    assert prior_from_scores(scores[keep], labels.mean()) == pytest.approx(labels[keep].mean(), abs=0.04)


def test_logit_of_certain_scores_is_finite():
    assert np.isfinite(logit(np.array([0.0, 1.0]))).all()
