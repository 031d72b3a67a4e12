"""What can be said of performance before labels arrive, and what can't.

Confidence-based estimation (NannyML's CBPE): a calibrated score says how often it will be wrong. That holds while the
labels follow the scores as they did, so it sees what moved inputs do to performance and never a changed concept.
"""

from dataclasses import dataclass

import numpy as np

from triage.drift.losses import Loss
from triage.drift.resample import block_sums, difference
from triage.errors import Unmeasurable

MIN_ROWS = 200
CAN_NOT_SAY = "a changed relation of labels to inputs (concept drift) and faults of labels show only once labels arrive"


@dataclass(frozen=True, slots=True)
class EstimatedLoss:
    """Loss per row before, as measured, and now, as the scores lead one to expect; ``change`` with its 95% interval."""

    healthy: float
    expected: float
    change: float
    low: float
    high: float
    n_current: int
    can_not_say: str = CAN_NOT_SAY


def expected_loss(
    labels: np.ndarray, scores: np.ndarray, current_scores: np.ndarray, loss: Loss, rng: np.random.Generator
) -> EstimatedLoss:
    """Expected loss of ``current_scores`` (m,), with scores calibrated by isotonic regression on the labelled (n,)
    healthy rows. Only for 0/1 labels. Raises Unmeasurable for other labels, one class only, or fewer than 200 labelled
    rows.
    """
    known = np.isfinite(labels) & np.isfinite(scores)
    y, p = np.asarray(labels, dtype=np.float64)[known], np.asarray(scores, dtype=np.float64)[known]
    now = np.asarray(current_scores, dtype=np.float64)
    now = now[np.isfinite(now)]
    if len(y) < MIN_ROWS or not len(now):
        raise Unmeasurable(
            f"{len(y)} labelled healthy rows and {len(now)} current scores; {MIN_ROWS} and 1 are needed",
            hint="take a longer healthy window",
        )
    if not np.isin(y, (0.0, 1.0)).all() or y.min() == y.max():
        raise Unmeasurable("expected performance needs labels of two classes, 0 and 1", hint="wait for labels")
    from sklearn.isotonic import IsotonicRegression

    calibrated = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(p, y)

    def expectation(values: np.ndarray) -> np.ndarray:
        chance = calibrated.predict(values)
        ones = loss(np.ones_like(values), values)
        zeros = loss(np.zeros_like(values), values)
        result: np.ndarray = chance * ones + (1 - chance) * zeros
        return result

    before, after = expectation(p), expectation(now)
    change, low, high, _ = difference(block_sums(before), block_sums(after), rng, times=400)
    measured = float(loss(y, p).mean())
    return EstimatedLoss(measured, measured + change, change, low, high, len(now))
