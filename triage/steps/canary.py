"""Give the challenger a growing share of the traffic, and look at every interval whether it harms.

Each look is written down before anything follows from it; what to do next is a pure fold over the verdicts of the
stage (`triage.trial.canary.decide`), so that a run that was killed anywhere goes on as if nothing had been.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from triage.codec import decode, encode
from triage.errors import NotFound, SourceUnavailable
from triage.incident import CauseKind, Effect, Evidence, Measure, Release, ReleaseStage, Verdict
from triage.ports import Rollout
from triage.reading.canary import guardrails, kept, look_at, restored
from triage.reading.release import Versions, bounded, first_due, newest, planned, policy
from triage.reading.serving import service_levels
from triage.routing import send, unclaimed
from triage.step import LEFT_FOR_A_PERSON, Context, Findings, UnderWay
from triage.trial.canary import CanaryStep, Decision, Limits, Move, decide, judge_step
from triage.trial.guardrail import Look
from triage.trial.verdict import TrialVerdict

about = CauseKind.UNKNOWN
effect = Effect.CHANGE


class Params(BaseModel):
    """No parameters: stages, guardrails and intervals are the catalogue's."""

    model_config = ConfigDict(extra="forbid")


def preview(ctx: Context) -> str:
    versions, how = planned(ctx), policy(ctx)
    stages = ", then ".join(f"{stage:.0%}" for stage in how.stages)
    return f"{ctx.model.registered_model}: {stages} of the requests go to version {versions.challenger}"


def run(ctx: Context) -> UnderWay:
    return _to_stage(ctx, planned(ctx), 0, None)


def probe(ctx: Context) -> UnderWay | None:
    """Nothing is done before the first word of it is written down."""
    return None


def undo(ctx: Context, done: Findings) -> None:
    """All traffic to the champion of before."""
    send(ctx.ports, ctx.model.registered_model, Rollout(planned(ctx).champion), f"{ctx.key}/undo")


def tick(ctx: Context) -> Findings | UnderWay:
    if ctx.record.settled:
        return _on_watch(ctx)
    if ctx.stopped():
        return _withdrawn(ctx, "stopped by a person", "stopped")
    match ctx.record.progress["phase"]:
        case "route":
            return _route(ctx, planned(ctx))
        case "passed":
            return _passed(ctx)
        case "failed":
            return _withdrawn(ctx, str(ctx.record.progress["reason"]), TrialVerdict.FAIL.value)
        case _:
            return _look(ctx, planned(ctx))


def _to_stage(ctx: Context, versions: Versions, stage: int, look: dict[str, Any] | None) -> UnderWay:
    """The decision to give the challenger its share of ``stage``: written down, done by the next tick."""
    weight = policy(ctx).stages[stage]
    release = Release(
        versions.champion, versions.challenger, ReleaseStage.CANARY, weight, step=ctx.step, reason=f"stage {weight:.0%}"
    )
    state = {"phase": "route", "stage": stage}
    said = f"about to send {weight:.0%} to version {versions.challenger}"
    return UnderWay(state, ctx.ports.clock.now(), said, look=look, release=release)


def _route(ctx: Context, versions: Versions) -> Findings | UnderWay:
    stage, how, release = int(ctx.record.progress["stage"]), policy(ctx), ctx.incident.release
    assert release is not None  # written down before
    rollout = Rollout(versions.champion, versions.challenger, weight=release.weight)
    unclaimed(ctx.ports, ctx.model.registered_model, versions.champion, versions.challenger)
    send(ctx.ports, ctx.model.registered_model, rollout, f"{ctx.key}/{ctx.record.attempts}/{stage}")
    if ctx.stopped():
        return _withdrawn(ctx, "stopped by a person", "stopped")
    since = first_due(ctx.ports.clock.now(), how.interval)
    state = {"phase": "watch", "stage": stage, "since": encode(since)}
    said = f"{release.weight:.0%} to version {versions.challenger}"
    return UnderWay(state, since + how.interval + how.lag, said, release=replace(release, reached=True))


def _look(ctx: Context, versions: Versions) -> UnderWay:
    """The look at the next interval that is over, and what follows from all looks of the stage."""
    how, progress = policy(ctx), ctx.record.progress
    if moved := _moved_outside(ctx, versions):
        return UnderWay({**progress, "phase": "failed", "reason": moved}, ctx.ports.clock.now(), moved)
    stage, since = int(progress["stage"]), decode(datetime, progress["since"])
    before = _of_stage(ctx, stage)
    at = since + (len(before) + 1) * how.interval
    step, counted = _judged(ctx, versions, stage, since, at, before)
    look = _kept(step, stage, at, counted)
    verdicts = [TrialVerdict(one["verdict"]) for one in (*before, look)]
    decision = decide(verdicts, _limits(ctx))
    said = f"{step.weight:.0%}, look {len(verdicts)}: {step.verdict.value}: {'; '.join(step.reasons)}"
    look |= {"decision": decision.move.value, "because": decision.reason}
    if decision.move is Move.ROLL_BACK:
        state = {"phase": "failed", "reason": f"{decision.reason}: {'; '.join(step.reasons)}"}
        return UnderWay(state, ctx.ports.clock.now(), said, look=look)
    if decision.move is Move.PROMOTE and stage + 1 < len(how.stages):
        return _to_stage(ctx, versions, stage + 1, look)
    if decision.move is Move.PROMOTE and not ctx.record.settled:
        return UnderWay({**progress, "phase": "passed"}, ctx.ports.clock.now(), said, look=look)
    return _go_on(ctx, decision, look, at, said)


def _go_on(ctx: Context, decision: Decision, look: dict[str, Any], at: datetime, said: str) -> UnderWay:
    """The next look; a canary that can't be decided holds its share, watched, until a person or time withdraws it."""
    how, progress = policy(ctx), ctx.record.progress
    due = at + how.interval + how.lag
    if decision.move is not Move.HOLD:
        return UnderWay({**progress, "phase": "watch"}, due, said, look=look)
    held = decode(datetime, progress["held"]) if "held" in progress else at
    if at - held >= how.hold:
        state = {"phase": "failed", "reason": f"{decision.reason}; nobody decided within {how.hold}"}
        return UnderWay(state, ctx.ports.clock.now(), said, look=look)
    state = {**progress, "phase": "hold", "held": encode(held)}
    told = f"holds at {look['weight']:.0%}, {decision.reason}: 'triage rollback {ctx.incident.id}' ends it; {said}"
    return UnderWay(state, due, told, look=look, for_a_person=True)


def _judged(
    ctx: Context, versions: Versions, stage: int, since: datetime, at: datetime, before: tuple[dict[str, Any], ...]
) -> tuple[CanaryStep, dict[str, Look]]:
    rules = guardrails(ctx, _champion_loss(ctx))
    now = look_at(ctx, versions, rules, since, at)
    looks: dict[str, list[Look]] = {rule.name: [] for rule in rules}
    for one in (*(restored(decode(datetime, past["at"]), past["counted"]) for past in before), now):
        for name, look in one.items():
            looks.setdefault(name, []).append(look)
    step = judge_step(
        rules,
        looks,
        stage_started_at=since,
        now=at,
        weight=policy(ctx).stages[stage],
        service_levels=service_levels(ctx, _begun(ctx), at),
        requests=_requests(ctx, looks),
        confidence=policy(ctx).confidence,
    )
    return step, now


def _begun(ctx: Context) -> datetime:
    """When this canary was begun: what served users then is what it is compared with."""
    return ctx.record.started_at or ctx.incident.received_at


def _requests(ctx: Context, looks: dict[str, list[Look]]) -> tuple[float, float] | None:
    """The requests of both versions in this stage so far, by the first guardrail."""
    rules = policy(ctx).guardrails
    counted = looks.get(rules[0].name, []) if rules else []
    pairs = [(look.champion, look.challenger) for look in counted if look.champion or look.challenger]
    if not pairs:
        return None
    champion, challenger = (sum(tally.n for tally in side if tally) for side in zip(*pairs, strict=True))
    return float(champion), float(challenger)


def _champion_loss(ctx: Context) -> float | None:
    """The champion's loss per row on the rows of the comparison."""
    record = newest(ctx.incident, "compare_challenger")
    scopes = record.outputs["report"]["windows"][0]["scopes"] if record else []
    metrics = scopes[0]["metrics"] if scopes else []
    wanted = ("log_loss",) if ctx.model.task == "classification" else ("rmse",)
    level = next((one["champion"] for one in metrics if one["metric"] in wanted), None)
    if level is None or wanted == ("log_loss",):
        return level
    return float(level) ** 2  # by row the loss is the squared error


def _moved_outside(ctx: Context, versions: Versions) -> str:
    """What was done to the alias behind our back, or nothing (also where the registry can't be asked just now)."""
    try:
        now = ctx.ports.registry.champion(ctx.model.registered_model, ctx.model.alias).version
    except SourceUnavailable as error:
        ctx.progress(f"the registry can't be asked: {error.message}")
        return ""
    except NotFound as error:
        return f"moved outside: {error.message}"
    stands = f"alias '{ctx.model.alias}' was moved outside, from version {versions.champion} to {now}"
    return stands if now != versions.champion else ""


def _limits(ctx: Context) -> Limits:
    how = policy(ctx)
    return Limits(min_steps=how.min_intervals, horizon_steps=how.horizon)


def _of_stage(ctx: Context, stage: int) -> tuple[dict[str, Any], ...]:
    return tuple(dict(look) for look in ctx.record.looks if look["stage"] == stage)


def _kept(step: CanaryStep, stage: int, at: datetime, counted: dict[str, Look]) -> dict[str, Any]:
    results = [
        {
            "name": one.name,
            "verdict": one.verdict.value,
            "statement": one.statement,
            "harm": bounded(encode(one.harm)),
            "n_champion": one.n_champion,
            "n_challenger": one.n_challenger,
        }
        for one in step.results
    ]
    return {
        "stage": stage,
        "at": encode(at),
        "weight": step.weight,
        "verdict": step.verdict.value,
        "reasons": list(step.reasons),
        "results": results,
        "counted": kept(counted),
    }


def _passed(ctx: Context) -> Findings:
    """Every stage passed. It goes on being watched: a gate may still wait, and harm may still show."""
    versions, how = planned(ctx), policy(ctx)
    last = ctx.record.looks[-1]
    said = (
        f"version {versions.challenger} passed {len(how.stages)} stages beside version {versions.champion}"
        f" in {len(ctx.record.looks)} looks: {'; '.join(last['reasons'])}"
    )
    evidence = _evidence(ctx, Verdict.SUPPORTS, said)
    due = decode(datetime, last["at"]) + how.interval + how.lag
    outputs = {
        "verdict": TrialVerdict.PASS.value,
        "passed": 1.0,
        "champion": versions.champion,
        "challenger": versions.challenger,
        "plan": ctx.incident.plan.digest if ctx.incident.plan else "",
        "looks": len(ctx.record.looks),
    }
    return Findings(evidence=(evidence,), outputs=outputs, due=due)


def _on_watch(ctx: Context) -> Findings | UnderWay:
    """Passed, and the full release waits for somebody: one more look, unless it is not the canary's turn any more."""
    release = ctx.incident.release
    over = release is None or release.stage is not ReleaseStage.CANARY
    if over or any(one.uses == "promote" and one.started_at for one in ctx.incident.steps.values()):
        return Findings(outputs=ctx.record.outputs)
    if ctx.record.progress["phase"] == "failed":
        return _withdrawn(ctx, str(ctx.record.progress["reason"]), TrialVerdict.FAIL.value)
    return _look(ctx, planned(ctx))


def _withdrawn(ctx: Context, reason: str, verdict: str) -> Findings:
    """The end of a canary that failed; the engine sends all traffic back before anything else."""
    release = ctx.incident.release
    assert release is not None  # written down before
    said = f"version {release.challenger} was withdrawn at {release.weight:.0%}: {reason}"
    left = (
        f"{said}; version {release.champion} serves everybody again. Read what the canary saw, and start a new run for"
        " another challenger"
    )
    outputs = {
        "verdict": verdict,
        "passed": 0.0,
        "champion": release.champion,
        "challenger": release.challenger,
        "looks": len(ctx.record.looks),
        LEFT_FOR_A_PERSON: left,
    }
    back = replace(release, stage=ReleaseStage.WITHDRAWN, weight=0.0, reached=False, reason=reason)
    return Findings(evidence=(_evidence(ctx, Verdict.REFUTES, said),), outputs=outputs, release=back)


def _evidence(ctx: Context, verdict: Verdict, said: str) -> Evidence:
    results = ctx.record.looks[-1]["results"] if ctx.record.looks else ()
    measures = [Measure("looks", float(len(ctx.record.looks)))]
    for one in results:
        harm = one["harm"]
        if harm is not None:
            measures.append(Measure(f"harm: {one['name']}", harm["value"], "", harm["low"], harm["high"]))
    return Evidence("canary", ctx.step, about, verdict, said, subject="challenger", measures=tuple(measures))
