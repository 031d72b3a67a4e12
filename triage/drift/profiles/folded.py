"""The past of features in few numbers: per stretch of time the counts by group, which add up to those of any window.

One pass over a month of rows keeps some hundred integers for each hour and feature, whatever the rows were.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from triage.drift.profiles.edges import Edges, Kind
from triage.drift.profiles.groups import Grouping
from triage.drift.profiles.profile import WindowProfile
from triage.drift.profiles.scan import profile_batch


class FoldedHistory:
    """``count`` buckets of ``bucket_seconds`` from ``start`` (Unix seconds) on, for ``features`` of ``baseline``."""

    def __init__(
        self, baseline: WindowProfile, features: Sequence[str], start: float, bucket_seconds: float, count: int
    ) -> None:
        kept = [baseline[name] for name in features if baseline[name].spec.kind is not Kind.UNMEASURED]
        self.groupings = {profile.name: Grouping(profile) for profile in kept}
        self.edges = Edges(tuple(profile.spec for profile in kept))
        self.start, self.bucket_seconds, self.count = start, bucket_seconds, count
        self.rows = np.zeros(count, np.int64)
        self.newest = np.full(count, np.nan)
        self._folded = {
            name: np.zeros((count, len(grouping.labels)), np.int64) for name, grouping in self.groupings.items()
        }
        self._read = {name: np.zeros(count, np.int64) for name in self.groupings}
        self._nulls = {name: np.zeros(count, np.int64) for name in self.groupings}
        self._unseen = {name: np.zeros(count, np.int64) for name in self.groupings}

    @property
    def ends(self) -> np.ndarray:
        """When each bucket ends, Unix seconds, shape (count,)."""
        return self.start + self.bucket_seconds * np.arange(1, self.count + 1)

    def add(self, batch: pa.RecordBatch, seconds: np.ndarray) -> None:
        """Count the rows of ``batch``, which were served at ``seconds`` (Unix, shape (n,)); others are passed over."""
        bucket = np.floor((seconds - self.start) / self.bucket_seconds)
        inside = np.isfinite(bucket) & (bucket >= 0) & (bucket < self.count)
        for place in np.unique(bucket[inside]).astype(np.intp):
            mine = bucket == place
            self.rows[place] += int(mine.sum())
            self.newest[place] = np.fmax(self.newest[place], seconds[mine].max())
            if self.groupings:
                self._count(int(place), batch if mine.all() else batch.filter(pa.array(mine)))

    def _count(self, place: int, rows: pa.RecordBatch) -> None:
        for profile in profile_batch(rows, self.edges).features:
            grouping = self.groupings[profile.name]
            self._folded[profile.name][place] += grouping.fold(profile)
            self._read[profile.name][place] += profile.read
            self._nulls[profile.name][place] += profile.nulls + profile.nans
            if not profile.spec.kind.is_number:
                self._unseen[profile.name][place] += grouping.unseen(profile)

    def groups(self, feature: str, width: int) -> tuple[np.ndarray, np.ndarray]:
        """The baseline's counts by group, and those of the window of ``width`` buckets that ends with each bucket."""
        grouping = self.groupings[feature]
        return grouping.fold(grouping.baseline), _sums(self._folded[feature], width)

    def read(self, feature: str, width: int) -> np.ndarray:
        """Rows that could be read in each such window."""
        return _sums(self._read[feature], width)

    def null_share(self, feature: str, width: int) -> np.ndarray:
        """NaN where no row was read."""
        return _share(_sums(self._nulls[feature], width), self.read(feature, width))

    def unseen_share(self, feature: str, width: int) -> np.ndarray:
        """NaN where no row was read, and everywhere if the baseline can't know which values are new."""
        grouping = self.groupings[feature]
        if grouping.spec.kind.is_number or not grouping.closed:
            return np.full(self.count, np.nan)
        return _share(_sums(self._unseen[feature], width), self.read(feature, width))

    def window_rows(self, width: int) -> np.ndarray:
        return _sums(self.rows, width)

    def age(self) -> np.ndarray:
        """Seconds from the newest row to the end of each bucket; NaN before the first row."""
        newest = np.fmax.accumulate(self.newest) if self.count else self.newest
        return self.ends - newest


def _sums(values: np.ndarray, width: int) -> np.ndarray:
    """Over the last ``width`` buckets, along the first axis; fewer at the begin."""
    summed = np.cumsum(values, axis=0)
    before = np.zeros_like(summed)
    before[width:] = summed[:-width] if width < len(summed) else 0
    return np.asarray(summed - before)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.where(whole > 0, part / whole, np.nan)
