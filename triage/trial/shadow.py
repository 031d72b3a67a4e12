"""Shadow: the challenger answers a copy of the traffic, and nobody sees its answers. The rows are paired."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import scipy

from triage.trial.bootstrap import design_effect
from triage.trial.compare import compare
from triage.trial.comparison import Margins, PairedRows, Task, TrialReport
from triage.trial.footprint import Footprint, FootprintComparison, FootprintMargins, compare_footprints
from triage.trial.verdict import Interval, TrialVerdict, combine, judge_margin


@dataclass(frozen=True, slots=True)
class ShadowRows:
    """Mirrored requests, every array (n,): a NaN answer is a failed one. ``truth`` is NaN until its label comes.

    Latencies are those of each model's own answers, in milliseconds. ``cluster`` and ``segments``: see `PairedRows`.
    """

    champion: np.ndarray
    challenger: np.ndarray
    truth: np.ndarray | None = None
    cluster: np.ndarray | None = None
    segments: Mapping[str, np.ndarray] = field(default_factory=dict)
    champion_latency_ms: np.ndarray | None = None
    challenger_latency_ms: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class ShadowLimits:
    """``failure_margin`` is the largest acceptable rise of the share of failed answers.

    ``max_disagreement`` is the largest acceptable share of decisions that differ; None shows it only, since a model
    that never differs need not be released. ``quality`` None: labels are not waited for.
    """

    failure_margin: float = 0.001
    max_disagreement: float | None = None
    quality: Margins | None = None
    footprint: FootprintMargins = field(default_factory=FootprintMargins)
    min_rows: int = 2_000


@dataclass(frozen=True, slots=True)
class ShadowReport:
    """``disagreement`` is the share of decisions that differ (regression: not judged, None); ``shift`` the mean change
    of score; ``failures`` the rise of the share of failed answers, above 0 worse."""

    verdict: TrialVerdict
    reasons: tuple[str, ...]
    n_rows: int
    n_labelled: int
    disagreement: Interval | None
    shift: float | None
    failures: Interval | None
    footprint: FootprintComparison | None
    quality: TrialReport | None


def judge_shadow(
    rows: ShadowRows,
    limits: ShadowLimits,
    rng: np.random.Generator,
    *,
    task: Task = Task.BINARY,
    threshold: float = 0.5,
    confidence: float = 0.95,
) -> ShadowReport:
    """The verdict of a shadow run, at a number of rows planned beforehand (see `ramp`); its limits are for one look.

    It passes when failures, latency and (once labels are there) quality are all within their margins.
    """
    n = len(rows.champion)
    if n < limits.min_rows:
        reason = f"{n:,} mirrored requests; {limits.min_rows:,} are needed"
        return ShadowReport(TrialVerdict.NO_DATA, (reason,), n, 0, None, None, None, None, None)
    parts: list[tuple[TrialVerdict, str]] = []
    failures = _failures(~np.isfinite(rows.champion), ~np.isfinite(rows.challenger), confidence)
    parts.append((verdict := judge_margin(failures, limits.failure_margin), f"failed answers {failures}: {verdict}"))
    both = np.isfinite(rows.champion) & np.isfinite(rows.challenger)
    shift = float(np.mean(rows.challenger[both] - rows.champion[both])) if both.any() else None
    disagreement = _disagreement(rows, both, threshold, confidence) if task is Task.BINARY and both.any() else None
    if disagreement is not None and limits.max_disagreement is not None:
        verdict = judge_margin(disagreement, limits.max_disagreement)
        parts.append((verdict, f"decisions that differ {disagreement}, limit {limits.max_disagreement:.1%}: {verdict}"))
    footprint = compare_footprints(
        Footprint(rows.champion_latency_ms), Footprint(rows.challenger_latency_ms), limits.footprint, rng
    )
    parts += [(footprint.verdict, reason) for reason in footprint.reasons]
    quality = None
    n_labelled = 0 if rows.truth is None else int(np.isfinite(rows.truth).sum())
    if limits.quality is not None:
        quality = _quality(rows, limits.quality, rng, task, threshold, confidence)
        parts += [(quality.verdict, reason) for reason in quality.reasons]
    return ShadowReport(
        verdict=combine([verdict for verdict, _ in parts]),
        reasons=tuple(reason for _, reason in parts),
        n_rows=n,
        n_labelled=n_labelled,
        disagreement=disagreement,
        shift=shift,
        failures=failures,
        footprint=footprint,
        quality=quality,
    )


def _failures(champion: np.ndarray, challenger: np.ndarray, confidence: float) -> Interval:
    """Paired difference of failure shares from exact limits of both kinds of one-sided failure; failures are rare."""
    n = len(champion)
    new, cured = int(np.sum(challenger & ~champion)), int(np.sum(champion & ~challenger))
    tail = (1 - confidence) / 4
    low_new, high_new = _clopper_pearson(new, n, tail)
    low_cured, high_cured = _clopper_pearson(cured, n, tail)
    return Interval((new - cured) / n, low_new - high_cured, high_new - low_cured, confidence)


def _clopper_pearson(events: int, n: int, tail: float) -> tuple[float, float]:
    low = float(scipy.stats.beta.ppf(tail, events, n - events + 1)) if events else 0.0
    high = float(scipy.stats.beta.ppf(1 - tail, events + 1, n - events)) if events < n else 1.0
    return low, high


def _disagreement(rows: ShadowRows, both: np.ndarray, threshold: float, confidence: float) -> Interval:
    """Wilson's interval on as many rows as the clusters are worth."""
    from statsmodels.stats.proportion import proportion_confint

    differs = (rows.champion[both] >= threshold) != (rows.challenger[both] >= threshold)
    worth = 1.0 if rows.cluster is None else design_effect(differs, np.asarray(rows.cluster)[both])
    n = len(differs) / worth
    low, high = proportion_confint(differs.mean() * n, n, alpha=1 - confidence, method="wilson")
    return Interval(float(differs.mean()), float(low), float(high), confidence)


def _quality(
    rows: ShadowRows, margins: Margins, rng: np.random.Generator, task: Task, threshold: float, confidence: float
) -> TrialReport:
    paired = PairedRows(
        name="shadow",
        truth=np.full(len(rows.champion), np.nan) if rows.truth is None else rows.truth,
        champion=rows.champion,
        challenger=rows.challenger,
        cluster=rows.cluster,
        segments=rows.segments,
    )
    return compare(
        [paired], {"shadow": margins}, rng, task=task, threshold=threshold, confidence=confidence, may_be_lost=True
    )
