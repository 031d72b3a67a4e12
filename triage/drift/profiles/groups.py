"""The few bins on which PSI is taken and a plot is drawn: quantiles or heavy categories of the baseline, and the
exceptions.

Atoms, nulls, values beyond the baseline's range, unseen categories and NaN each have a bin of their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from triage.drift.profiles.edges import FeatureSpec
from triage.drift.profiles.profile import FeatureProfile

PARTS = 20
HEAVY_SHARE = 0.001
OTHER, UNSEEN, NULL = "other values", "values never seen before", "null"


@dataclass(frozen=True)
class Grouping:
    """How the profiles of one feature are folded into few bins, decided by the baseline alone."""

    baseline: FeatureProfile

    @property
    def spec(self) -> FeatureSpec:
        return self.baseline.spec

    @cached_property
    def starts(self) -> np.ndarray:
        """First fine bin of each group (numbers): group 0 is below the range, the last one above it."""
        inner = self.baseline.counts[1:-1]
        total = max(int(inner.sum()), 1)
        before = np.cumsum(inner) - inner
        fresh = np.diff(np.floor(before / total * PARTS), prepend=-1.0) > 0
        heavy = np.flatnonzero(inner > total / PARTS)
        first = np.concatenate((np.flatnonzero(fresh), heavy, heavy + 1)) + 1
        last = len(self.baseline.counts) - 1
        return np.unique(np.concatenate(([0, 1], first[first <= last], [last])))

    @cached_property
    def known(self) -> frozenset[str]:
        """Categories that the baseline holds though the plan's sample did not."""
        return frozenset(self.baseline.unseen.counts)

    @property
    def closed(self) -> bool:
        """Whether every category of the baseline is known, so that any other one is new."""
        return not self.spec.open and self.baseline.unseen.exact

    @cached_property
    def heavy(self) -> tuple[str, ...]:
        """Categories with a bin of their own, heaviest first."""
        floor = max(1.0, HEAVY_SHARE * self.baseline.values)
        counts = self.by_value_before
        return tuple(sorted((value for value in counts if counts[value] >= floor), key=lambda v: (-counts[v], v)))

    @cached_property
    def labels(self) -> tuple[str, ...]:
        if not self.spec.kind.is_number:
            return (*self.heavy, OTHER, UNSEEN, NULL)
        if len(self.spec.cuts) < 2:
            return ("below range", "above range", "not a number", NULL)
        inner = []
        bounds, starts = self.spec.bounds, self.starts
        for start, stop in pairwise(starts[1:]):
            atom = self.spec.atoms.get(int(start)) if stop == start + 1 else None
            inner.append(f"{atom:.6g}" if atom is not None else f"{bounds[start - 1]:.4g} to {bounds[stop - 1]:.4g}")
        return ("below range", *inner, "above range", "not a number", NULL)

    @cached_property
    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper end of the groups of numbers that have both, in the feature's unit (shape of `starts` less
        two)."""
        inner = self.starts[1:]
        return self.spec.bounds[inner[:-1] - 1], self.spec.bounds[inner[1:] - 1]

    @cached_property
    def expected(self) -> np.ndarray:
        """Counts of the baseline by group."""
        return self.fold(self.baseline)

    @cached_property
    def by_value_before(self) -> Mapping[str, int]:
        """Counts of all categories of the baseline that are known by name."""
        return self.by_value(self.baseline)

    def fold(self, profile: FeatureProfile) -> np.ndarray:
        """Counts of ``profile`` by group, int64, in the order of `labels`."""
        if self.spec.kind.is_number:
            if len(self.spec.cuts) < 2:
                groups = np.array([profile.finite, 0])
            else:
                groups = np.add.reduceat(profile.counts, self.starts)
            groups = groups.astype(np.int64)
            groups[0] += profile.infinities[0]
            groups[-1] += profile.infinities[1]
            return np.concatenate((groups, [profile.nans, profile.nulls]))
        counts = self.by_value(profile) if profile is not self.baseline else self.by_value_before
        heavy = np.array([counts.get(value, 0) for value in self.heavy], np.int64)
        unseen = self.unseen(profile)
        return np.concatenate((heavy, [profile.values - int(heavy.sum()) - unseen, unseen, profile.nulls])).astype(
            np.int64
        )

    def by_value(self, profile: FeatureProfile) -> Mapping[str, int]:
        """Counts of all categories of ``profile`` that are known by name."""
        listed = dict(zip(self.spec.values, profile.counts.tolist(), strict=True))
        return {value: count for value, count in {**listed, **profile.unseen.counts}.items() if count}

    def unseen(self, profile: FeatureProfile) -> int:
        """Rows with a category that the baseline doesn't have; 0 where that can't be known (`closed`)."""
        if not self.closed:
            return 0
        counts = profile.unseen.counts
        return profile.unseen.total - sum(counts.get(value, 0) for value in self.known)
