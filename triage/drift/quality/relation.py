"""What a wrong number is instead: a scaled or shifted version of the right one, or a copy of another column."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from triage.drift.codes import as_floats, is_number

MIN_ROWS, TRIES = 20, 200
EXPLAINED, EXPLAINED_COPY, MAX_ALREADY = 0.8, 0.9, 0.5
MAX_COLUMNS = 20
FIT = 2e-3


@dataclass(frozen=True, slots=True)
class Relation:
    """served ≈ ``slope`` · ``of`` + ``intercept`` in ``explained`` of the rows tried; ``of`` is empty for the feature
    itself."""

    of: str
    slope: float
    intercept: float
    explained: float

    def __str__(self) -> str:
        shift = f" {self.intercept:+.5g}" if self.intercept else ""
        return f"{self.of or 'reference'} × {self.slope:.5g}{shift}"


def find_affine(
    x: np.ndarray, y: np.ndarray, rng: np.random.Generator, *, explained: float = EXPLAINED
) -> Relation | None:
    """The line that most pairs (x, y) lie on (RANSAC: Fischler and Bolles 1981), refitted; None unless 80% do.

    Both arrays of shape (n,), without NaN. A constant ``y`` is no relation.
    """
    if len(x) < MIN_ROWS or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    tolerance = FIT * float(np.subtract(*np.quantile(y, [0.9, 0.1])) or np.ptp(y))
    first, second = rng.integers(0, len(x), (2, TRIES))
    apart = x[first] != x[second]
    first, second = first[apart], second[apart]
    slopes = np.append((y[first] - y[second]) / (x[first] - x[second]), np.median(y[x != 0] / x[x != 0]))
    intercepts = np.append(y[first] - slopes[:-1] * x[first], 0.0)
    some = rng.permutation(len(x))[:1000]
    close = np.abs(y[some][:, None] - (x[some][:, None] * slopes + intercepts)) <= tolerance
    best = int(np.argmax(close.sum(axis=0)))
    held = np.abs(y - slopes[best] * x - intercepts[best]) <= tolerance
    if held.mean() < explained or np.ptp(x[held]) == 0 or np.ptp(y[held]) == 0:
        return None
    slope, intercept = np.polyfit(x[held], y[held], 1)
    if abs(intercept) <= tolerance:
        intercept = 0.0
    return Relation("", float(slope), float(intercept), float(held.mean()))


def find_copy(
    name: str, others: Sequence[str], served: pd.DataFrame, reference: pd.DataFrame, rng: np.random.Generator
) -> Relation | None:
    """The served column that ``name`` is an affine copy of, though in the reference it is not; the first 20 are
    tried."""
    y, right = as_floats(served[name]), as_floats(reference[name])
    tried = 0
    for other in others:
        if other == name or other not in reference or not is_number(served[other]) or not is_number(reference[other]):
            continue
        tried += 1
        if tried > MAX_COLUMNS:
            return None
        x = as_floats(served[other])
        both = ~np.isnan(x) & ~np.isnan(y)
        relation = find_affine(x[both], y[both], rng, explained=EXPLAINED_COPY)
        if relation is None or both.sum() < MIN_ROWS:
            continue
        there = as_floats(reference[other])
        known = ~np.isnan(there) & ~np.isnan(right)
        off = np.abs(right[known] - relation.slope * there[known] - relation.intercept)
        if not known.any() or (off <= FIT * max(float(np.ptp(right[known])), 1e-12)).mean() < MAX_ALREADY:
            return Relation(other, relation.slope, relation.intercept, relation.explained)
    return None
