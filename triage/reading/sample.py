"""An even sample of a stream of batches, in one pass and bounded memory."""

import threading
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pyarrow as pa

_Load = Callable[[], pa.RecordBatch]


class EvenSample:
    """Keeps ``most`` rows of all that were added, each set of them equally likely, in the order they came.

    Every row draws a number; the rows with the smallest stay (bottom-k sampling, Cohen and Kaplan 2007).
    """

    def __init__(self, most: int, rng: np.random.Generator) -> None:
        self.seen = 0
        self._most = most
        self._rng = rng
        self._limit = np.inf
        self._parts: list[tuple[int, np.ndarray, pa.RecordBatch]] = []
        self._held = 0
        self._added = 0
        self._lock = threading.Lock()

    def watched(self, loads: Iterator[_Load]) -> Iterator[_Load]:
        """``loads`` as they are, each adding what it reads. Threads may make several of these calls at once: which rows
        stay depends on the order of ``loads`` alone, not on which of them is done first."""
        for load in loads:
            yield partial(self._load, load, *self._next())

    def add(self, batch: pa.RecordBatch) -> None:
        self._add(batch, *self._next())

    def table(self) -> pa.Table:
        """The sample, at most ``most`` rows. Raises ValueError when nothing was added."""
        if self._held > self._most:
            self._trim()
        return pa.Table.from_batches([batch for _, _, batch in sorted(self._parts, key=lambda part: part[0])])

    def _next(self) -> tuple[int, np.random.Generator]:
        self._added += 1
        return self._added, self._rng.spawn(1)[0]

    def _load(self, load: _Load, place: int, rng: np.random.Generator) -> pa.RecordBatch:
        batch = load()
        self._add(batch, place, rng)
        return batch

    def _add(self, batch: pa.RecordBatch, place: int, rng: np.random.Generator) -> None:
        draws = rng.random(batch.num_rows)
        part = _below(self._limit, place, draws, batch)
        with self._lock:
            self.seen += batch.num_rows
            self._keep(part)
            if self._held > 2 * self._most:
                self._trim()

    def _trim(self) -> None:
        draws = np.concatenate([draws for _, draws, _ in self._parts])
        self._limit = float(np.partition(draws, self._most)[self._most])
        parts, self._parts, self._held = self._parts, [], 0
        for place, part, batch in parts:
            self._keep(_below(self._limit, place, part, batch))

    def _keep(self, part: tuple[int, np.ndarray, pa.RecordBatch]) -> None:
        self._parts.append(part)
        self._held += len(part[1])


def _below(
    limit: float, place: int, draws: np.ndarray, batch: pa.RecordBatch
) -> tuple[int, np.ndarray, pa.RecordBatch]:
    chosen = draws < limit
    return place, draws[chosen], batch.filter(pa.array(chosen))
