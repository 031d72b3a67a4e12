"""Propose how the challenger is released: strategy, stages, how long it takes at today's traffic, and what stops it."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict

from triage.catalog import KServeRouting, ReleasePolicy
from triage.diagnosis.plan import bound
from triage.errors import TriageError
from triage.incident import Action, Alternative, Effect, Plan
from triage.reading.canary import count
from triage.reading.release import Versions, compared, first_due, newest, policy
from triage.reading.serving import canary_stops
from triage.step import Context, Findings
from triage.trial.ramp import Choice, RampPlan, Strategy, Traffic, Watched, choose_strategy, plan_ramp

about = None
effect = Effect.READ
_NAMES = {Strategy.SHADOW: "shadow, then canary", Strategy.CANARY: "canary at once", Strategy.AB: "A/B"}


class Params(BaseModel):
    """No parameters: policy and versions are the catalogue's and the comparison's."""

    model_config = ConfigDict(extra="forbid")


def run(ctx: Context) -> Findings:
    versions, how = compared(ctx), policy(ctx)
    traffic, watched = _traffic(ctx, versions)
    choice = choose_strategy(traffic)
    ramp, why_not = _ramp(how, traffic, watched)
    lasts = ramp.statement if ramp else f"how long it takes is not known: {why_not}"
    drafted = Plan(
        summary=(
            f"release {ctx.model.registered_model} version {versions.challenger}: canary at "
            f"{', then '.join(f'{stage:.0%}' for stage in how.stages)}, then in full; {lasts}"
        ),
        actions=(_canary(ctx, versions, choice, ramp, lasts, traffic), _promote(ctx, versions)),
        not_chosen=(
            *(Alternative(_NAMES[strategy], reason) for strategy, reason in choice.not_chosen),
            Alternative("release in full at once", "what the comparison did not cover would reach everybody"),
            Alternative("do nothing", "the drop goes on as long as the inputs stay where they are"),
        ),
        champion=versions.champion,
        challenger=versions.challenger,
        covers=("canary", "promote"),
    )
    outputs = {
        "strategy": choice.strategy.value,
        "requests_per_hour": traffic.requests_per_hour or None,
        "hours": ramp.duration / timedelta(hours=1) if ramp else None,
        "feasible": float(ramp.feasible) if ramp else None,
        "stages": [
            {
                "name": one.name,
                "weight": one.weight,
                "requests": one.requests,
                "requests_one_look": one.requests_one_look,
                "hours": one.duration / timedelta(hours=1),
                "reason": one.reason,
            }
            for one in (ramp.stages if ramp else ())
        ],
    }
    return Findings(outputs=outputs, plan=bound(drafted, ctx.incident.evidence))


def _traffic(ctx: Context, versions: Versions) -> tuple[Traffic, tuple[Watched, ...]]:
    """The champion's traffic in the newest whole interval, and the shares that are guarded, as they are now."""
    how = policy(ctx)
    at = first_due(ctx.ports.clock.now() - how.lag - how.interval, how.interval)
    per_hour, watched = 0.0, []
    for rule in how.guardrails:
        try:
            total = count(ctx, rule.total, "champion", versions.champion, at) or 0.0
            events = count(ctx, rule.events, "champion", versions.champion, at) if total else None
        except TriageError as error:
            ctx.progress(f"{rule.name} can't be counted now: {error.message}")
            continue
        per_hour = per_hour or total * 3600 / how.interval.total_seconds()
        if rule.needed and total and events is not None:
            share = min(max(events / total, 1 / (total + 1)), 1 - 1 / (total + 1))
            watched.append(Watched(rule.name, share, rule.margin))
    labels = ctx.model.labels
    return (
        Traffic(
            requests_per_hour=per_hour,
            label_delay=labels.delay if labels else None,
            answer_changes_outcome=how.answer_changes_outcome,
            can_mirror=not isinstance(ctx.model.router, KServeRouting),
            capacity_for_copy=how.shadow.share > 0,
        ),
        tuple(watched),
    )


def _ramp(how: ReleasePolicy, traffic: Traffic, watched: tuple[Watched, ...]) -> tuple[RampPlan | None, str]:
    if not traffic.requests_per_hour or not watched:
        return None, "today's traffic could not be measured"
    ramp = plan_ramp(
        traffic,
        watched,
        weights=(*how.stages, 1.0),
        confidence=how.confidence,
        min_stage=how.interval * how.min_intervals,
        watch=how.recovery.deadline,
    )
    return ramp, ""


def _canary(
    ctx: Context, versions: Versions, choice: Choice, ramp: RampPlan | None, lasts: str, traffic: Traffic
) -> Action:
    how = policy(ctx)
    first = how.stages[0]
    partial = ramp.stages[:-1] if ramp else ()
    reached = sum(one.weight * one.requests for one in partial)
    exposed = f", about {reached:,.0f} requests before the full release" if partial else ""
    sizes = "; ".join(f"{one.name}: {one.requests:,} requests, {one.reason}" for one in partial)
    compared_to = newest(ctx.incident, "compare_challenger")
    gain = next((item.statement for item in ctx.incident.evidence if compared_to and item.step == compared_to.id), "")
    return Action(
        "canary",
        f"Canary at {', then '.join(f'{stage:.0%}' for stage in how.stages)}",
        Effect.CHANGE,
        why=f"{_NAMES[choice.strategy]}: {choice.reason}",
        params={"stages": list(how.stages), "interval_seconds": how.interval.total_seconds(), "plan": sizes},
        before=f"version {versions.champion} answers everything",
        after=f"version {versions.challenger} answers {first:.0%}, stage by stage more",
        blast_radius=f"{first:.0%} of {traffic.requests_per_hour:,.0f} requests an hour at first{exposed}",
        expected_gain=gain,
        risk=f"harm to those who get it, before it shows; {lasts}",
        undo=f"'triage rollback {ctx.incident.id}', or by itself: everything back to version {versions.champion}",
        stops_if=canary_stops(ctx.model),
    )


def _promote(ctx: Context, versions: Versions) -> Action:
    model = ctx.model
    return Action(
        "promote",
        "Full release through the registry",
        Effect.CHANGE,
        why="once every stage has passed",
        before=f"'{model.alias}' points at version {versions.champion}",
        after=f"'{model.alias}' points at version {versions.challenger}, which answers everything",
        blast_radius="all traffic",
        expected_gain="the cause's share of the drop; the KPI is followed afterwards",
        risk="what shows only later; a KPI that gets worse takes it back by itself",
        undo=f"'triage rollback {ctx.incident.id}': version {versions.champion}, without a new approval",
        stops_if="the alias or the router was changed outside, or the servers do not serve what they were told",
    )
