"""Counts of values that nobody planned for, in bounded memory.

Misra & Gries (1982), with the merge of Agarwal et al. (2013, "Mergeable summaries"): a count is never too high, and at
most `error` too low. Up to `CAPACITY` distinct values the counts are exact, and merging is exactly associative.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

CAPACITY = 1024


@dataclass(frozen=True, slots=True)
class Tally:
    """``counts`` by value, ``total`` of all that was counted, and how much a count may be too low."""

    counts: Mapping[str, int] = field(default_factory=dict)
    total: int = 0
    error: int = 0

    def merge(self, other: "Tally") -> "Tally":
        if not other.total:
            return self
        if not self.total:
            return other
        counts = dict(self.counts)
        for value, count in other.counts.items():
            counts[value] = counts.get(value, 0) + count
        return trimmed(counts, self.total + other.total, self.error + other.error)

    @property
    def exact(self) -> bool:
        return self.error == 0

    def heaviest(self, n: int) -> tuple[tuple[str, int], ...]:
        return tuple(sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))[:n])


def trimmed(counts: Mapping[str, int], total: int, error: int = 0) -> Tally:
    """A tally of at most `CAPACITY` of ``counts``: the largest dropped count is taken off all the others."""
    if len(counts) <= CAPACITY:
        return Tally(dict(sorted(counts.items())), total, error)
    weights = np.fromiter(counts.values(), np.int64, len(counts))
    cut = int(np.partition(weights, -CAPACITY - 1)[-CAPACITY - 1])
    kept = {value: count - cut for value, count in sorted(counts.items()) if count > cut}
    return Tally(kept, total, error + cut)
