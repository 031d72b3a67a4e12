"""Counting one column of numbers in bins."""

from dataclasses import dataclass

import numpy as np

from triage.drift.profiles.edges import FeatureSpec
from triage.drift.profiles.loops import count_in_bins


@dataclass(frozen=True, slots=True)
class Counted:
    """What `count` found in one column: see `profile.FeatureProfile` for the fields."""

    counts: np.ndarray
    nans: int
    infinities: tuple[int, int]
    minimum: float
    maximum: float
    sum_1: float
    sum_2: float


def count(values: np.ndarray, spec: FeatureSpec) -> Counted:
    """Count ``values`` (float64, shape (n,), NaN and infinities among them) in the bins of ``spec``."""
    counts = np.zeros(spec.size, np.int64)
    nans, below, above, *rest = count_in_bins(
        np.ascontiguousarray(values), spec.shift, spec.scale, spec.bin_of_rank, counts
    )
    return Counted(counts, nans, (below, above), *rest)
