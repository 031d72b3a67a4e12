"""An even sample of a stream of batches, in one pass and bounded memory."""

import numpy as np
import pyarrow as pa

FULL_WIDTH = 500
"""Columns. Of wider rows proportionally fewer are kept, so that what a sample holds does not grow with the width."""


class EvenSample:
    """Keeps ``most`` rows of all that were added (fewer where they are wide), each set of them equally likely, in the
    order they came.

    Every row draws a number; the rows with the smallest stay (bottom-k sampling, Cohen and Kaplan 2007).
    """

    def __init__(self, most: int, rng: np.random.Generator) -> None:
        self.seen = 0
        self._most = most
        self._narrowed = False
        self._rng = rng
        self._limit = np.inf
        self._parts: list[tuple[np.ndarray, pa.RecordBatch]] = []
        self._held = 0

    def add(self, batch: pa.RecordBatch) -> None:
        if not self._narrowed and batch.num_columns > FULL_WIDTH:
            self._most = max(1, self._most * FULL_WIDTH // batch.num_columns)
            self._narrowed = True
        self.seen += batch.num_rows
        self._keep(self._rng.random(batch.num_rows), batch)
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
            self._keep(part, batch)

    def _keep(self, draws: np.ndarray, batch: pa.RecordBatch) -> None:
        """Those rows of ``batch`` whose draw is below the limit."""
        chosen = draws < self._limit
        self._parts.append((draws[chosen], batch.filter(pa.array(chosen))))
        self._held += int(np.count_nonzero(chosen))
