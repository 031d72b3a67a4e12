"""How right the diagnoses were, in the figures that `triage bench` prints."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from triage.incident import Cause, CauseKind, Plan
from triage.lab.bench.case import Truth
from triage.lab.bench.run import Result

CONFIDENT = 0.5
"""A cause is named, and so can be a false alarm, from this probability on; it is also the plan's own limit."""
NEARLY_EQUAL = 0.15
"""Of two planted causes whose shares of the drop are this close, either is a right first answer."""
CALIBRATION_BINS = 10
NOTHING = "nothing"

OF_FEATURES = (CauseKind.DATA_QUALITY, CauseKind.SERVING_SKEW, CauseKind.FEATURE_DRIFT)
"""Kinds whose subject is a feature or its source: who is first among these is what hit@1 asks."""

REMEDIES = {
    CauseKind.INFRASTRUCTURE: "mend_upstream",
    CauseKind.DATA_QUALITY: "mend_upstream",
    CauseKind.SERVING_SKEW: "mend_upstream",
    CauseKind.LABEL_FAULT: "mend_upstream",
    CauseKind.FEATURE_DRIFT: "retrain",
    CauseKind.LABEL_SHIFT: "retrain",
    CauseKind.CONCEPT_DRIFT: "retrain",
    CauseKind.BAD_DEPLOY: "rollback",
    CauseKind.SEASONAL: "watch",
    CauseKind.UNKNOWN: "investigate",
}


@dataclass(frozen=True, slots=True)
class Scores:
    """Shares are fractions, None where no case tells. ``brier`` and ``ece`` are of the first cause's probability as a
    forecast that it is right; ``share_error_points`` is the median error of the first right cause's share of the drop,
    in points of 100; ``onset_error_hours`` the median distance from the planted onset.
    """

    cases: int
    top1_cause: float | None
    hit_at_1: float | None
    hit_at_3: float | None
    false_alarm_rate: float | None
    missed_drops: float | None
    share_error_points: float | None
    share_within_15_points: float | None
    onset_error_hours: float | None
    brier: float | None
    ece: float | None
    remediation: float | None
    seconds: float | None


def accepted(truths: Sequence[Truth]) -> tuple[Truth, ...]:
    """The planted causes that are right as the first answer."""
    return tuple(truth for truth in truths if truth.share >= truths[0].share - NEARLY_EQUAL)


def first_kind(result: Result) -> str:
    """The kind of the first cause, or `NOTHING` where the diagnosis says that nothing has to be explained."""
    if result.diagnosis is None:
        return CauseKind.UNKNOWN
    kinds = ranked_kinds(result.diagnosis.causes)
    return kinds[0][0] if kinds else NOTHING


def ranked_kinds(causes: Iterable[Cause]) -> list[tuple[CauseKind, float]]:
    """Kinds with the probability of all their subjects together, likeliest first."""
    total: Counter[CauseKind] = Counter()
    for cause in causes:
        total[cause.kind] += cause.probability  # type: ignore[assignment]
    return sorted(total.items(), key=lambda item: -item[1])


def right(result: Result) -> bool:
    return first_kind(result) in {truth.kind for truth in accepted(result.truths)}


def score(results: Sequence[Result]) -> Scores:
    """The figures of ``results``."""
    planted = [one for one in results if one.truths]
    clean = [one for one in results if not one.truths]
    subjects = [one for one in planted if _with_feature(one)]
    forecasts = [(confidence, right(one)) for one in planted if (confidence := _confidence(one)) is not None]
    errors = [error for one in planted if (error := _share_error(one)) is not None]
    onsets = [abs((one.onset - one.truths[0].onset).total_seconds()) / 3600 for one in planted if one.onset is not None]
    return Scores(
        cases=len(results),
        top1_cause=_mean(right(one) for one in planted),
        hit_at_1=_mean(_hit(one, 1) for one in subjects),
        hit_at_3=_mean(_hit(one, 3) for one in subjects),
        false_alarm_rate=_mean(_alarmed(one) for one in clean),
        missed_drops=_mean(first_kind(one) == NOTHING for one in planted),
        share_error_points=float(np.median(errors)) if errors else None,
        share_within_15_points=_mean(error <= 15 for error in errors),
        onset_error_hours=float(np.median(onsets)) if onsets else None,
        brier=float(np.mean([(chance - hit) ** 2 for chance, hit in forecasts])) if forecasts else None,
        ece=calibration_error(forecasts) if forecasts else None,
        remediation=_mean(_remedy_fits(one) for one in results),
        seconds=float(np.mean([one.seconds for one in results])) if results else None,
    )


def score_baseline(results: Sequence[Result], name: str) -> dict[str, float | None]:
    """The same figures, as far as a baseline has them: its first feature moved, so it says drift."""
    planted = [one for one in results if one.truths and name in one.baselines]
    clean = [one for one in results if not one.truths and name in one.baselines]
    named = [one for one in planted if _with_feature(one)]

    def kind(one: Result) -> CauseKind:
        return CauseKind.FEATURE_DRIFT if one.baselines[name].alarm else CauseKind.UNKNOWN

    def hit(one: Result, places: int) -> bool:
        wanted = {subject for truth in accepted(one.truths) for subject in truth.subjects}
        return bool(wanted & set(one.baselines[name].features[:places]))

    errors = [
        100 * abs(share - one.truths[0].share)
        for one in named
        if (shares := one.baselines[name].shares)
        and (share := max((shares.get(subject, 0.0) for subject in one.truths[0].subjects), default=None)) is not None
    ]
    return {
        "top1_cause": _mean(kind(one) in {truth.kind for truth in accepted(one.truths)} for one in planted),
        "hit_at_1": _mean(hit(one, 1) for one in named),
        "hit_at_3": _mean(hit(one, 3) for one in named),
        "false_alarm_rate": _mean(one.baselines[name].alarm for one in clean),
        "share_error_points": float(np.median(errors)) if errors else None,
        "brier": None,
        "ece": None,
    }


def confusion(results: Sequence[Result]) -> dict[str, dict[str, int]]:
    """Planted kind (the largest share) to the kind that was named first, with counts."""
    table: dict[str, Counter[str]] = {}
    for one in results:
        truth = str(one.truths[0].kind) if one.truths else NOTHING
        table.setdefault(truth, Counter())[str(first_kind(one))] += 1
    return {truth: dict(sorted(row.items())) for truth, row in sorted(table.items())}


def by(results: Sequence[Result], what: Callable[[Result], str]) -> dict[str, Scores]:
    """The scores of each group of ``results``."""
    groups = sorted({what(one) for one in results})
    return {group: score([one for one in results if what(one) == group]) for group in groups}


def calibration_error(forecasts: Sequence[tuple[float, bool]], *, bins: int = CALIBRATION_BINS) -> float:
    """Expected calibration error of (probability, came true), over bins with as many forecasts each."""
    order = np.argsort([chance for chance, _ in forecasts], kind="stable")
    table = np.array(forecasts, dtype=float)[order]
    parts = np.array_split(table, min(bins, max(1, len(table) // 10)))
    return float(sum(len(part) * abs(part[:, 0].mean() - part[:, 1].mean()) for part in parts) / len(table))


def reliability(results: Sequence[Result]) -> list[dict[str, Any]]:
    """How often the first cause was right, by the probability it was given."""
    forecasts = [(chance, right(one)) for one in results if one.truths and (chance := _confidence(one)) is not None]
    rows = []
    for low, high in ((0.0, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 0.9), (0.9, 0.97), (0.97, 1.01)):
        inside = [hit for chance, hit in forecasts if low <= chance < high]
        if inside:
            rows.append({"from": low, "to": min(high, 1.0), "cases": len(inside), "right": float(np.mean(inside))})
    return rows


def _confidence(result: Result) -> float | None:
    if result.diagnosis is None or not result.diagnosis.causes:
        return None
    return min(1.0, float(ranked_kinds(result.diagnosis.causes)[0][1]))


def _with_feature(result: Result) -> bool:
    return any(truth.subjects for truth in accepted(result.truths))


def _hit(result: Result, places: int) -> bool:
    wanted = {subject for truth in accepted(result.truths) for subject in truth.subjects}
    causes = result.diagnosis.causes if result.diagnosis else ()
    named = [cause.subject for cause in causes if cause.subject and cause.kind in OF_FEATURES]
    return bool(wanted & set(named[:places]))


def _alarmed(result: Result) -> bool:
    if result.diagnosis is None:
        return False
    kinds = ranked_kinds(result.diagnosis.causes)
    return bool(kinds) and kinds[0][0] is not CauseKind.UNKNOWN and kinds[0][1] >= CONFIDENT


def _share_error(result: Result) -> float | None:
    """Points between the share that the largest planted cause has and the shares named for its kind together.

    Population moves are shared out among features that moved together, so shares of one kind are added up.
    """
    truth = result.truths[0]
    causes = result.diagnosis.causes if result.diagnosis else ()
    shares = [cause.share_of_drop for cause in causes if cause.kind is truth.kind and cause.share_of_drop is not None]
    return 100 * abs(min(1.0, sum(shares)) - truth.share) if shares else None


def _remedy_fits(result: Result) -> bool:
    wanted = {REMEDIES[truth.kind] for truth in accepted(result.truths)} if result.truths else {"watch"}
    return _action(result.plan) in wanted


def _action(plan: Plan | None) -> str:
    return plan.actions[0].step if plan is not None and plan.actions else ""


def _mean(values: Iterable[object]) -> float | None:
    known = [bool(value) for value in values]
    return float(np.mean(known)) if known else None
