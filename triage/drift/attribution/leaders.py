"""Which of the features that moved together led the move, and which only went along.

Where a population moves in one feature and the rest of each row keeps its distribution given that feature, no other
feature's marginal can diverge further (the data-processing inequality; Cover and Thomas 2006, ch. 2.8). So the feature
that diverged most leads; whoever moves as reweighting by the leaders predicts only followed.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from triage.drift.attribution.game import Population
from triage.drift.attribution.reweight import rake, shares

FOLLOWED = 0.6
"""Of a feature's divergence, what the leaders must explain for it to have followed them."""


def follow(names: Sequence[str], moved: Mapping[str, Population]) -> dict[str, str]:
    """Follower to leader, among ``names``; who is not in it leads."""
    left = sorted(names, key=lambda name: -divergence(moved[name]))
    leaders: list[str] = []
    follows: dict[str, str] = {}
    while left:
        leaders.append(left.pop(0))
        weights = rake([moved[name].codes for name in leaders], [moved[name].target for name in leaders])
        for name in left:
            if explained(moved[name], weights) >= FOLLOWED:
                follows[name] = leaders[-1]
        left = [name for name in left if name not in follows]
    return follows


def divergence(moved: Population) -> float:
    """How far a feature moved: the stability index of its codes, in nats."""
    return _divergence(_before(moved), moved.target)


def explained(moved: Population, weights: np.ndarray) -> float:
    """The part of a feature's divergence that is gone once healthy rows carry ``weights`` (n,); NaN where it has
    none."""
    before, target = _before(moved), moved.target
    apart = _divergence(before, target)
    if apart <= 0:
        return float("nan")
    return 1 - _divergence(shares(moved.codes, len(target), weights), target) / apart


def _before(moved: Population) -> np.ndarray:
    return shares(moved.codes, len(moved.target))


def _divergence(before: np.ndarray, now: np.ndarray, *, floor: float = 1e-4) -> float:
    """Population stability index of two vectors of shares, in nats; a share is never taken to be under ``floor``."""
    p, q = np.maximum(before, floor), np.maximum(now, floor)
    return float(((q - p) * np.log(q / p)).sum())
