"""Where no other feature tells whether a population moved or a feature broke, the labels may.

A moved population keeps what each value means: the loss at equal values stays. A feature that broke has rows of every
kind under its new values, so the loss there becomes what injecting the change into healthy rows makes it. Where other
features moved as well, healthy rows are weighted to their current shares first.
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
    weights: np.ndarray | None = None,
) -> bool | None:
    """Whether the loss per code now is that of healthy rows (True), or of rows with the change injected (False).

    Codes and losses of healthy rows (n,), the same with the feature's change injected (n,), and now (m,). ``weights``
    (n,) give healthy rows the current shares of the other features. None where neither is decisively nearer.
    """
    moved, broken = (
        distance(codes_now, loss_now, *side, weights) for side in ((codes, loss), (codes_injected, loss_injected))
    )
    if abs(moved - broken) < DECISIVE:
        return None
    return moved < broken


def distance(
    codes_now: np.ndarray, loss_now: np.ndarray, codes: np.ndarray, loss: np.ndarray, weights: np.ndarray | None
) -> float:
    """Chi-square of the loss per code now (m,) against that of rows (n,) so weighted, over codes that both have."""
    size = int(max(codes.max(), codes_now.max())) + 1
    return _distance(_per_code(codes_now, loss_now, size), _per_code(codes, loss, size, weights))


def _per_code(
    codes: np.ndarray, loss: np.ndarray, size: int, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Effective rows, mean loss and its squared error per code, each of shape (size,)."""
    each = np.ones(len(codes)) if weights is None else weights
    total = np.maximum(np.bincount(codes, weights=each, minlength=size), 1e-12)
    rows = total**2 / np.maximum(np.bincount(codes, weights=each**2, minlength=size), 1e-12)
    mean = np.bincount(codes, weights=each * loss, minlength=size) / total
    spread = np.bincount(codes, weights=each * loss**2, minlength=size) / total - mean**2
    return rows, mean, np.maximum(spread, 1e-12) / np.maximum(rows, 1)


def _distance(now: tuple[np.ndarray, np.ndarray, np.ndarray], then: tuple[np.ndarray, np.ndarray, np.ndarray]) -> float:
    """Chi-square of two tables of means, over codes that both have; a code that only one side has counts for none."""
    known = (now[0] >= FEWEST) & (then[0] >= FEWEST)
    return float(((now[1] - then[1]) ** 2 / (now[2] + then[2]))[known].sum())
