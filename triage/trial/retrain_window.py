"""Is the fresh window good enough to train on? Too early a retrain learns the middle of a change."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import numpy as np
import scipy


class Blocker(StrEnum):
    """Why not to retrain yet."""

    TOO_FEW_LABELS = "too_few_labels"
    ONE_CLASS = "one_class"
    TOO_FEW_NEW_ROWS = "too_few_new_rows"
    STILL_MOVING = "still_moving"


@dataclass(frozen=True, slots=True)
class FreshRows:
    """A window of training rows in the order of time, every array (n,); ``length`` is the window's span.

    ``truth`` is NaN where the label has not come. ``in_new_region`` marks rows like those since the change (None: no
    region is known). ``columns`` are features, numeric or of any other type (compared as categories).
    """

    truth: np.ndarray
    columns: Mapping[str, np.ndarray]
    length: timedelta
    in_new_region: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class WindowLimits:
    """``max_distance`` is the largest acceptable distance between two halves of the window (see `_distance`)."""

    min_labelled: int = 5_000
    min_labelled_share: float = 0.8
    min_minority: int = 200
    min_new_rows: int = 1_000
    max_distance: float = 0.1
    confidence: float = 0.99


@dataclass(frozen=True, slots=True)
class MovingFeature:
    """``distance`` between the newest half of the new rows and the half before it, from 0 to 1."""

    name: str
    distance: float
    p_value: float


@dataclass(frozen=True, slots=True)
class RetrainWindow:
    """``wait`` is how long until enough has come at the window's own pace; None where waiting has no known end."""

    ready: bool
    blockers: tuple[Blocker, ...]
    reasons: tuple[str, ...]
    n_rows: int
    n_labelled: int
    n_new_labelled: int | None
    moving: tuple[MovingFeature, ...]
    wait: timedelta | None


def judge_window(rows: FreshRows, limits: WindowLimits, *, binary: bool = True) -> RetrainWindow:
    """Whether to retrain on these rows now, and if not, why and how long to wait."""
    n = len(rows.truth)
    labelled = np.isfinite(rows.truth)
    n_labelled = int(labelled.sum())
    blockers: dict[Blocker, str] = {}
    shortages = []

    def need(blocker: Blocker, have: int, needed: int, what: str) -> None:
        if have < needed:
            blockers[blocker] = f"{have:,} {what}, {needed:,} are needed"
            shortages.append(needed / have - 1 if have else np.inf)

    need(Blocker.TOO_FEW_LABELS, n_labelled, limits.min_labelled, "rows have their label")
    share = n_labelled / n if n else 0.0
    if share < limits.min_labelled_share and Blocker.TOO_FEW_LABELS not in blockers:
        blockers[Blocker.TOO_FEW_LABELS] = (
            f"{share:.0%} of the rows have their label, {limits.min_labelled_share:.0%} are needed: "
            "the quickest labels are rarely like the rest"
        )
    if binary:
        positives = int(np.count_nonzero(rows.truth[labelled] == 1))
        need(Blocker.ONE_CLASS, min(positives, n_labelled - positives), limits.min_minority, "rows of the rarer class")
    n_new = None
    if rows.in_new_region is not None:
        n_new = int(np.count_nonzero(rows.in_new_region & labelled))
        need(Blocker.TOO_FEW_NEW_ROWS, n_new, limits.min_new_rows, "labelled rows from the new region")
    moving = _moving(rows, limits)
    if moving:
        names = ", ".join(f"{feature.name} by {feature.distance:.2f}" for feature in moving[:3])
        blockers[Blocker.STILL_MOVING] = f"{names} moved within the window, {limits.max_distance:.2f} is acceptable"
    wait = timedelta(0) if not blockers else None
    if shortages and np.isfinite(max(shortages)) and not moving:
        wait = rows.length * max(shortages)
    return RetrainWindow(
        ready=not blockers,
        blockers=tuple(blockers),
        reasons=tuple(blockers.values()),
        n_rows=n,
        n_labelled=n_labelled,
        n_new_labelled=n_new,
        moving=moving,
        wait=wait,
    )


def _moving(rows: FreshRows, limits: WindowLimits) -> tuple[MovingFeature, ...]:
    """Features whose newer half differs from the older one among the new rows, by size and (Bonferroni) p-value."""
    which = np.ones(len(rows.truth), bool) if rows.in_new_region is None else rows.in_new_region
    found = []
    for name, column in rows.columns.items():
        values = np.asarray(column)[which]
        middle = len(values) // 2
        if middle < 50:
            continue
        distance, p_value = _distance(values[:middle], values[middle:])
        if distance > limits.max_distance and p_value * len(rows.columns) < 1 - limits.confidence:
            found.append(MovingFeature(name, distance, p_value))
    return tuple(sorted(found, key=lambda feature: -feature.distance))


def _distance(older: np.ndarray, newer: np.ndarray) -> tuple[float, float]:
    """Kolmogorov-Smirnov distance for numbers, total variation for categories; with its p-value (chi-squared)."""
    if older.dtype.kind in "fiub":
        numbers = [half.astype(np.float64) for half in (older, newer)]
        older, newer = (half[np.isfinite(half)] for half in numbers)
        if min(len(older), len(newer)) < 50:
            return 0.0, 1.0
        found = scipy.stats.ks_2samp(older, newer, method="asymp")
        return float(found.statistic), float(found.pvalue)
    names, codes = np.unique(np.concatenate([older, newer]).astype(str), return_inverse=True)
    if len(names) < 2:
        return 0.0, 1.0
    counts = np.array([np.bincount(half, minlength=len(names)) for half in np.split(codes.reshape(-1), [len(older)])])
    shares = counts / counts.sum(axis=1, keepdims=True)
    return float(np.abs(shares[0] - shares[1]).sum() / 2), float(scipy.stats.chi2_contingency(counts).pvalue)
