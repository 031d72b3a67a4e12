"""The metrics a model is judged by, as means of one value per row, so that one resampling serves them all."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class RowMetric:
    """``values(truth, score, threshold)`` gives one value per row; ``finish`` turns their mean into the metric."""

    name: str
    higher_is_better: bool
    values: Callable[[np.ndarray, np.ndarray, float], np.ndarray]
    finish: Callable[[np.ndarray], np.ndarray] = np.asarray


def _log_loss(truth: np.ndarray, score: np.ndarray, _: float) -> np.ndarray:
    clipped = np.clip(score, 1e-15, 1 - 1e-15)
    return -(truth * np.log(clipped) + (1 - truth) * np.log1p(-clipped))


def _squared_error(truth: np.ndarray, score: np.ndarray, _: float) -> np.ndarray:
    return (score - truth) ** 2


def _absolute_error(truth: np.ndarray, score: np.ndarray, _: float) -> np.ndarray:
    return np.abs(score - truth)


def decided_right(truth: np.ndarray, score: np.ndarray, threshold: float) -> np.ndarray:
    """Whether the decision at ``threshold`` (at it or above: class 1) was right, as 0.0 or 1.0."""
    return ((score >= threshold) == (truth == 1)).astype(np.float64)


LOG_LOSS = RowMetric("log_loss", False, _log_loss)
BRIER = RowMetric("brier", False, _squared_error)
ACCURACY = RowMetric("accuracy", True, decided_right)
MAE = RowMetric("mae", False, _absolute_error)
RMSE = RowMetric("rmse", False, _squared_error, np.sqrt)

BINARY = (LOG_LOSS, BRIER, ACCURACY)
REGRESSION = (MAE, RMSE)
AUC = "auc"
KPI = "kpi"
