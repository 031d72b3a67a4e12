"""When the rows of a window came, and how many came twice: counted while the window is read."""

import numpy as np
import pandas as pd
import pyarrow as pa

from triage.drift.quality.arrivals import DAY, Arrivals
from triage.health.series import bounds, resample
from triage.incident import Window
from triage.ports import Series

_FEWEST_BINS = 12


def bin_seconds(window: Window) -> float:
    """An hour, or less for a short window; a whole number of bins makes a day."""
    return DAY / np.ceil(DAY / min(3600.0, window.length.total_seconds() / _FEWEST_BINS))


class ArrivalCount:
    """Counts the rows of batches in bins of ``seconds`` of ``window``, by their column ``time``, and keeps a hash of
    each ``key``, eight bytes a row."""

    def __init__(self, window: Window, seconds: float, time: str, key: str | None) -> None:
        self._start, self._end = bounds(window)
        self._seconds = seconds
        self._time = time
        self._key = key
        self._counts = np.zeros(int((self._end - self._start) // seconds), np.int64)
        self._rows = 0
        self._hashes: list[np.ndarray] = []

    def arrivals(self, traffic: Series | None) -> Arrivals:
        """What was counted; ``traffic`` in requests per second, its times those of the steps it tells of."""
        bins = len(self._counts)
        known = np.full(bins, np.nan)
        if traffic is not None and bins:
            known = resample(traffic, self._start, self._start + bins * self._seconds, self._seconds).values[:bins]
        repeated = None
        if self._key is not None:
            hashes = np.concatenate([np.empty(0, np.uint64), *self._hashes])
            repeated = len(hashes) - len(pd.unique(hashes))
        return Arrivals(self._start, self._seconds, self._counts, known, self._rows, repeated)

    def add(self, batch: pa.RecordBatch) -> None:
        at = batch.column(self._time).drop_null().cast(pa.timestamp("us", "UTC"), safe=False).cast(pa.int64())
        place = ((at.to_numpy() / 1e6 - self._start) // self._seconds).astype(np.int64)
        self._counts += np.bincount(place[(place >= 0) & (place < len(self._counts))], minlength=len(self._counts))
        self._rows += batch.num_rows
        if self._key is not None:
            self._hashes.append(_hashes(batch.column(self._key)))


def _hashes(keys: pa.Array) -> np.ndarray:
    """A hash of each key that is not null, uint64."""
    if pa.types.is_dictionary(keys.type):
        keys = keys.dictionary_decode()
    keys = keys.drop_null()
    if pa.types.is_nested(keys.type):
        keys = pa.array([str(key) for key in keys.to_pylist()], pa.string())
    values = keys.to_numpy(zero_copy_only=False)
    return np.asarray(pd.util.hash_array(values, categorize=False), np.uint64)
