"""What to do next: a pure choice of the incident, its playbook and the time."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from triage.approval import by_policy, lapsed, objection
from triage.diagnosis.plan import LEAST_CONFIDENCE
from triage.incident import (
    CauseKind,
    Effect,
    Evidence,
    Incident,
    Outcome,
    Release,
    ReleaseStage,
    State,
    StepRecord,
    Verdict,
)
from triage.playbook import GATE, Playbook, StepSpec
from triage.step import CONCLUDED, LEFT_FOR_A_PERSON, load

FINISHED = (State.CLOSED, State.ABORTED)


@dataclass(frozen=True, slots=True)
class Run:
    """Run a step; with ``probe``, first find out whether an earlier attempt's effect already happened.

    With ``tick`` it is under way, and goes on from what it has written down.
    """

    step: StepSpec
    attempt: int
    probe: bool = False
    tick: bool = False


@dataclass(frozen=True, slots=True)
class Skip:
    step: StepSpec
    reason: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is due before ``until``; ``state`` says who is waited for meanwhile, besides the clock."""

    until: datetime
    reason: str
    state: State = State.OPEN


@dataclass(frozen=True, slots=True)
class Grant:
    """Open the gate for what the catalogue approves by itself: the steps that this plan covers."""

    plan_digest: str
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AskAgain:
    """Shut ``gates`` again: what opened them has lapsed, and no step has used it."""

    gates: tuple[StepSpec, ...]


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Send all traffic back to the champion of before: nobody watches the challenger any more."""

    release: Release
    reason: str


@dataclass(frozen=True, slots=True)
class Tag:
    """Tag the champion as stale: an alert of ``until`` joined, and what was measured before says nothing about it."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Settle:
    """Nothing more can be done by us now; ``state`` says who is next."""

    state: State
    reason: str


Move: TypeAlias = Run | Skip | Wait | Grant | AskAgain | Withdraw | Tag | Settle


def next_move(
    incident: Incident,
    playbook: Playbook,
    now: datetime,
    *,
    four_eyes: bool = False,
    auto_approve: Collection[str] = (),
) -> Move:
    """What to do next, from what is known; performs nothing. At a gate that nobody opened other steps still go on.

    Whoever stops leaves no challenger behind that is asked and not watched: a release under way is withdrawn first.
    """
    release = incident.release
    move = _next(incident, playbook, now, four_eyes, auto_approve)
    if release is not None and incident.withdrawal is not None and not release.serves_nobody:
        return Withdraw(release, f"rolled back by {incident.withdrawal.by}: {incident.withdrawal.reason}")
    if release is not None and release.stage is ReleaseStage.WITHDRAWN and not release.reached:
        return Withdraw(release, release.reason)
    if isinstance(move, Settle) and release is not None and release.under_way:
        return Withdraw(release, move.reason)
    return Tag(incident.tag_owed) if incident.tag_owed is not None else move


def _next(
    incident: Incident, playbook: Playbook, now: datetime, four_eyes: bool, auto_approve: Collection[str]
) -> Move:
    if incident.state in FINISHED:
        return Settle(incident.state, incident.state_reason)
    release = incident.release
    waiting: Wait | None = None
    watched: Wait | None = None
    closed: Settle | None = None
    for step in playbook.steps:
        record = incident.steps.get(step.id)
        if record is not None and record.due_at is not None:
            due = max(record.due_at, record.retry_at or record.due_at)
            if now >= due:
                return Run(step, record.attempts, tick=True)
            state = State.NEEDS_PERSON if record.for_a_person else State.OPEN
            later = Wait(due, f"{step.id}: {record.reason}" if record.reason else step.id, state)
            if record.settled:
                watched = _sooner(watched, later)
            else:
                waiting = _sooner(waiting, later)
                continue
        if record is not None and record.settled:
            if record.outcome in (Outcome.FAILED, Outcome.REFUSED, Outcome.UNKNOWN) and step.on_error != "continue":
                state = State.FAILED if step.on_error == "stop" else State.NEEDS_PERSON
                return Settle(state, f"{step.id}: {record.reason}")
            continue
        needed = [incident.steps.get(name) for name in step.needs]
        if not all(need is not None and need.settled for need in needed):
            continue
        skipped = next((need for need in needed if need is not None and need.skipped), None)
        if skipped is not None:
            return Skip(step, f"needs {skipped.id}, which was skipped")
        unmet = next((check for check in step.when if not check.holds(incident)), None)
        if unmet is not None:
            return Skip(step, f"{unmet.check} does not hold")
        if step.uses == GATE and (reason := objection(incident, now, four_eyes=four_eyes)):
            allowed = by_policy(incident, auto_approve)
            if allowed and incident.plan is not None:
                return Grant(incident.plan.digest, allowed)
            withdrawn = release is not None and release.stage is ReleaseStage.WITHDRAWN
            hopeless = incident.plan is None or not incident.plan.covers
            rejected = incident.rejection or incident.withdrawal or hopeless or withdrawn
            closed = closed or Settle(State.NEEDS_PERSON if rejected else State.WAITING_FOR_APPROVAL, reason)
            continue
        gates = lapsed_gates(incident, playbook, step, now)
        if opened := tuple(gate for gate in gates if gate.id in incident.steps and incident.steps[gate.id].settled):
            return AskAgain(opened)
        if gates:
            continue
        if record is None or record.started_at is None:
            return Run(step, attempt=1)
        if record.retry_at is not None and record.started_at <= now < record.retry_at:
            waiting = _sooner(waiting, Wait(record.retry_at, f"{step.id}: {record.reason}"))
            continue  # a time before the attempt itself means a clock that was set back; nobody waits for that
        return Run(step, attempt=record.attempts + 1, probe=load(step.uses).effect is Effect.CHANGE)
    if closed is None:
        return waiting or _verdict(incident, playbook)
    meanwhile = _sooner(waiting, watched) if watched else waiting
    return replace(meanwhile, state=closed.state) if meanwhile else closed


def lapsed_gates(incident: Incident, playbook: Playbook, step: StepSpec, now: datetime) -> tuple[StepSpec, ...]:
    """The gates next before ``step``, where it is a change whose approval lapsed before anything used it.

    Each has to be opened once more; one that was skipped never will be.
    """
    plan = incident.plan
    if plan is None or step.uses not in plan.covers or not lapsed(incident, now) or not load(step.uses).needs_approval:
        return ()
    gates = [gate for gate in playbook.steps if gate.uses == GATE and gate.id in playbook.ancestors(step)]
    behind = {name for gate in gates for name in playbook.ancestors(gate)}
    records = incident.steps
    return tuple(
        gate for gate in gates if gate.id not in behind and not (gate.id in records and records[gate.id].skipped)
    )


def _sooner(one: Wait | None, other: Wait) -> Wait:
    return other if one is None or other.until < one.until else one


def unfinished(incident: Incident, playbook: Playbook) -> tuple[StepSpec, ...]:
    """The steps to try again when a person wants to go on: what ended the run without success, and was not refused.

    With one of them goes the canary before it whose challenger was withdrawn meanwhile: it has to prove itself again.
    """
    failed = []
    for step in playbook.steps:
        record = incident.steps.get(step.id)
        if record is not None and record.outcome in (Outcome.FAILED, Outcome.UNKNOWN) and step.on_error != "continue":
            failed.append(step)
    withdrawn = incident.release is not None and incident.release.stage is ReleaseStage.WITHDRAWN
    if not failed or not withdrawn or incident.withdrawal is not None:
        return tuple(failed)
    before = {name for step in failed for name in playbook.ancestors(step)}
    canaries = [step for step in playbook.steps if step.uses == "canary" and step.id in before and step not in failed]
    return (*canaries, *failed)


def _verdict(incident: Incident, playbook: Playbook) -> Settle:
    """Where an incident stands once every step is settled; a step may have put out what is left for a person."""
    if incident.withdrawal is not None:
        asked, release = incident.withdrawal, incident.release
        came_of_it = release.reason if release is not None and release.stage is ReleaseStage.WITHDRAWN else ""
        return Settle(State.NEEDS_PERSON, came_of_it or f"rolled back by {asked.by}: {asked.reason}")
    for step in reversed(playbook.steps):
        record = incident.steps.get(step.id)
        if record is not None and (ended := record.outputs.get(CONCLUDED)):
            return Settle(State.CLOSED, str(ended))
        if record is not None and (left := record.outputs.get(LEFT_FOR_A_PERSON)):
            return Settle(State.NEEDS_PERSON, str(left))
    if incident.plan is not None and any(action.effect is Effect.CHANGE for action in incident.plan.actions):
        return Settle(State.NEEDS_PERSON, incident.plan.summary)
    undone = next((record for record in incident.steps.values() if _left_open(record)), None)
    if undone is not None:
        return Settle(State.NEEDS_PERSON, f"{undone.id}: {undone.reason}")
    if incident.diagnosis is None:
        return Settle(State.NEEDS_PERSON, "there is no diagnosis: too little could be measured")
    if incident.diagnosis.causes and incident.diagnosis.causes[0].kind is CauseKind.UNKNOWN:
        return Settle(State.NEEDS_PERSON, incident.diagnosis.statement)
    if incident.diagnosis.causes and incident.diagnosis.causes[0].probability < LEAST_CONFIDENCE:
        return Settle(State.NEEDS_PERSON, incident.plan.summary if incident.plan else incident.diagnosis.statement)
    if not incident.diagnosis.causes and incident.diagnosis.next_check:
        return Settle(State.NEEDS_PERSON, incident.plan.summary if incident.plan else incident.diagnosis.statement)
    if incident.plan is not None and any(action.step == "wait" for action in incident.plan.actions):
        return Settle(State.NEEDS_PERSON, incident.plan.summary)
    if not any(_measured(item) for item in incident.evidence):
        return Settle(State.NEEDS_PERSON, f"no cause could be looked for. {incident.diagnosis.statement}")
    return Settle(State.CLOSED, incident.plan.summary if incident.plan else incident.diagnosis.statement)


def _left_open(record: StepRecord) -> bool:
    """Whether ``record`` is of a change that did not come about, or of which nobody knows."""
    if record.outcome is Outcome.UNKNOWN:
        return True
    return record.outcome in (Outcome.FAILED, Outcome.REFUSED) and load(record.uses).effect is Effect.CHANGE


def _measured(item: Evidence) -> bool:
    """Whether ``item`` looked for a cause; the KPI and its season only say how far the model fell."""
    return item.verdict is not Verdict.UNMEASURED and item.about not in (CauseKind.UNKNOWN, CauseKind.SEASONAL)
