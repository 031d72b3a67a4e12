"""Losses per row: what a model's answer cost. Higher is worse; all take ``(labels, scores)`` of shape (n,) and return
(n,)."""

from collections.abc import Callable

import numpy as np

Loss = Callable[[np.ndarray, np.ndarray], np.ndarray]


def log_loss(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Negative log-likelihood in nats of 0/1 ``labels`` under probabilities, kept 1e-6 away from 0 and 1."""
    p = np.clip(scores, 1e-6, 1 - 1e-6)
    loss: np.ndarray = -(labels * np.log(p) + (1 - labels) * np.log1p(-p))
    return loss


def squared_error(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Squared error; the Brier score's terms where ``labels`` are 0/1 and ``scores`` probabilities."""
    return np.square(labels - scores)
