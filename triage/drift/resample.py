"""Bootstrap intervals of weighted means where rows come in blocks (hours, users, flights) rather than one by one."""

from dataclasses import dataclass

import numpy as np
import scipy

FEW_BLOCKS = 30
MANY_BLOCKS = 2_000
"""Of more, neighbours are drawn together: the interval is the same, at a fraction of the time."""


@dataclass(frozen=True, slots=True)
class BlockSums:
    """Per block the sum of weight × value and the sum of weights; any mean of resampled blocks follows from these."""

    totals: np.ndarray
    weights: np.ndarray

    @property
    def count(self) -> int:
        return len(self.totals)

    @property
    def mean(self) -> float:
        return float(self.totals.sum() / max(float(self.weights.sum()), 1e-12))

    def means(self, rng: np.random.Generator, times: int) -> np.ndarray:
        """The mean of ``times`` resamples of whole blocks, shape (times,)."""
        totals, weights = self.totals, self.weights
        if self.count > MANY_BLOCKS:
            first = np.linspace(0, self.count, MANY_BLOCKS, endpoint=False).astype(int)
            totals, weights = np.add.reduceat(totals, first), np.add.reduceat(weights, first)
        draws = rng.multinomial(len(totals), np.full(len(totals), 1 / len(totals)), size=times)
        means: np.ndarray = draws @ totals / np.maximum(draws @ weights, 1e-12)
        return means


def block_sums(values: np.ndarray, blocks: np.ndarray | None = None, weights: np.ndarray | None = None) -> BlockSums:
    """Sum ``values`` (n,) within ``blocks`` (n,) of any type; each row is a block of its own without them."""
    weight = np.ones(len(values)) if weights is None else weights
    if blocks is None:
        return BlockSums(values * weight, weight)
    _, place = np.unique(blocks, return_inverse=True)
    return BlockSums(np.bincount(place, weights=values * weight), np.bincount(place, weights=weight))


def difference(
    baseline: BlockSums, current: BlockSums, rng: np.random.Generator, *, level: float = 0.95, times: int = 1000
) -> tuple[float, float, float, float]:
    """Current minus baseline mean, its interval, and its standard error. Few blocks widen the interval as Student's t
    does."""
    change = current.mean - baseline.mean
    draws = current.means(rng, times) - baseline.means(rng, times)
    smallest = min(baseline.count, current.count)
    widen = 1.0
    if 1 < smallest < FEW_BLOCKS:
        tail = (1 + level) / 2
        widen = float(scipy.stats.t.ppf(tail, smallest - 1) / scipy.stats.norm.ppf(tail)) * float(
            np.sqrt(smallest / (smallest - 1))
        )
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    error = float(draws.std()) * widen
    return change, change - (change - float(low)) * widen, change + (float(high) - change) * widen, error


def design_effect(values: np.ndarray, blocks: np.ndarray) -> float:
    """How many times larger the variance of the mean of ``values`` (n,; NaN left out) is than of as many independent
    rows, for rows of one of ``blocks`` (n,) are alike (Kish 1965, *Survey Sampling*). At least 1."""
    known = np.isfinite(values)
    sums = block_sums(values[known], blocks[known])
    alone = float(values[known].var()) if known.any() else 0.0
    if sums.count < 2 or alone <= 0:
        return 1.0
    residuals = sums.totals - sums.mean * sums.weights
    clustered = float((residuals**2).sum()) * sums.count / (sums.count - 1) / float(sums.weights.sum())
    return max(1.0, clustered / alone)
