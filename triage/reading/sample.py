"""An even sample of a stream of batches, in one pass and bounded memory."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa


class EvenSample:
    """Keeps ``most`` rows of all that were added, each set of them equally likely, in the order they came.

    Every row draws a number; the rows with the smallest stay (bottom-k sampling, Cohen and Kaplan 2007).
    """

    def __init__(self, most: int, rng: np.random.Generator) -> None:
        self.seen = 0
        self._most = most
        self._rng = rng
        self._limit = np.inf
        self._parts: list[tuple[np.ndarray, pa.RecordBatch]] = []
        self._held = 0

    def watched(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """``batches`` as they are, each added on its way."""
        for batch in batches:
            self.add(batch)
            yield batch

    def add(self, batch: pa.RecordBatch) -> None:
        self.seen += batch.num_rows
        draws = self._rng.random(batch.num_rows)
        self._keep(draws, batch, draws < self._limit)
        if self._held > 2 * self._most:
            self._trim()

    def table(self) -> pa.Table:
        """The sample, at most ``most`` rows. Raises ValueError when nothing was added."""
        if self._held > self._most:
            self._trim()
        return pa.Table.from_batches([batch for _, batch in self._parts])

    def _trim(self) -> None:
        draws = np.concatenate([draws for draws, _ in self._parts])
        self._limit = float(np.partition(draws, self._most)[self._most])
        parts, self._parts, self._held = self._parts, [], 0
        for part, batch in parts:
            self._keep(part, batch, part < self._limit)

    def _keep(self, draws: np.ndarray, batch: pa.RecordBatch, chosen: np.ndarray) -> None:
        self._parts.append((draws[chosen], batch.filter(pa.array(chosen))))
        self._held += int(chosen.sum())
