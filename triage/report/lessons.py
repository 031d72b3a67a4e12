"""How it was detected, what to ask people in the postmortem, and what to do: drawn from the events, for people to
answer. A prompt is a question that this incident raises; it answers nothing itself."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from triage.incident import Event, Incident, Moment, Outcome, Section, State, Verdict
from triage.numbers import moment, span
from triage.report.ladder import KIND_NAMES, spoken
from triage.report.timeline import milestones

_SLOW_SECONDS = 3600.0
_SURE = 0.9


@dataclass(frozen=True, slots=True)
class Lesson:
    """A heading of the lessons, the section people write it in, and what to ask under it."""

    title: str
    section: str
    prompts: tuple[str, ...]


def detection(incident: Incident, events: Sequence[Event]) -> str:
    """Who or what noticed, when, and how long after the onset."""
    alert = incident.alert
    found = next(item for item in milestones(incident, events) if item.name == "ttd")
    who = "by an alert" if alert.fingerprint else f"by {alert.requested_by}" if alert.requested_by else "by hand"
    known = incident.moment(Moment.DETECTED)
    at = known.at if known else alert.starts_at
    late = (
        f"{span(found.seconds)} after the onset"
        if found.seconds is not None
        else f"how late is not known: {found.reason}"
    )
    joined = f"; {len(incident.joined)} further alerts joined" if incident.joined else ""
    return f"{who} ({alert.name}, {alert.origin}) at {moment(at)}, {late}{joined}"


def lessons(incident: Incident, events: Sequence[Event]) -> tuple[Lesson, ...]:
    """What went well, what went wrong, where one got lucky."""
    return (
        Lesson("What went well", Section.WENT_WELL.value, tuple(_well(incident, events))),
        Lesson("What went wrong", Section.WENT_WRONG.value, tuple(_wrong(incident, events))),
        Lesson("Where we got lucky", Section.GOT_LUCKY.value, tuple(_lucky(incident, events))),
    )


def action_items(incident: Incident) -> tuple[str, ...]:
    """What this incident asks to be done, beside what people write."""
    items = [
        f"Make {spoken(item.what)} measurable: {item.hint}"
        for item in (incident.diagnosis.unmeasured if incident.diagnosis else ())
        if item.hint
    ]
    audit = next((step.outputs for step in incident.steps.values() if step.uses == "audit_champion"), {})
    items += [f"Keep what a rebuild of the champion needs: {gap}" for gap in audit.get("gaps", ())]
    if incident.diagnosis and incident.diagnosis.causes and incident.state is not State.ABORTED:
        first = incident.diagnosis.causes[0]
        named = f"{KIND_NAMES[first.kind]} {first.subject}".strip()
        items.append(f"Write the alert that would have caught {named} earlier")
    return tuple(dict.fromkeys(items))


def _well(incident: Incident, events: Sequence[Event]) -> Iterator[str]:
    found = {item.name: item for item in milestones(incident, events)}
    diagnosed = found["diagnosis"].seconds
    if diagnosed is not None:
        yield f"The diagnosis took {span(diagnosed)}. What made it that fast, and would it be next time?"
    causes = incident.diagnosis.causes if incident.diagnosis else ()
    if causes and causes[0].probability >= _SURE:
        yield "One cause stood out. Which of the signals that showed it could have paged somebody?"
    if incident.release is not None and incident.release.stage == "full":
        yield "The release went through its gates. Which gate would have stopped a bad challenger?"
    if not causes and diagnosed is None:
        yield "What worked although there is no diagnosis?"


def _wrong(incident: Incident, events: Sequence[Event]) -> Iterator[str]:
    found = {item.name: item for item in milestones(incident, events)}
    late = found["ttd"].seconds
    if late is not None and late > _SLOW_SECONDS:
        yield f"It took {span(late)} to be noticed. Which signal moved first, and why did it not page?"
    blind = [KIND_NAMES[kind] for kind in dict.fromkeys(
        item.about for item in incident.evidence if item.verdict is Verdict.UNMEASURED
    )]  # fmt: skip
    if blind:
        yield f"Not measured: {', '.join(blind)}. What would it have cost to know?"
    failed = [step.id for step in incident.steps.values() if step.outcome in (Outcome.FAILED, Outcome.UNKNOWN)]
    if failed:
        yield f"Steps that failed: {', '.join(failed)}. Is that mended?"
    if incident.release is not None and incident.release.stage == "withdrawn":
        yield f"A release was withdrawn ({incident.release.reason}). Could the comparison have told?"
    if any(event.kind == "not_notified" for event in events):
        yield "Somebody could not be told. Who, and why?"
    if not incident.alert.fingerprint:
        yield "A person started this, not an alert. What should have?"


def _lucky(incident: Incident, events: Sequence[Event]) -> Iterator[str]:
    if incident.cleared_at is not None:
        yield "The alert was resolved before anything was changed. What mended it, and does it come back?"
    yield "What would it have cost had this begun on a Friday evening?"
    drop = incident.diagnosis.drop if incident.diagnosis else None
    if drop is not None and drop.worse:
        yield f"What kept {drop.kpi} from falling further?"
