"""Columns that hold each other's values."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from triage.drift.codes import as_floats, as_labels, is_number

MOST_CANDIDATES = 100
MIN_MOVED_IQR = 0.5
MAX_LEFT = 0.25
_GRID = np.linspace(0.05, 0.95, 19)


def find_swaps(baseline: pd.DataFrame, current: pd.DataFrame, features: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Pairs whose current values fit the other's baseline and no longer their own; each feature is in one pair at most.

    Numbers are compared by 19 quantiles in units of the baseline's interquartile range; categories by the values known.
    Only the 100 features that moved furthest are tried.
    """
    numbers: dict[str, tuple[np.ndarray, np.ndarray, float]] = {}
    categories: dict[str, tuple[frozenset[str], frozenset[str]]] = {}
    for name in features:
        before, now = baseline[name], current[name]
        if is_number(before) and is_number(now):
            left, right = (values[~np.isnan(values)] for values in (as_floats(before), as_floats(now)))
            if min(len(left), len(right)) < 20:
                continue
            old, new = np.quantile(left, _GRID), np.quantile(right, _GRID)
            scale = float(old[14] - old[4]) or float(np.std(left))
            if scale and np.abs(new - old).mean() > MIN_MOVED_IQR * scale:
                numbers[name] = (old, new, scale)
        else:
            old_labels, new_labels = (frozenset(as_labels(values)[1]) for values in (before, now))
            if new_labels and len(new_labels - old_labels) > len(new_labels) / 2:
                categories[name] = (old_labels, new_labels)
    pairs = [(distance, a, b) for distance, a, b in _number_pairs(numbers)] + list(_category_pairs(categories))
    taken: set[str] = set()
    found = []
    for _, a, b in sorted(pairs):
        if not taken & {a, b}:
            taken |= {a, b}
            found.append((a, b))
    return tuple(found)


def _number_pairs(moved: dict[str, tuple[np.ndarray, np.ndarray, float]]) -> list[tuple[float, str, str]]:
    names = sorted(moved, key=lambda name: -float(np.abs(moved[name][1] - moved[name][0]).mean() / moved[name][2]))
    names = sorted(names[:MOST_CANDIDATES])
    pairs = []
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            worst = 0.0
            for one, other in ((a, b), (b, a)):
                values = moved[one][1]
                away = float(np.abs(values - moved[one][0]).mean())
                fit = float(np.abs(values - moved[other][0]).mean())
                worst = max(worst, fit / away, fit / (4 * MAX_LEFT * moved[other][2]) * MAX_LEFT)
            if worst < MAX_LEFT:
                pairs.append((worst, a, b))
    return pairs


def _category_pairs(moved: dict[str, tuple[frozenset[str], frozenset[str]]]) -> list[tuple[float, str, str]]:
    names = sorted(moved)[:MOST_CANDIDATES]
    pairs = []
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            strange = [len(moved[x][1] - moved[y][0]) / len(moved[x][1]) for x, y in ((a, b), (b, a))]
            if max(strange) < 0.1:
                pairs.append((max(strange), a, b))
    return pairs
