"""Champion against challenger on the same rows: what the difference is, how sure that is, and whom it would harm."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy

from triage.trial.bootstrap import p_at_most, percentile_interval, resampled_sums, resampling_units, sums_by_unit
from triage.trial.calibration import calibration
from triage.trial.comparison import (
    OVERALL,
    Margins,
    MetricComparison,
    PairedRows,
    ScopeComparison,
    Task,
    TrialReport,
    WindowComparison,
)
from triage.trial.footprint import Footprint, FootprintMargins, compare_footprints
from triage.trial.metrics import AUC, BINARY, KPI, REGRESSION, RowMetric, decided_right
from triage.trial.paired_tests import delong, mcnemar
from triage.trial.verdict import TrialVerdict, combine, judge_margin

NO_CHANCE = 0.1
"""A share of rows without a score that is none of chance, whatever became of them."""


def compare(
    windows: Sequence[PairedRows],
    margins: Mapping[str, Margins],
    rng: np.random.Generator,
    *,
    task: Task = Task.BINARY,
    threshold: float = 0.5,
    confidence: float = 0.95,
    replicates: int = 2_000,
    block_rows: int = 1,
    may_be_lost: bool = False,
    footprints: tuple[Footprint, Footprint] | None = None,
    footprint_margins: FootprintMargins | None = None,
) -> TrialReport:
    """Judge the challenger on every window and segment against ``margins`` (by the window's name).

    It passes only if every deciding metric is within its margin everywhere: an intersection of tests, which needs no
    correction. It fails where harm beyond a margin is shown; over segments that is corrected with Holm's method, since
    looking at many would find one by chance. ``block_rows`` is the length of blocks for rows without ``cluster``.
    Rows that the challenger has no score for fail it; with ``may_be_lost``, where its answers travel, they do beyond
    chance. ``footprints`` are the champion's and the challenger's. Raises ValueError when a window has no margins.
    """
    missing = [rows.name for rows in windows if rows.name not in margins]
    if missing:
        raise ValueError(f"no margins for window {', '.join(missing)}; give one Margins for each window compared")
    measured = tuple(
        _measure(rows, margins[rows.name], rng, task, threshold, confidence, replicates, block_rows, may_be_lost)
        for rows in windows
    )
    judged = _judge(measured, margins, 1 - confidence)
    footprint = compare_footprints(*footprints, footprint_margins or FootprintMargins(), rng) if footprints else None
    scopes = [scope for window in judged for scope in window.scopes]
    verdict = combine([scope.verdict for scope in scopes] + ([footprint.verdict] if footprint else []))
    reasons = [f"{scope.title}: {reason}" for scope in scopes for reason in scope.reasons]
    return TrialReport(
        verdict=verdict,
        reasons=(*reasons, *(footprint.reasons if footprint else ())),
        windows=judged,
        footprint=footprint,
        confidence=confidence,
    )


def _measure(
    rows: PairedRows,
    margins: Margins,
    rng: np.random.Generator,
    task: Task,
    threshold: float,
    confidence: float,
    replicates: int,
    block_rows: int,
    may_be_lost: bool,
) -> WindowComparison:
    """Everything about one window but its verdicts, which need the segments of all windows."""
    has_truth = np.isfinite(rows.truth)
    unscored = has_truth & np.isfinite(rows.champion) & ~np.isfinite(rows.challenger)
    keep = has_truth & np.isfinite(rows.champion) & np.isfinite(rows.challenger)
    truth, champion, challenger = rows.truth[keep], rows.champion[keep], rows.challenger[keep]
    cluster = None if rows.cluster is None else np.asarray(rows.cluster)[keep]
    units = resampling_units(len(truth), cluster, block_rows=block_rows)
    independent = cluster is None and block_rows <= 1
    columns = _columns(rows, keep, truth, champion, challenger, task, threshold)
    unscored_share = int(unscored.sum()) / max(1, int(has_truth.sum()))
    scopes = []
    for segment, mask in {OVERALL: np.ones(len(truth), bool), **_masks(rows, keep)}.items():
        n_rows, n_units = int(mask.sum()), len(np.unique(units[mask]))
        verdict = TrialVerdict.PASS
        reasons: tuple[str, ...] = ()
        metrics: tuple[MetricComparison, ...] = ()
        if n_rows < margins.min_rows or n_units < margins.min_units:
            verdict = TrialVerdict.NO_DATA
            reasons = (
                f"{n_rows:,} labelled rows in {n_units:,} independent units; "
                f"{margins.min_rows:,} rows in {margins.min_units:,} are needed to judge",
            )
        else:
            metrics = _bootstrap(columns, mask, units, rng, replicates, confidence, margins.of(segment))
            if task is Task.BINARY:
                metrics += _auc(
                    truth[mask], champion[mask], challenger[mask],
                    None if independent else units[mask], confidence, margins.of(segment),
                )  # fmt: skip
        if segment == OVERALL and unscored_share > margins.max_unscored_share:
            chance = may_be_lost and _is_chance(unscored[has_truth], margins.max_unscored_share, confidence)
            verdict = combine((verdict, TrialVerdict.INCONCLUSIVE if chance else TrialVerdict.FAIL))
            reasons += (f"the challenger has no score for {unscored_share:.1%} of the rows that the champion scores",)
        scopes.append(ScopeComparison(rows.name, segment, n_rows, n_units, metrics, verdict, reasons))
    binary = task is Task.BINARY and len(truth) > 0
    return WindowComparison(
        name=rows.name,
        scopes=tuple(scopes),
        n_without_truth=int(np.count_nonzero(~has_truth)),
        n_unscored=int(np.count_nonzero(unscored)),
        mcnemar=mcnemar(
            decided_right(truth, champion, threshold) > 0,
            decided_right(truth, challenger, threshold) > 0,
            None if independent else units,
        )
        if binary
        else None,
        champion_calibration=calibration(truth, champion, rng) if binary else None,
        challenger_calibration=calibration(truth, challenger, rng) if binary else None,
    )


def _is_chance(unscored: np.ndarray, limit: float, confidence: float) -> bool:
    """Whether more than ``limit`` of the rows (bool of shape (n,), some of them true) may be ``unscored`` by chance: by
    its exact limits (Clopper and Pearson 1934), and less than `NO_CHANCE`. Rows that are unscored one after the other,
    such as those of a request that was lost, count once."""
    share = float(unscored.mean())
    runs = int(np.count_nonzero(np.diff(unscored.astype(np.int8), prepend=0) == 1))
    low = scipy.stats.binomtest(runs, round(runs / share)).proportion_ci(confidence).low
    return share < NO_CHANCE and bool(low <= limit)


@dataclass(frozen=True, slots=True)
class _Column:
    metric: RowMetric
    champion: np.ndarray
    challenger: np.ndarray


def _columns(
    rows: PairedRows,
    keep: np.ndarray,
    truth: np.ndarray,
    champion: np.ndarray,
    challenger: np.ndarray,
    task: Task,
    threshold: float,
) -> list[_Column]:
    metrics = BINARY if task is Task.BINARY else REGRESSION
    columns = [
        _Column(metric, metric.values(truth, champion, threshold), metric.values(truth, challenger, threshold))
        for metric in metrics
    ]
    if rows.champion_kpi is not None and rows.challenger_kpi is not None:
        kpi = RowMetric(KPI, True, lambda truth, score, threshold: score)
        columns.append(_Column(kpi, rows.champion_kpi[keep], rows.challenger_kpi[keep]))
    return columns


def _masks(rows: PairedRows, keep: np.ndarray) -> dict[str, np.ndarray]:
    return {name: np.asarray(mask, bool)[keep] for name, mask in rows.segments.items()}


def _bootstrap(
    columns: list[_Column],
    mask: np.ndarray,
    units: np.ndarray,
    rng: np.random.Generator,
    replicates: int,
    confidence: float,
    margins: Mapping[str, float],
) -> tuple[MetricComparison, ...]:
    """All metrics of one scope from one set of draws of its units."""
    own_units = np.unique(units[mask], return_inverse=True)[1].reshape(-1)
    values = np.stack([side[mask] for column in columns for side in (column.champion, column.challenger)], axis=1)
    sums = sums_by_unit(np.column_stack([values, np.ones(len(values))]), own_units)
    totals = resampled_sums(sums, rng, replicates)
    means = totals[:, :-1] / totals[:, -1:]
    found = []
    for index, column in enumerate(columns):
        finish, sign = column.metric.finish, -1.0 if column.metric.higher_is_better else 1.0
        champion, challenger = (float(finish(values[:, 2 * index + side].mean())) for side in (0, 1))
        draws = finish(means[:, 2 * index + 1]) - finish(means[:, 2 * index])
        difference = percentile_interval(challenger - champion, draws, len(sums), confidence)
        margin = margins.get(column.metric.name)
        found.append(
            MetricComparison(
                metric=column.metric.name,
                champion=champion,
                challenger=challenger,
                difference=difference,
                harm=difference if sign > 0 else difference.negated,
                method=f"paired bootstrap of {len(sums):,} units",
                margin=margin,
                p_harm=None if margin is None else p_at_most(sign * draws, margin, len(sums)),
            )
        )
    return tuple(found)


def _auc(
    truth: np.ndarray,
    champion: np.ndarray,
    challenger: np.ndarray,
    cluster: np.ndarray | None,
    confidence: float,
    margins: Mapping[str, float],
) -> tuple[MetricComparison, ...]:
    found = delong(truth, champion, challenger, cluster, confidence=confidence)
    if found is None:
        return ()
    margin, harm = margins.get(AUC), found.difference.negated
    p_harm = None
    if margin is not None:
        p_harm = float(scipy.stats.norm.sf((harm.value - margin) / max(found.standard_error, 1e-300)))
    method = "DeLong" if cluster is None else "DeLong, clustered"
    return (MetricComparison(AUC, found.champion, found.challenger, found.difference, harm, method, margin, p_harm),)


def _judge(
    windows: tuple[WindowComparison, ...], margins: Mapping[str, Margins], alpha: float
) -> tuple[WindowComparison, ...]:
    """The verdicts, with Holm's correction over every deciding metric of every segment of every window."""
    family = [
        metric.p_harm
        for window in windows
        for scope in window.scopes[1:]
        for metric in scope.metrics
        if metric.p_harm is not None
    ]
    from statsmodels.stats.multitest import multipletests

    corrected = iter(multipletests(family, method="holm")[1] if family else ())
    judged = []
    for window in windows:
        scopes = []
        for scope in window.scopes:
            metrics = tuple(
                metric
                if metric.margin is None
                else _decide(metric, float(next(corrected)) if scope.segment else metric.p_harm, alpha)
                for metric in scope.metrics
            )
            scopes.append(_conclude(replace(scope, metrics=metrics), margins[window.name]))
        judged.append(replace(window, scopes=tuple(scopes)))
    return tuple(judged)


def _decide(metric: MetricComparison, p_harm: float | None, alpha: float) -> MetricComparison:
    assert metric.margin is not None
    verdict = judge_margin(metric.harm, metric.margin)
    if verdict is TrialVerdict.FAIL and (p_harm is None or p_harm > alpha / 2):
        verdict = TrialVerdict.INCONCLUSIVE
    return replace(metric, p_harm=p_harm, verdict=verdict)


def _conclude(scope: ScopeComparison, margins: Margins) -> ScopeComparison:
    """The verdict of one scope, with a reason for each metric that decided it."""
    if not scope.metrics:
        return scope
    reasons, verdicts = list(scope.reasons), [scope.verdict]
    for name, margin in margins.of(scope.segment).items():
        metric = scope.metric(name)
        if metric is None or metric.verdict is None:
            verdicts.append(TrialVerdict.NO_DATA)
            reasons.append(f"{name} decides but could not be measured here")
            continue
        verdicts.append(metric.verdict)
        reasons.append(_reason(metric, margin))
    return replace(scope, verdict=combine(verdicts), reasons=tuple(reasons))


def _reason(metric: MetricComparison, margin: float) -> str:
    figures = f"{metric.metric} {metric.champion:.4g} -> {metric.challenger:.4g}, harm {metric.harm}"
    asked = f"margin {margin:.4g}" if margin >= 0 else f"a gain of {-margin:.4g} is asked"
    match metric.verdict:
        case TrialVerdict.FAIL:
            return f"{figures} is beyond it ({asked})"
        case TrialVerdict.PASS:
            return f"{figures} is within it ({asked})"
        case _:
            return f"{figures} can't tell yet ({asked}): more labelled rows are needed"
