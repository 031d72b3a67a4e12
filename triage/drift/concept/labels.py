"""Faults of the labels: late, missing, constant, flipped, or joined to the wrong rows. The model may be fine."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import numpy as np
import pandas as pd
import scipy

from triage.drift.codes import as_floats
from triage.incident import Unmeasured

MIN_LABELS = 50
MIN_DROP_IN_COVERAGE = 0.05
SIGNIFICANT_Z = 5.0
LATE_FACTOR = 1.5
MIN_HEALTHY_AUC = 0.55
CHANCE_OF_RUN, RUN_FACTOR = 1e-6, 3.0


class LabelFaultKind(StrEnum):
    MISSING = "missing labels"
    LATE = "late labels"
    CONSTANT = "constant label"
    FLIPPED = "flipped labels"
    UNRELATED = "labels unrelated to scores"


@dataclass(frozen=True, slots=True)
class LabelFault:
    """``healthy`` and ``current`` are the figure the fault shows in: coverage, delay in seconds, class share, or
    AUC."""

    kind: LabelFaultKind
    statement: str
    healthy: float
    current: float
    z: float


@dataclass(frozen=True, slots=True)
class LabelReport:
    """``coverage`` is the share of current rows with a label; ``ranking`` the AUC (or rank correlation, as an AUC) of
    scores.

    ``ambiguous`` says that what was found looks the same as a change of concept in labels and scores alone.
    """

    faults: tuple[LabelFault, ...]
    coverage: float
    healthy_coverage: float
    ranking: float | None
    healthy_ranking: float | None
    ambiguous: bool
    unmeasured: tuple[Unmeasured, ...]


def label_faults(
    labels: np.ndarray,
    scores: np.ndarray,
    current_labels: np.ndarray,
    current_scores: np.ndarray,
    *,
    delays: pd.Series | None = None,
    current_delays: pd.Series | None = None,
    expected_delay: timedelta | None = None,
    age: timedelta | None = None,
) -> LabelReport:
    """Compare labels (NaN: none) and scores of a healthy window (n,) and the current one (m,).

    ``delays`` are label arrival minus event time, as timedeltas, beside the rows. ``age`` is how long ago the current
    window ended: while that is below ``expected_delay``, missing labels are only not due yet, and are reported as
    unmeasured.
    """
    y, y_now = np.asarray(labels, dtype=np.float64), np.asarray(current_labels, dtype=np.float64)
    covered, covered_now = _share(y), _share(y_now)
    faults: list[LabelFault] = []
    unmeasured: list[Unmeasured] = []
    due = expected_delay is None or age is None or age >= expected_delay
    z = _two_shares(covered_now, len(y_now), covered, len(y))
    if not due:
        wait = expected_delay - age if expected_delay is not None and age is not None else timedelta()
        unmeasured.append(Unmeasured("label coverage", f"labels are due in {wait}", "look again then"))
    elif covered - covered_now > MIN_DROP_IN_COVERAGE and z < -SIGNIFICANT_Z:
        text = f"{covered_now:.1%} of rows have a label, {covered:.1%} before"
        faults.append(LabelFault(LabelFaultKind.MISSING, text, covered, covered_now, z))
    late = _late(delays, current_delays)
    if late is not None:
        faults.append(late)
    known, known_now = np.isfinite(y) & np.isfinite(scores), np.isfinite(y_now) & np.isfinite(current_scores)
    ranking = ranking_now = None
    if min(known.sum(), known_now.sum()) < MIN_LABELS:
        reason = f"{int(known_now.sum())} labels now and {int(known.sum())} before; {MIN_LABELS} are needed"
        unmeasured.append(Unmeasured("label values", reason, "wait for labels, or widen the window"))
    else:
        y, y_now = y[known], y_now[known_now]
        constant = _constant(y, y_now)
        if constant is not None:
            faults.append(constant)
        if y_now.min() != y_now.max():
            ranking, error = _ranking(y, np.asarray(scores)[known])
            ranking_now, error_now = _ranking(y_now, np.asarray(current_scores)[known_now])
            fault = _ranking_fault(ranking, ranking_now, error, error_now)
            if fault is not None:
                faults.append(fault)
    ambiguous = any(fault.kind in (LabelFaultKind.FLIPPED, LabelFaultKind.UNRELATED) for fault in faults)
    return LabelReport(tuple(faults), covered_now, covered, ranking_now, ranking, ambiguous, tuple(unmeasured))


def _constant(y: np.ndarray, y_now: np.ndarray) -> LabelFault | None:
    """A run of one value, in order of time, that chance would not make and no healthy run comes near."""
    start, length = _longest_run(y_now)
    value = y_now[start]
    # Where the classes shifted, runs are longer: the other labels of the window say how much.
    rest = np.delete(y_now, np.s_[start : start + length])
    usual = max(float((y == value).mean()), float((rest == value).mean()) if len(rest) >= MIN_LABELS else 0.0)
    unlikely = length * np.log(max(usual, 1 / (len(y) + 1))) < np.log(CHANCE_OF_RUN / len(y_now))
    if usual == 1.0 or not unlikely or length < MIN_LABELS or length < RUN_FACTOR * _longest_run(y)[1]:
        return None
    share = length / len(y_now)
    z = (share - usual) / np.sqrt(max(usual * (1 - usual), 1e-6) / len(y_now))
    said = f"every label is {value:g}" if share == 1 else f"{length} labels in a row are {value:g}"
    return LabelFault(LabelFaultKind.CONSTANT, f"{said}; {usual:.1%} were before", usual, share, float(z))


def _longest_run(values: np.ndarray) -> tuple[int, int]:
    """First place and length of the longest run of one value."""
    edges = np.flatnonzero(np.r_[True, values[1:] != values[:-1], True])
    lengths = np.diff(edges)
    longest = int(np.argmax(lengths))
    return int(edges[longest]), int(lengths[longest])


def _share(labels: np.ndarray) -> float:
    return float(np.isfinite(labels).mean()) if len(labels) else 0.0


def _two_shares(p: float, n: int, q: float, m: int) -> float:
    pooled = (p * n + q * m) / max(n + m, 1)
    return (p - q) / max(np.sqrt(pooled * (1 - pooled) * (1 / max(n, 1) + 1 / max(m, 1))), 1e-9)


def _late(delays: pd.Series | None, current: pd.Series | None) -> LabelFault | None:
    if delays is None or current is None:
        return None
    before, now = (as_floats(part.dropna().dt.total_seconds()) for part in (delays, current))
    if min(len(before), len(now)) < MIN_LABELS:
        return None
    usual, median = float(np.median(before)), float(np.median(now))
    spread = max(1.4826 * float(np.median(np.abs(before - usual))), 1.0)
    if median < LATE_FACTOR * usual or median < np.quantile(before, 0.9):
        return None
    text = f"labels take {timedelta(seconds=round(median))}, {timedelta(seconds=round(usual))} before"
    return LabelFault(LabelFaultKind.LATE, text, usual, median, (median - usual) / spread)


def _ranking(labels: np.ndarray, scores: np.ndarray) -> tuple[float, float]:
    """AUC of ``scores`` for 0/1 labels, else Kendall-like concordance from Spearman's ρ as (ρ+1)/2; and its standard
    error."""
    n = len(labels)
    ranks = pd.Series(scores).rank().to_numpy()
    if np.isin(labels, (0.0, 1.0)).all():
        ones = labels == 1
        a, b = int(ones.sum()), int((~ones).sum())
        auc = float((ranks[ones].sum() - a * (a + 1) / 2) / max(a * b, 1))
        return auc, float(np.sqrt((a + b + 1) / (12 * max(a * b, 1))))  # of AUC under no relation
    other = pd.Series(labels).rank().to_numpy()
    if ranks.std() == 0 or other.std() == 0:
        return 0.5, 1.0
    return (1 + float(np.corrcoef(ranks, other)[0, 1])) / 2, 0.5 / np.sqrt(n)


def _ranking_fault(before: float, now: float, error: float, error_now: float) -> LabelFault | None:
    if before < MIN_HEALTHY_AUC:
        return None
    fell = (now - before) / float(np.hypot(error, error_now))
    if now < 0.5 - scipy.stats.norm.ppf(0.999) * error_now and fell < -SIGNIFICANT_Z:
        text = f"labels run against the scores: AUC {now:.3f}, {before:.3f} before"
        return LabelFault(LabelFaultKind.FLIPPED, text, before, now, fell)
    if abs(now - 0.5) < scipy.stats.norm.ppf(0.999) * error_now and fell < -SIGNIFICANT_Z:
        text = f"labels have nothing to do with the scores: AUC {now:.3f}, {before:.3f} before"
        return LabelFault(LabelFaultKind.UNRELATED, text, before, now, fell)
    return None
