"""One step performed: its intent, its effect and its outcome, as events to be on disk one before the other."""

import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from triage.approval import objection
from triage.codec import encode
from triage.engine import Run
from triage.errors import Refused, SourceUnavailable, StepFailed, TriageError, Unmeasurable
from triage.incident import Effect, Evidence, Incident, Outcome, Release, State, Verdict
from triage.journal import Entry
from triage.playbook import Playbook
from triage.scope import Scope
from triage.step import Context, Findings, Ports, Step, UnderWay, load, seeded

if TYPE_CHECKING:
    from triage.catalog import Catalog

NOTHING = Findings()


def begin(move: Run, incident: Incident) -> Entry:
    """The intent, to be on disk before anything happens."""
    started = {
        "step": move.step.id,
        "uses": move.step.uses,
        "attempt": move.attempt,
        "key": key(incident, move.step.id),
    }
    return Entry("step_started", {**started, "gated": True} if load(move.step.uses).needs_approval else started)


def key(incident: Incident, step: str) -> str:
    """The idempotency key of a step: the same for every attempt, so that an effect can be found again."""
    return f"{incident.id}/{step}"


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
        key=key(incident, move.step.id),
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
        if step.needs_approval and not move.tick:
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
