"""Answers of range queries, put on one grid of evaluation times: what was not answered is a gap."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from triage.incident import Source, Window
from triage.ports import RangeResult, Series


class Grid:
    """Series on the evaluation times ``(first + i) × step``, filled in answer by answer."""

    def __init__(self, first: int, count: int, step_seconds: float) -> None:
        self.first = first
        self.count = count
        self.step_seconds = step_seconds
        self.values: dict[frozenset[tuple[str, str]], np.ndarray] = {}
        self._said: dict[str, None] = {}
        self._infinite = 0
        self._moved_seconds = 0.0

    def time(self, index: int) -> float:
        return (self.first + index) * self.step_seconds

    @property
    def times(self) -> np.ndarray:
        return (self.first + np.arange(self.count, dtype=np.float64)) * self.step_seconds

    def take(self, labels: Mapping[str, Any], points: Sequence[Sequence[Any]]) -> None:
        """Put ``[seconds, "value"]`` pairs in their places. Raises ValueError, TypeError on what is no such pair."""
        key = frozenset((str(name), str(value)) for name, value in labels.items())
        at = np.array([float(point[0]) for point in points], dtype=np.float64)
        if not np.isfinite(at).all():
            raise ValueError("a time that is no number")
        read = np.array([float(point[1]) for point in points], dtype=np.float64)
        place = at / self.step_seconds - self.first
        nearest = np.rint(place).astype(np.int64)
        inside = (nearest >= 0) & (nearest < self.count)
        if inside.any():
            moved = np.abs(place - nearest)[inside].max() * self.step_seconds
            self._moved_seconds = max(self._moved_seconds, float(moved))
        infinite = np.isinf(read)
        self._infinite += int((infinite & inside).sum())
        values = self.values.setdefault(key, np.full(self.count, np.nan))
        values[nearest[inside]] = np.where(infinite, np.nan, read)[inside]

    def said(self, warnings: Sequence[str]) -> None:
        self._said.update(dict.fromkeys(warnings))

    def warnings(self) -> tuple[str, ...]:
        own = []
        if self._infinite:
            own.append(f"{self._infinite} infinite values are gaps (a division by zero?)")
        if self._moved_seconds > 0.01 * self.step_seconds:
            own.append(f"the server moved evaluation times by up to {self._moved_seconds:.3g} s")
        return (*self._said, *own)

    def falls(self) -> bool:
        return any(bool((np.diff(values[np.isfinite(values)]) < 0).any()) for values in self.values.values())

    def result(self, query: str, window: Window, warnings: tuple[str, ...]) -> RangeResult:
        """The series that have a value at all; the digest covers times, labels and values."""
        times = self.times
        whole = hashlib.sha256(times.tobytes())
        series = []
        for key in sorted(self.values, key=sorted):
            values = self.values[key]
            if np.isnan(values).all():
                continue
            whole.update(repr(sorted(key)).encode())
            whole.update(values.tobytes())
            series.append(Series(labels=dict(sorted(key)), times=times, values=values))
        if self.values and not series:
            warnings = (*warnings, "the query matches series, but every value is NaN: 0 divided by 0, or no traffic?")
        source = Source(
            kind="query",
            name=query,
            version=f"every {self.step_seconds:g} s",
            digest=f"sha256:{whole.hexdigest()}",
            window=window,
            rows=sum(int(np.isfinite(one.values).sum()) for one in series),
        )
        return RangeResult(series=tuple(series), source=source, warnings=warnings)
