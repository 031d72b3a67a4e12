import numpy as np
import pytest

from triage.drift.concept.estimate import expected_loss
from triage.drift.losses import log_loss, squared_error
from triage.errors import Unmeasurable


def _world(n: int, seed: int, spread: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    odds = rng.normal(0, spread, n)
    return (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(float), 1 / (1 + np.exp(-odds))


LABELS, SCORES = _world(5000, 0, 2.0)


@pytest.mark.parametrize("loss", [log_loss, squared_error])
def test_harder_inputs_are_expected_to_cost_what_they_do_cost(loss):
    labels, scores = _world(5000, 1, 0.8)
    found = expected_loss(LABELS, SCORES, scores, loss, np.random.default_rng(0))
    assert found.expected == pytest.approx(loss(labels, scores).mean(), abs=0.03)
    assert found.low > 0
    assert "concept" in found.can_not_say


def test_a_changed_concept_is_not_seen():
    _, scores = _world(5000, 1, 2.0)
    found = expected_loss(LABELS, SCORES, scores, log_loss, np.random.default_rng(0))
    assert abs(found.change) < 0.03


def test_one_class_or_numeric_labels_are_unmeasurable():
    for labels in (np.ones(5000), SCORES * 100):
        with pytest.raises(Unmeasurable, match="two classes"):
            expected_loss(labels, SCORES, SCORES, log_loss, np.random.default_rng(0))
