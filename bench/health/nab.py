"""The Numenta Anomaly Benchmark's scoring of one series, standard profile (Lavin and Ahmad 2015)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

PROBATION_SHARE = 0.15
PROBATION_OF_MOST = 5_000
FALSE_POSITIVE_WEIGHT = 0.11


@dataclass(frozen=True, slots=True)
class NabScore:
    """``raw`` runs from minus the number of windows (silence) to plus that number (each met at once, nothing else)."""

    raw: float
    windows: int
    hit: int
    false_alarms: int


def normalised(scores: Sequence[NabScore]) -> float:
    """0 for silence, 100 for perfection; below 0 is worse than silence."""
    windows = sum(score.windows for score in scores)
    return 100 * (sum(score.raw for score in scores) + windows) / (2 * windows)


def probation(n: int) -> int:
    """How many samples at the start count neither for nor against."""
    return int(min(math.floor(PROBATION_SHARE * n), PROBATION_SHARE * PROBATION_OF_MOST))


def score(n: int, alarms: Sequence[int], windows: Sequence[tuple[int, int]]) -> NabScore:
    """Of ``n`` samples, ``alarms`` are the indices raised and ``windows`` the first and last index of each anomaly."""
    best = [-1.0] * len(windows)
    penalty, false_alarms = 0.0, 0
    for index in alarms:
        if index < probation(n):
            continue
        inside = next((k for k, (first, last) in enumerate(windows) if first <= index <= last), None)
        if inside is not None:
            first, last = windows[inside]
            reward = _sigmoid(-(last - index + 1) / (last - first + 1)) / _sigmoid(-1.0)
            best[inside] = max(best[inside], reward)
            continue
        past = [(first, last) for first, last in windows if last < index]
        distance = (index - past[-1][1]) / max(past[-1][1] - past[-1][0], 1) if past else 3.0
        penalty += FALSE_POSITIVE_WEIGHT * _sigmoid(distance)
        false_alarms += 1
    return NabScore(sum(best) + penalty, len(windows), sum(value > -1 for value in best), false_alarms)


def _sigmoid(position: float) -> float:
    """1 at the left edge of a window (-1), 0 at its right edge (0), -1 far behind it."""
    return -1.0 if position >= 3 else 2 / (1 + math.exp(5 * position)) - 1


def nearest(times: np.ndarray, moment: float) -> int:
    """The first index whose time is closest to ``moment``; times may repeat and go back."""
    return int(np.argmin(np.abs(times - moment)))
