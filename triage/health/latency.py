"""Latency from classic histogram buckets: quantiles, and the share of requests above an objective.

Buckets are summed first and only then read: a mean of quantiles is not a quantile. Native histograms are summed and
read by the server (``histogram_quantile``, ``histogram_fraction``); their answers are plain series.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Buckets:
    """``upper`` bounds in seconds, ascending, the last infinite, shape (b,); ``counts`` cumulative, shape (..., b)."""

    upper: np.ndarray
    counts: np.ndarray


@dataclass(frozen=True, slots=True)
class ShareAbove:
    """Share of requests slower than the objective; ``low`` and ``high`` are certain, ``share`` is interpolated."""

    share: float
    low: float
    high: float


def from_cumulative(by_bound: Mapping[float, np.ndarray]) -> Buckets:
    """Buckets from the increase (or rate) of each ``le``; arrays of one shape. What falls with ``le`` is mended, as
    Prometheus does, for scrapes are not atomic. Raises ValueError without a +Inf bucket: the total is then unknown."""
    upper = np.array(sorted(by_bound), dtype=np.float64)
    if upper.size == 0 or not np.isposinf(upper[-1]):
        raise ValueError("a histogram needs its +Inf bucket, which counts every request")
    counts = np.stack([np.asarray(by_bound[bound], dtype=np.float64) for bound in upper], axis=-1)
    return Buckets(upper, np.maximum.accumulate(np.maximum(counts, 0), axis=-1))


def total(*parts: Buckets) -> Buckets:
    """The sum of several histograms. Raises ValueError when their bounds differ: they can't be added then."""
    first = parts[0]
    for part in parts[1:]:
        if not np.array_equal(part.upper, first.upper):
            raise ValueError(f"histograms with different bounds can't be summed: {first.upper} and {part.upper}")
    return Buckets(first.upper, np.sum([part.counts for part in parts], axis=0))


def quantile(buckets: Buckets, q: float) -> np.ndarray:
    """The ``q``-quantile in seconds, shape (...,); NaN without traffic.

    Linear inside a bucket, which starts at 0 for the first; in the last bucket, the highest finite bound, which is then
    a lower limit (as `histogram_quantile` of Prometheus).

    >>> b = from_cumulative({0.1: np.array(50.0), 0.2: np.array(90.0), float("inf"): np.array(100.0)})
    >>> float(quantile(b, 0.5)), round(float(quantile(b, 0.7)), 3), float(quantile(b, 0.99))
    (0.1, 0.15, 0.2)
    """
    if not 0 <= q <= 1:
        raise ValueError(f"a quantile lies between 0 and 1, not {q}")
    upper, counts = buckets.upper, buckets.counts
    everything = counts[..., -1]
    rank = q * everything
    index = np.minimum(np.sum(counts < rank[..., None], axis=-1), upper.size - 1)
    finite = np.concatenate((upper[:-1], upper[-2:-1])) if upper.size > 1 else np.array([np.nan])
    lower_bounds = np.concatenate(([min(0.0, float(upper[0]))], finite[:-1]))
    high = finite[index]
    low = np.where(index == upper.size - 1, high, lower_bounds[index])
    inside_to = np.take_along_axis(counts, index[..., None], axis=-1)[..., 0]
    below = np.take_along_axis(counts, np.maximum(index - 1, 0)[..., None], axis=-1)[..., 0]
    below = np.where(index == 0, 0.0, below)
    in_bucket = inside_to - below
    part = np.divide(rank - below, in_bucket, out=np.zeros_like(rank), where=in_bucket > 0)
    return np.where(everything > 0, low + (high - low) * part, np.nan)


def share_above(buckets: Buckets, objective_seconds: float) -> ShareAbove | None:
    """How many were slower than the objective, over all of ``counts`` together; None without traffic.

    Exact where the objective is a bound; else the truth lies between the shares at the bounds beside it.
    """
    counts = buckets.counts.reshape(-1, buckets.upper.size).sum(axis=0)
    everything = float(counts[-1])
    if not everything > 0:
        return None
    upper = buckets.upper
    index = int(np.searchsorted(upper, objective_seconds, side="left"))
    at_high = float(counts[index])
    if upper[index] == objective_seconds:
        share = 1 - at_high / everything
        return ShareAbove(share, share, share)
    at_low = float(counts[index - 1]) if index else 0.0
    start = float(upper[index - 1]) if index else min(0.0, float(upper[0]))
    part = (objective_seconds - start) / (upper[index] - start) if np.isfinite(upper[index]) else 0.0
    below = at_low + part * (at_high - at_low)
    return ShareAbove(1 - below / everything, 1 - at_high / everything, 1 - at_low / everything)
