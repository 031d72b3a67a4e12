"""How the plan is carried out: the steps after it as a way, and what is known of each of them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from triage.approval import objection, short_digest
from triage.incident import Incident, Outcome, State, StepRecord
from triage.numbers import figure, moment
from triage.report.timeline import STATE_WORDS
from tui.draw import release
from tui.draw.comparison import comparison
from tui.draw.incident import View
from tui.draw.lines import Item, Line, Span, blank, fill, folded, heading, say, spread
from tui.draw.plan import plan
from tui.draw.queue import STATE_GLYPHS, STATE_TONES
from tui.draw.times import age, lasting
from tui.following import Planned

THE_PLAN = "plan"
"""The key of the first stage: the plan itself, with what was not chosen."""
GATE = "request_approval"
_OUTCOMES = {
    Outcome.DONE: ("✓", "done", "good"),
    Outcome.REFUSED: ("✗", "refused", "bad"),
    Outcome.FAILED: ("✗", "failed", "bad"),
    Outcome.UNKNOWN: ("?", "unknown", "warn"),
}


def after_the_plan(steps: Sequence[Planned]) -> tuple[Planned, ...]:
    """The steps that follow from a plan, in their order: those that need, directly or not, what proposes one.

    A playbook that proposes none is about a plan that is there already: then those from the first gate on.
    """
    planners = {step.id for step in steps if step.uses == "propose_plan"}
    if not planners:
        gates = [place for place, step in enumerate(steps) if step.uses == GATE]
        return tuple(steps[gates[0] :]) if gates else ()
    after: list[Planned] = []
    for step in steps:
        if {*step.needs} & {*planners, *(known.id for known in after)}:
            after.append(step)
    return tuple(after)


def standing(incident: Incident) -> Line:
    state = incident.state
    return (Span(f"{STATE_GLYPHS[state]} {STATE_WORDS[state]}", STATE_TONES[state]),)


def head(seen: View, now: datetime) -> list[Item]:
    """Two lines: where it stands and why, and who works on it."""
    incident = seen.incident

    def draw(width: int) -> list[Line]:
        who = (Span("▶ ", "accent"), say(seen.executor, "quiet")) if seen.executor else ()
        first = spread(standing(incident), who, width)
        why = incident.state_reason or (incident.plan.summary if incident.plan else "there is no plan yet")
        return [first, *folded(say(why), width, most=2)]

    return [Item(draw)]


def way(seen: View, steps: Sequence[Planned], now: datetime) -> list[Item]:
    """A line for the plan and for each step after it: how it stands, and how long it took."""
    incident = seen.incident
    items = [_line(THE_PLAN, "Plan", *_of_plan(incident))]
    closed = (step for step in steps if step.uses == GATE and not _settled(incident, step))
    gate = next(closed, None)
    for step in steps:
        record = incident.steps.get(step.id)
        glyph, word, tone = _of_step(seen, record, now, gate=step is gate)
        took = _took(record, now, running=word in ("at work", "under way"))
        items.append(_line(step.id, step.id.replace("_", " "), glyph, word, tone, took, step.title))
    return items


def _line(key: str, name: str, glyph: str, word: str, tone: str, took: str = "", title: str = "") -> Item:
    def draw(width: int) -> list[Line]:
        label: Line = (
            Span(f"{glyph} ", tone),
            *fill((say(name, "strong"),), max(8, min(17, width - 16))),
            Span(" "),
            Span(word, tone),
        )
        lines = [spread(label, (Span(took, "quiet"),) if took else (), width)]
        return (
            lines if width < 44 or not title else [*lines, *folded(say(title, "quiet"), width, (Span("  "),), most=1)]
        )

    return Item(draw, key, f"{name}: {word}")


def _of_plan(incident: Incident) -> tuple[str, str, str]:
    if incident.plan is None:
        return "·", "not yet", "quiet"
    if incident.rejection is not None:
        return "✗", "rejected", "bad"
    return ("✓", "approved", "good") if incident.approval is not None else ("◆", "proposed", "warn")


def _of_step(seen: View, record: StepRecord | None, now: datetime, *, gate: bool) -> tuple[str, str, str]:
    """Glyph, word and tone; ``gate``: it is the first gate that nobody has opened."""
    incident = seen.incident
    if gate and seen.let_through(now):
        return "✓", "open", "good"
    if gate and incident.state is State.WAITING_FOR_APPROVAL:
        return "◆", "waits for you", "warn"
    if record is None or not record.attempts:
        if record is not None and record.skipped:
            return "–", "skipped", "quiet"
        return "·", "to come", "quiet"
    if record.outcome is not None:
        watched = record.due_at is not None and record.outcome is Outcome.DONE
        return ("✓", "watched", "good") if watched else _OUTCOMES[record.outcome]
    if record.retry_at is not None:
        return "↻", "again soon", "warn"
    if record.due_at is not None and seen.executor:
        return "▶", "under way", "accent"
    return ("▶", "at work", "accent") if seen.executor else ("‖", "stopped", "warn")


def _settled(incident: Incident, step: Planned) -> bool:
    record = incident.steps.get(step.id)
    return record is not None and record.settled


def _took(record: StepRecord | None, now: datetime, *, running: bool) -> str:
    if record is None or record.started_at is None:
        return ""
    if running:
        return age(record.started_at, now)
    return lasting(record.elapsed_seconds) if record.elapsed_seconds else ""


def stage(seen: View, steps: Sequence[Planned], key: str, now: datetime) -> list[Item]:
    """What is known of one stage."""
    if key == THE_PLAN:
        return plan(seen)
    step = next((step for step in steps if step.id == key), None)
    if step is None:
        return []
    record = seen.incident.steps.get(step.id)
    items = [_told(step.title, "strong")] if step.title != step.id else []
    if record is not None and record.reason:
        reason, tone = record.reason, "warn" if record.outcome not in (None, Outcome.DONE) else ""
        items.append(Item(lambda width: folded(say(reason, tone), width, most=3)))
    if step.uses == GATE:
        items += _gate(seen.incident, now)
    if step.uses in _ROUTED and record is not None and seen.incident.release is not None:
        items += release.traffic(seen.incident.release)
    if record is not None and record.due_at is not None:
        items.append(_told(f"next look {_at(record.due_at, now)} ({_until(record.due_at, now)})"))
    if step.uses != GATE and record is not None:
        items += _DRAWN.get(step.uses, _outputs)(record)
    if record is None:
        items += _foreseen(seen.incident, step)
    items += _evidence(seen, step)
    return items


def _at(at: datetime, now: datetime) -> str:
    """The time of day, with its date where that is another one."""
    at, now = at.astimezone(UTC), now.astimezone(UTC)
    return f"{at:%H:%M} UTC" if at.date() == now.date() else moment(at)


def _until(at: datetime, now: datetime) -> str:
    return f"in {age(now, at)}" if at > now else f"{age(at, now)} overdue"


def _gate(incident: Incident, now: datetime) -> list[Item]:
    current, approval = incident.plan, incident.approval
    items = [blank()]
    if current is None:
        return [*items, _told("there is no plan yet", "quiet")]
    items.append(_pair("plan", short_digest(current.digest)))
    if incident.rejection is not None:
        return [*items, _pair("rejected by", incident.rejection.by), _pair("because", incident.rejection.reason)]
    waits = incident.state is State.WAITING_FOR_APPROVAL and objection(incident, now, four_eyes=False)
    if waits or approval is None:
        items.append(_told("a approves it, x rejects it" if waits else "nobody has decided on it", "accent"))
    if approval is None:
        return items
    left = _until(approval.until, now)
    items += [_pair("approved by", approval.by), _pair("from", approval.account), _pair("at", moment(approval.at))]
    return [*items, _pair("expires", f"{moment(approval.until)} ({left})")]


def _foreseen(incident: Incident, step: Planned) -> list[Item]:
    """What the plan says of a step that was not begun."""
    actions = incident.plan.actions if incident.plan else ()
    action = next((action for action in actions if action.step == step.uses), None)
    if action is None:
        return []
    told = (
        ("before", action.before),
        ("after", action.after),
        ("reaches", action.blast_radius),
        ("risk", action.risk),
        ("undone by", action.undo),
        ("stops if", action.stops_if),
    )
    return [blank(), *(_pair(name, words) for name, words in told if words)]


def _outputs(record: StepRecord) -> list[Item]:
    """What the step says of itself, or the small values that it put out, each on a line."""
    said = record.outputs.get("said")
    if isinstance(said, str):
        return [blank(), _pair("found", said)]
    told = [(name, value) for name, value in record.outputs.items() if isinstance(value, str | int | float)]
    return [blank(), *(_pair(name.replace("_", " "), _value(value)) for name, value in told)] if told else []


def _value(value: object) -> str:
    return figure(float(value)) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _compared(record: StepRecord) -> list[Item]:
    report = record.outputs.get("report")
    if not isinstance(report, Mapping):
        return _outputs(record)
    versions = f"challenger {record.outputs.get('challenger')} against champion {record.outputs.get('champion')}"
    skipped = record.outputs.get("not_judged") or ()
    items = [_told(versions, "quiet"), *comparison(report)]
    return [*items, _told(f"{len(skipped)} segments have too few rows to be judged", "quiet")] if skipped else items


def _evidence(seen: View, step: Planned) -> list[Item]:
    found = [item for item in seen.report.evidence if item.evidence.step == step.id]
    if not found:
        return []
    return [blank(), heading("Evidence"), *(_told(f"E{item.number} {item.evidence.statement}") for item in found)]


def _told(words: str, tone: str = "") -> Item:
    return Item(lambda width: folded(say(words, tone), width))


def _pair(name: str, words: str) -> Item:
    return Item(lambda width: folded(say(words), width, (Span(f"{name} ".ljust(13), "quiet"),)), copy=words)


_DRAWN: Mapping[str, Callable[[StepRecord], list[Item]]] = {
    "compare_challenger": _compared,
    "shadow": release.shadow,
    "canary": release.canary,
    "watch_recovery": release.recovery,
}
_ROUTED = ("shadow", "canary", "promote", "rollback")
