"""Counting one column of numbers in bins, in buffers that each thread keeps: counting asks the system for no memory.

Slices are long, for every call of numpy hands the interpreter's lock from one thread to the other.
"""

import math
import threading
from dataclasses import dataclass

import numpy as np

from triage.drift.profiles.edges import FeatureSpec
from triage.drift.profiles.keys import write_keys

_SLICE_ROWS = 1 << 17
_DOT_ROWS = 1 << 12
_ONES = np.ones(_DOT_ROWS)
_LARGEST = 1e300


@dataclass(slots=True)
class Counted:
    """What `Counter` found in one column: see `profile.FeatureProfile` for the fields."""

    counts: np.ndarray
    nans: int = 0
    infinities: tuple[int, int] = (0, 0)
    minimum: float = math.inf
    maximum: float = -math.inf
    sum_1: float = 0.0
    sum_2: float = 0.0


class Counter:
    """Buffers for one slice of a column, for one thread."""

    def __init__(self) -> None:
        self._centred = np.empty(_SLICE_ROWS)
        self._power = np.empty(_SLICE_ROWS, np.float32)
        self._magnitude = np.empty(_SLICE_ROWS, np.float32)
        self._keys = self._centred.view(np.int64)  # the centred values are done with once there are keys
        self._found = np.empty(_SLICE_ROWS, np.uint16)
        self._bins = np.empty(_SLICE_ROWS, np.intp)

    def count(self, values: np.ndarray, spec: FeatureSpec) -> Counted:
        """Count ``values`` (float64, shape (n,), NaN and infinities among them) in the bins of ``spec``."""
        counted = Counted(np.zeros(spec.size, np.int64))
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            for start in range(0, len(values), _SLICE_ROWS):
                self._count(values[start : start + _SLICE_ROWS], spec, counted)
        return counted

    def _count(self, part: np.ndarray, spec: FeatureSpec, counted: Counted) -> None:
        lowest, highest = float(part.min()), float(part.max())
        # Not so for NaN, too.
        usual = spec.shift - _LARGEST <= lowest and highest <= spec.shift + _LARGEST
        if not usual:
            part = _finite(part, counted)
            if not len(part):
                return
            lowest, highest = float(part.min()), float(part.max())
        n = len(part)
        centred = np.subtract(part, spec.shift, out=self._centred[:n])
        if not usual:
            np.clip(centred, -_LARGEST, _LARGEST, out=centred)
        total, squares = self._moments(n)
        counted.sum_1 += total
        counted.sum_2 += squares
        counted.minimum = min(counted.minimum, lowest)
        counted.maximum = max(counted.maximum, highest)
        keys = write_keys(centred, spec.scale, self._power[:n], self._magnitude[:n])
        np.copyto(self._keys[:n], keys)
        # Every key is in range; "clip" only skips the check.
        found = spec.bin_of_key.take(self._keys[:n], out=self._found[:n], mode="clip")
        np.copyto(self._bins[:n], found)
        counted.counts += np.bincount(self._bins[:n], minlength=spec.size)

    def _moments(self, n: int) -> tuple[float, float]:
        """Sum and sum of squares of the first ``n`` centred values, in rows too short for BLAS to start threads."""
        whole = -(-n // _DOT_ROWS) * _DOT_ROWS
        self._centred[n:whole] = 0.0
        rows = self._centred[:whole].reshape(-1, _DOT_ROWS)
        return float(np.vecdot(rows, _ONES).sum()), float(np.vecdot(rows, rows).sum())


def counter() -> Counter:
    """This thread's counter."""
    try:
        return _OF_THREAD.counter  # type: ignore[no-any-return]
    except AttributeError:
        _OF_THREAD.counter = found = Counter()
        return found


_OF_THREAD = threading.local()


def _finite(part: np.ndarray, counted: Counted) -> np.ndarray:
    """The finite values of ``part``; the others are counted."""
    nan, below, above = np.isnan(part), np.isneginf(part), np.isposinf(part)
    counted.nans += int(nan.sum())
    counted.infinities = counted.infinities[0] + int(below.sum()), counted.infinities[1] + int(above.sum())
    return part[~(nan | below | above)]
