"""How to release: which strategy, in which stages, and how long each takes at today's traffic."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import numpy as np

from triage.trial.power import rows_for_paired_shares, rows_for_shares, rows_to_rule_out


class Strategy(StrEnum):
    """``shadow``: paired and unseen, then a ramp. ``canary``: a ramp at once. ``ab``: users split at random."""

    SHADOW = "shadow"
    CANARY = "canary"
    AB = "ab"


@dataclass(frozen=True, slots=True)
class Traffic:
    """The model's traffic today. ``label_delay`` None: labels never come.

    ``answer_changes_outcome``: people or systems react to the answer, so what would have happened under another answer
    is not known (a price, a ranking). ``can_mirror``: the router copies requests and the model has no side effects.
    """

    requests_per_hour: float
    label_delay: timedelta | None
    answer_changes_outcome: bool
    can_mirror: bool = True
    capacity_for_copy: bool = True


@dataclass(frozen=True, slots=True)
class Choice:
    """``not_chosen`` says of each other strategy why not."""

    strategy: Strategy
    reason: str
    not_chosen: tuple[tuple[Strategy, str], ...]


def choose_strategy(traffic: Traffic) -> Choice:
    """Shadow where a copy can be judged, else A/B where only people's reactions can tell, else a canary."""
    mirrored = traffic.can_mirror and traffic.capacity_for_copy
    why_no_shadow = (
        "requests can't be mirrored safely"
        if not traffic.can_mirror
        else "there is no capacity to answer every request twice"
        if not traffic.capacity_for_copy
        else "an unseen answer has no outcome, so a copy can't show the effect on the KPI"
        if traffic.answer_changes_outcome
        else "labels never come, so a copy shows speed and failures but not quality"
    )
    no_ab = "outcomes do not depend on the answer, so splitting users adds cost and no knowledge"
    no_canary = "it takes several times more requests than paired rows, and users see the challenger from the start"
    if traffic.answer_changes_outcome:
        return Choice(
            Strategy.AB,
            "outcomes depend on the answer: only users split at random show its effect"
            + ("; a short shadow run first checks speed and failures" if mirrored else ""),
            (
                (Strategy.SHADOW, why_no_shadow),
                (Strategy.CANARY, "it stops at the first proof of harm or safety, before the gain can be measured"),
            ),
        )
    if mirrored and traffic.label_delay is not None:
        return Choice(
            Strategy.SHADOW,
            "a copy of the traffic is judged on the same rows, unseen by users, with the fewest requests; then a ramp",
            ((Strategy.CANARY, no_canary), (Strategy.AB, no_ab)),
        )
    return Choice(
        Strategy.CANARY,
        f"{why_no_shadow}; a small share of users with guardrails bounds the harm",
        ((Strategy.SHADOW, why_no_shadow), (Strategy.AB, no_ab)),
    )


@dataclass(frozen=True, slots=True)
class Watched:
    """One share a stage is to guard: what it is now, and the largest acceptable rise.

    ``needs_labels``: it is known only after the label delay (wrong answers), not at once (failures, slow answers).
    """

    name: str
    share: float
    margin: float
    needs_labels: bool = False


@dataclass(frozen=True, slots=True)
class StagePlan:
    """``requests`` is what the router must see in this stage; ``requests_one_look`` what a single planned look would
    need.

    ``duration`` includes the wait for labels where one is watched that needs them. The last stage has no champion
    beside it and is watched for a fixed time.
    """

    name: str
    weight: float
    requests: int
    requests_one_look: int | None
    duration: timedelta
    reason: str


@dataclass(frozen=True, slots=True)
class RampPlan:
    """``feasible``: the whole takes no longer than was allowed."""

    stages: tuple[StagePlan, ...]
    duration: timedelta
    power: float
    statement: str
    feasible: bool


def plan_ramp(
    traffic: Traffic,
    guardrails: Sequence[Watched],
    *,
    shadow: Watched | None = None,
    disagreement: float | None = None,
    weights: Sequence[float] = (0.1, 0.5, 1.0),
    power: float = 0.8,
    confidence: float = 0.95,
    design_effect: float = 1.0,
    min_stage: timedelta = timedelta(minutes=30),
    watch: timedelta = timedelta(hours=24),
    longest: timedelta = timedelta(days=14),
) -> RampPlan:
    """Stages with the requests each needs, and the time that takes at ``traffic``.

    ``shadow`` is what paired rows are to show first, None to go without. ``disagreement`` is the share of rows on which
    one model alone is right, from the champion/challenger report; unknown, twice the share is taken, the most there can
    be. The error rate is shared by the guardrails. Raises ValueError on weights or shares that make no sense.
    """
    steps = list(weights)
    if not steps or steps != sorted(set(steps)) or steps[0] <= 0 or steps[-1] != 1.0:
        raise ValueError(f"weights {steps} must ascend from above 0 to exactly 1")
    if not guardrails:
        raise ValueError("a ramp without guardrails can't be judged; name at least one")
    if not traffic.requests_per_hour > 0:
        raise ValueError("without traffic no stage ever ends; measure requests_per_hour first")
    stages = []
    if shadow is not None:
        stages.append(
            _shadow_stage(shadow, disagreement, traffic, (1 - confidence) / 2, power, design_effect, min_stage)
        )
    each = 1 - (1 - confidence) / len(guardrails)
    for weight in steps[:-1]:
        stages.append(_canary_stage(weight, guardrails, traffic, each, power, design_effect, min_stage))
    watched = round(watch.total_seconds() / 3600 * traffic.requests_per_hour)
    stages.append(StagePlan("100%", 1.0, watched, None, watch, "no champion beside it: watched for recovery"))
    total = sum((stage.duration for stage in stages), timedelta(0))
    pace = f"{traffic.requests_per_hour:,.0f} requests an hour"
    statement = f"{_spoken(total)} at {pace}, {power:.0%} power at each stage"
    if total > longest:
        slowest = max(stages, key=lambda stage: stage.duration)
        statement += (
            f"; longer than {_spoken(longest)}, most of it in stage {slowest.name}: accept a larger margin there, "
            "give the challenger more weight sooner, or judge on paired shadow rows alone"
        )
    return RampPlan(tuple(stages), total, power, statement, total <= longest)


def _shadow_stage(
    shadow: Watched,
    disagreement: float | None,
    traffic: Traffic,
    alpha: float,
    power: float,
    design_effect: float,
    min_stage: timedelta,
) -> StagePlan:
    differ = min(0.99, 2 * shadow.share) if disagreement is None else disagreement
    paired = rows_for_paired_shares(max(differ, shadow.margin), shadow.margin, alpha=alpha, power=power)
    requests = int(np.ceil(paired * design_effect))
    known = "at most " if disagreement is None else ""
    reason = f"paired rows: {shadow.name} within {shadow.margin:.2%}, the models differ on {known}{differ:.1%}"
    return StagePlan(
        "shadow", 0.0, requests, requests, _lasts(requests, traffic, shadow.needs_labels, min_stage), reason
    )


def _canary_stage(
    weight: float,
    guardrails: Sequence[Watched],
    traffic: Traffic,
    confidence: float,
    power: float,
    design_effect: float,
    min_stage: timedelta,
) -> StagePlan:
    """The stage lasts as long as its slowest guardrail takes."""
    plans = []
    for watched in guardrails:
        deviation = float(np.sqrt(watched.share * (1 - watched.share)))
        rows = rows_to_rule_out(deviation, watched.margin, weight=weight, confidence=confidence, power=power)
        one_look = rows_for_shares(
            watched.share, watched.margin, weight=weight, alpha=(1 - confidence) / 2, power=power
        )
        requests, planned = (int(np.ceil(count * design_effect)) for count in (rows, one_look))
        reason = f"until a rise of {watched.name} by {watched.margin:.2%} is ruled out, looking at any time"
        duration = _lasts(requests, traffic, watched.needs_labels, min_stage)
        plans.append(StagePlan(f"{weight:.0%}", weight, requests, planned, duration, reason))
    return max(plans, key=lambda plan: plan.duration)


def _lasts(requests: int, traffic: Traffic, needs_labels: bool, min_stage: timedelta) -> timedelta:
    if needs_labels and traffic.label_delay is None:
        raise ValueError("a guardrail that needs labels can't be judged on traffic whose labels never come")
    counting = max(min_stage, timedelta(hours=requests / traffic.requests_per_hour))
    return counting + (traffic.label_delay or timedelta(0) if needs_labels else timedelta(0))


def _spoken(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours / 24:.1f} days" if hours >= 48 else f"{hours:.1f} hours"
