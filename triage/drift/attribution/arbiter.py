"""Where no other feature tells whether a population moved or a feature broke, the labels may.

A moved population keeps what each value means: the loss at equal values stays. A feature that broke has rows of every
kind under its new values, so the loss there becomes what injecting the change into healthy rows makes it.
"""

import numpy as np

FEWEST = 20
DECISIVE = 8.0
"""Difference of the two chi-squares from which the labels have decided: a likelihood ratio of e⁴."""


def population_moved(
    codes: np.ndarray,
    loss: np.ndarray,
    codes_injected: np.ndarray,
    loss_injected: np.ndarray,
    codes_now: np.ndarray,
    loss_now: np.ndarray,
) -> bool | None:
    """Whether the loss per code now is that of healthy rows (True), or of rows with the change injected (False).

    Codes and losses of healthy rows (n,), the same with the feature's change injected (n,), and now (m,). None where
    neither is decisively nearer.
    """
    size = int(max(codes.max(), codes_injected.max(), codes_now.max())) + 1
    now = _per_code(codes_now, loss_now, size)
    moved, broken = (
        _distance(now, _per_code(*side, size)) for side in ((codes, loss), (codes_injected, loss_injected))
    )
    if abs(moved - broken) < DECISIVE:
        return None
    return moved < broken


def _per_code(codes: np.ndarray, loss: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, mean loss and its squared error per code, each of shape (size,)."""
    rows = np.bincount(codes, minlength=size)
    each = np.maximum(rows, 1)
    mean = np.bincount(codes, weights=loss, minlength=size) / each
    spread = np.bincount(codes, weights=loss**2, minlength=size) / each - mean**2
    return rows, mean, np.maximum(spread, 1e-12) / each


def _distance(now: tuple[np.ndarray, np.ndarray, np.ndarray], then: tuple[np.ndarray, np.ndarray, np.ndarray]) -> float:
    """Chi-square of two tables of means, over codes that both have; a code that only one side has counts for none."""
    known = (now[0] >= FEWEST) & (then[0] >= FEWEST)
    return float(((now[1] - then[1]) ** 2 / (now[2] + then[2]))[known].sum())
