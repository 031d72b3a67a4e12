"""What to do next (a pure choice), and the doing of it: intent, effect, outcome, each on disk before the next."""

import threading
import traceback
from collections.abc import Callable, Collection
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

from triage.approval import by_policy, objection
from triage.codec import encode
from triage.diagnosis.plan import LEAST_CONFIDENCE
from triage.errors import Refused, SourceUnavailable, StepFailed, TriageError, Unmeasurable
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
from triage.journal import Entry
from triage.playbook import GATE, Playbook, StepSpec
from triage.scope import Scope
from triage.step import CONCLUDED, LEFT_FOR_A_PERSON, Context, Findings, Ports, Step, UnderWay, load, seeded

if TYPE_CHECKING:
    from triage.catalog import Catalog

FINISHED = (State.CLOSED, State.ABORTED)
NOTHING = Findings()


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
class Withdraw:
    """Send all traffic back to the champion of before: nobody watches the challenger any more."""

    release: Release
    reason: str


@dataclass(frozen=True, slots=True)
class Settle:
    """Nothing more can be done by us now; ``state`` says who is next."""

    state: State
    reason: str


Move: TypeAlias = Run | Skip | Wait | Grant | Withdraw | Settle


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
    return move


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
        return Settle(State.NEEDS_PERSON, f"rolled back by {incident.withdrawal.by}: {incident.withdrawal.reason}")
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


def begin(move: Run, incident: Incident) -> Entry:
    """The intent, to be on disk before anything happens."""
    started = {"step": move.step.id, "uses": move.step.uses, "attempt": move.attempt, "key": key(move, incident)}
    return Entry("step_started", {**started, "gated": True} if _is_gated(move) else started)


def key(move: Run, incident: Incident) -> str:
    """The idempotency key of a step: the same for every attempt, so that an effect can be found again."""
    return f"{incident.id}/{move.step.id}"


def context(
    move: Run,
    incident: Incident,
    playbook: Playbook,
    catalog: "Catalog",
    ports: Ports,
    scope: Scope,
    progress: Callable[[str], None],
    stopped: Callable[[], bool] = lambda: False,
) -> Context:
    """What the step of ``move`` is given; its randomness follows from the step, so that a run repeats."""
    return Context(
        incident=incident,
        step=move.step.id,
        params=playbook.params(move.step),
        key=key(move, incident),
        catalog=catalog,
        model=catalog.model(incident.model),
        ports=ports,
        scope=scope,
        rng=seeded(move.step.id),
        progress=progress,
        stopped=stopped,
    )


def perform(move: Run, ctx: Context, *, now: Callable[[], datetime]) -> tuple[Entry, ...]:
    """Run the step of ``move`` and say in events how it ended. Never raises for what a step does wrong."""
    step = load(move.step.uses)
    try:
        if _is_gated(move) and not move.tick:
            permit(ctx, move.step.uses, now())
        findings = _within(move.step.timeout, lambda: _effect(move, step, ctx), name=move.step.id)
    except Unmeasurable as error:
        missing = _unmeasured(move.step.id, step, error.message, error.hint)
        if step.effect is Effect.CHANGE:
            return _ended(move, Outcome.UNKNOWN, reason=str(error), findings=missing)
        return _ended(move, Outcome.DONE, reason=str(error), findings=missing)
    except Refused as error:
        missing = _unmeasured(move.step.id, step, error.message, error.hint)
        return _ended(move, Outcome.REFUSED, reason=str(error), findings=missing)
    except (SourceUnavailable, StepFailed, TimeoutError) as error:
        return _failed(move, step, error, now(), before=ctx.record.retried if move.tick else move.attempt - 1)
    except TriageError as error:
        return _failed(move, step, error, now())
    except (Exception, SystemExit) as error:  # a defect in one step, or in a model, must not take the others with it
        frame = traceback.extract_tb(error.__traceback__)[-1]
        fault = (
            f"{type(error).__name__}: {error} (at {frame.name}, line {frame.lineno}): a defect in step '{step.name}'"
        )
        return _failed(move, step, StepFailed(fault, hint="please report it"), now())
    if isinstance(findings, UnderWay):
        return _under_way(move, findings)
    return _ended(move, Outcome.DONE, findings=findings)


def _is_gated(move: Run) -> bool:
    step = load(move.step.uses)
    return step.effect is Effect.CHANGE and step.gated


def permit(ctx: Context, uses: str, now: datetime) -> None:
    """The first law, at the last moment: whatever a playbook says, a gated change needs an approval that holds now.

    Raises Refused unless it is bound to this plan, in time, not used by another step, by another person where the
    catalogue asks for one, and the champion is still the one it was given for.
    """
    incident = ctx.incident
    if incident.state is State.ABORTED:
        raise Refused(f"{incident.id} was aborted", hint="nothing more is done here")
    reason = objection(incident, now, four_eyes=ctx.model.approval.four_eyes, step=ctx.step, uses=uses)
    if reason:
        raise Refused(
            f"'{ctx.step}' changes something and is not approved: {reason}",
            hint=f"'triage approve {incident.id}' shows the plan and asks",
        )
    assert incident.plan is not None  # no plan is an objection
    champion = ctx.ports.registry.champion(ctx.model.registered_model, ctx.model.alias).version
    if champion != incident.plan.champion and not _moved_here(ctx, champion):
        raise Refused(
            f"the plan was approved while '{ctx.model.alias}' was version {incident.plan.champion}, now {champion} is",
            hint="find out who moved the alias, then start a new run",
        )


def _moved_here(ctx: Context, champion: str) -> bool:
    """Whether the alias points where an earlier attempt of this very step moved it."""
    moves = ctx.ports.registry.moves(ctx.model.registered_model)
    return any((move.key, move.alias, move.version) == (ctx.key, ctx.model.alias, champion) for move in reversed(moves))


def _effect(move: Run, step: Step, ctx: Context) -> Findings | UnderWay:
    if move.tick:
        return step.tick(ctx)
    if move.probe:
        already = step.probe(ctx)
        if already is not None:
            return already
    return step.run(ctx)


def _within(limit: timedelta, work: Callable[[], Findings | UnderWay], *, name: str) -> Findings | UnderWay:
    """Run ``work`` in a thread of its own for at most ``limit``; a step that overstays is left behind and reported."""
    future: Future[Findings | UnderWay] = Future()

    def target() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=target, name=f"step {name}", daemon=True).start()
    try:
        return future.result(limit.total_seconds())
    except TimeoutError:
        if future.done():
            raise
        raise TimeoutError(f"gave no answer within {limit.total_seconds():g} s") from None


def _failed(
    move: Run, step: Step, error: BaseException, now: datetime, *, before: int | None = None
) -> tuple[Entry, ...]:
    """How a failure ends; one that may pass is tried again, unless it was retried too often ``before``."""
    reason = str(error) or type(error).__name__
    retries = move.step.retries
    if before is not None and before < retries.times:
        at = now + retries.wait * 2**before
        return (Entry("step_will_retry", {"step": move.step.id, "at": encode(at), "reason": reason}),)
    hint = error.hint if isinstance(error, TriageError) else ""
    message = error.message if isinstance(error, TriageError) else reason
    return _ended(move, Outcome.FAILED, reason=reason, findings=_unmeasured(move.step.id, step, message, hint))


def _under_way(move: Run, found: UnderWay) -> tuple[Entry, ...]:
    said = {"step": move.step.id, "progress": found.state, "due": encode(found.due), "statement": found.statement}
    said |= {"look": found.look} if found.look is not None else {}
    said |= {"for_a_person": True} if found.for_a_person else {}
    return (Entry("step_progressed", said), *_changed(found.release))


def _changed(release: Release | None) -> tuple[Entry, ...]:
    return (Entry("release_changed", {"release": release}),) if release is not None else ()


def _ended(move: Run, outcome: Outcome, *, reason: str = "", findings: Findings = NOTHING) -> tuple[Entry, ...]:
    finished = {"step": move.step.id, "outcome": outcome, "reason": reason}
    found = {"outputs": findings.outputs, "evidence": findings.evidence}
    due = {"due": encode(findings.due)} if findings.due is not None else {}
    entries = [Entry("step_finished", {**finished, **found, **due}), *_changed(findings.release)]
    if findings.diagnosis is not None:
        entries.append(Entry("diagnosed", {"diagnosis": findings.diagnosis}))
    if findings.plan is not None:
        entries.append(Entry("planned", {"plan": findings.plan}))
    return tuple(entries)


def _unmeasured(step_id: str, step: Step, reason: str, hint: str) -> Findings:
    """What a step leaves behind when it could not measure: its rung of the ladder is unmeasured, not empty."""
    if step.about is None:
        return NOTHING
    hint = hint or "'triage doctor' checks every source that the catalogue names"
    missing = Evidence(f"{step_id}.unmeasured", step_id, step.about, Verdict.UNMEASURED, reason, hint=hint)
    return Findings(evidence=(missing,))
