"""Healthy rows reweighted to another window's marginals, and whether the population moved or the feature alone did."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MAX_WEIGHT = 100.0
UNDECIDED_ERROR = 0.4
CLOSE_ENOUGH = 0.01
DECISIVE, DECISIVE_ALONE = 1.0, 3.0
"""Standard errors from one half, and where the other features moved for reasons of their own: poor witnesses."""
RESTLESS = 2.0
"""Times what sampling has them move; beyond it the other features moved for reasons of their own."""


@dataclass(frozen=True, slots=True)
class Switch:
    """Did the other features move as they would if ``feature``'s population had shifted?

    ``followed`` is about 1 when they did (covariate drift), about 0 when they stayed (the feature alone is corrupted);
    ``error`` is its standard error. With ``error`` above 0.4 nothing depends on the feature enough to tell. ``scatter``
    is how much the others moved that it does not explain, in units of sampling variance.
    """

    feature: str
    followed: float
    error: float
    scatter: float = 1.0

    @property
    def decided(self) -> bool:
        beyond = DECISIVE if self.scatter < RESTLESS else DECISIVE_ALONE
        return self.error <= UNDECIDED_ERROR and abs(self.followed - 0.5) > beyond * self.error

    @property
    def covariate_drift(self) -> bool:
        return self.followed > 0.5


def rake(codes: Sequence[np.ndarray], targets: Sequence[np.ndarray], *, rounds: int = 8) -> np.ndarray:
    """Weights of shape (n,), mean 1, whose weighted marginal of each of ``codes`` is the target share.

    Iterative proportional fitting (Deming and Stephan 1940), each weight at most 100. A code without healthy rows can't
    be reached; its share is left out.
    """
    weights = np.ones(len(codes[0]))
    for _ in range(rounds if len(codes) > 1 else 1):
        worst = 0.0
        for code, target in zip(codes, targets, strict=True):
            mass = np.bincount(code, weights=weights, minlength=len(target))[: len(target)]
            reachable = np.where(mass > 0, target, 0.0)
            total = reachable.sum()
            if total <= 0:
                continue
            factor = np.divide(reachable / total * mass.sum(), mass, out=np.ones_like(mass), where=mass > 0)
            worst = max(worst, float(np.abs(factor - 1)[mass > 0].max()))
            weights = np.minimum(weights * factor[code], MAX_WEIGHT)
        if worst < CLOSE_ENOUGH:
            break
    total = float(weights.sum())
    return weights * len(weights) / total if total > 0 else np.ones(len(weights))


def shares(codes: np.ndarray, size: int, weights: np.ndarray | None = None) -> np.ndarray:
    """Share of each code, shape (size,)."""
    total = len(codes) if weights is None else float(weights.sum())
    return np.bincount(codes, weights=weights, minlength=size)[:size] / max(total, 1e-12)


def effective_rows(weights: np.ndarray) -> float:
    """Kish's effective sample size."""
    return float(weights.sum() ** 2 / max(float(np.square(weights).sum()), 1e-12))


def switch(
    feature: str,
    weights: np.ndarray,
    healthy: Sequence[np.ndarray],
    current: Sequence[np.ndarray],
    sizes: Sequence[int],
) -> Switch:
    """Regress the other features' moves on the moves that ``weights`` (of ``feature`` alone) predict for them.

    ``healthy`` and ``current`` hold the codes of the other features, each of shape (n,) and (m,). Generalised least
    squares with multinomial variances; the noise that weighting adds is taken off the predicted moves.
    """
    n, m = len(weights), len(current[0]) if current else 0
    if not healthy or not m:
        return Switch(feature, 0.0, np.inf)
    noise_per_cell = max(1 / effective_rows(weights) - 1 / n, 0.0)
    product = power = noise = moved_in_all = 0.0
    cells = 0
    for before, now, size in zip(healthy, current, sizes, strict=True):
        p, q, moved = shares(before, size), shares(now, size), shares(before, size, weights)
        used = p * n >= 5
        predicted, seen = (moved - p)[used], (q - p)[used]
        product += float((predicted * seen / p[used]).sum())
        power += float((predicted**2 / p[used]).sum())
        moved_in_all += float((seen**2 / p[used]).sum())
        cells += max(int(used.sum()) - 1, 0)
        noise += noise_per_cell * max(int(used.sum()) - 1, 0)
    signal = max(power - noise, 0.0)
    sampling = 1 / n + 1 / m
    if signal <= 0:
        return Switch(feature, 0.0, np.inf, max(1.0, moved_in_all / max(cells * sampling, 1e-12)))
    followed = product / signal
    # Witnesses that moved for reasons of their own say little of this feature: their unexplained moves count as noise.
    unexplained = moved_in_all - 2 * followed * product + followed**2 * power
    scatter = max(1.0, unexplained / max(cells * sampling, 1e-12))
    return Switch(feature, followed, float(np.sqrt(power * sampling * scatter)) / signal, scatter)
