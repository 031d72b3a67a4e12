"""The level at a window's end, in units of what past windows did."""

from dataclasses import dataclass

import numpy as np

from triage.health.robust import robust_scale
from triage.health.seasonal import Baseline

FEWEST_CURRENT = 3
LEAST_COVERAGE = 0.5
NULL_QUANTILE = 0.95


@dataclass(frozen=True, slots=True)
class Tail:
    """The last ``points`` of the window, ``share`` of it: their ``shift`` in the signal's unit, ``z`` the same in units
    of ``null``, the medians of past stretches as long."""

    share: float
    points: int
    shift: float
    z: float
    null: np.ndarray

    @property
    def usual(self) -> float:
        """The shift that 19 in 20 past windows did not exceed."""
        return float(np.quantile(np.abs(self.null - np.median(self.null)), NULL_QUANTILE)) if self.null.size else 0.0


def strongest_tail(baseline: Baseline, sign: int, least: float) -> Tail:
    """The whole window, its last half or its last quarter: whichever departs furthest from healthy windows so long.

    ``sign`` says which way counts (0: both); ``least`` is the smallest standard deviation to count in. The window
    holds at least `FEWEST_CURRENT` numbers.
    """
    whole = baseline.current.size
    tails = []
    for share in (1.0, 0.5, 0.25):
        points = max(1, round(share * whole))
        part = baseline.current[-points:]
        if np.sum(~np.isnan(part)) < FEWEST_CURRENT:
            continue
        null = medians_of_windows(baseline.history, points)
        unit = max(robust_scale(null), baseline.scale / np.sqrt(points), least)
        shift = float(np.nanmedian(part)) - (float(np.nanmedian(null)) if null.size else 0.0)
        tails.append(Tail(share, points, shift, _ratio(shift, unit), null))
    return max(tails, key=lambda tail: (tail.z * sign if sign else abs(tail.z), abs(tail.shift), tail.share))


def medians_of_windows(history: np.ndarray, points: int) -> np.ndarray:
    """Medians of the disjoint windows of ``points`` points that end with history, those at least half known."""
    count = history.size // points
    table = history[history.size - count * points :].reshape(count, points)
    table = table[np.mean(~np.isnan(table), axis=1) >= LEAST_COVERAGE]
    return np.nanmedian(table, axis=1) if table.size else np.zeros(0)


def _ratio(shift: float, unit: float) -> float:
    if unit > 0:
        return float(np.clip(shift / unit, -1e6, 1e6))
    return 0.0 if shift == 0 else float(np.copysign(1e6, shift))
