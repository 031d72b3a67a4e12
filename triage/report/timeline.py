"""What happened when: the journal's events, and the onset and alert they tell of, in one order of time."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from triage.codec import decode
from triage.incident import ChangeEvent, Event, Evidence, Incident, Moment, Outcome, State, Verdict
from triage.numbers import between, moment, span, with_interval
from triage.plain import one_line
from triage.report.remediation import release_words

STATE_WORDS = {
    State.OPEN: "open",
    State.WAITING_FOR_APPROVAL: "waiting for approval",
    State.NEEDS_PERSON: "needs a person",
    State.FAILED: "failed",
    State.ABORTED: "aborted",
    State.CLOSED: "closed",
}


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One line. ``seq`` is the journal's line it was read from, None where it was computed; ``evidence`` its ids.

    ``source`` is the query or data that its figure came from, ``value`` the figure; both empty where it has none.
    """

    at: datetime
    what: str
    seq: int | None = None
    evidence: tuple[str, ...] = ()
    source: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Milestone:
    """A time that a postmortem asks for, in seconds; None, with the reason, where the journal does not tell."""

    name: str
    title: str
    seconds: float | None
    low_seconds: float | None = None
    high_seconds: float | None = None
    reason: str = ""


def timeline(incident: Incident, events: Sequence[Event]) -> tuple[TimelineEntry, ...]:
    """Every event of the journal but the starts of steps that went on to finish, and window, onset and alert."""
    entries = [*_computed(incident)]
    for index, event in enumerate(events):
        if event.kind == "step_started":
            later = (e for e in events[index + 1 :] if e.data.get("step") == event.data["step"])
            after = next(later, None)
            if after is not None and after.kind != "step_started":
                continue
            told = "was interrupted" if after else "started"
            what = f"Step {event.data['step']} {told} (attempt {event.data['attempt']})"
            entries.append(TimelineEntry(event.at, what, event.seq))
        else:
            entries.append(_entry(incident, event))
    ordered = sorted(entries, key=lambda entry: (entry.at, -1 if entry.seq is None else entry.seq))
    return tuple(_citing(incident, entry) for entry in ordered)


def _citing(incident: Incident, entry: TimelineEntry) -> TimelineEntry:
    """``entry`` with the query and the value of the evidence that it tells of: of the first that supports a cause."""
    found = [item for item in map(incident.found, entry.evidence) if item and item.sources]
    if not found:
        return entry
    chosen = next((item for item in found if item.verdict is Verdict.SUPPORTS), found[0])
    source = chosen.sources[0]
    name = f"{source.name}@{source.version}" if source.version else source.name
    first = next((measure for measure in chosen.measures if measure.value is not None), None)
    value = f"{first.name} {with_interval(first.value, first.low, first.high, first.unit)}" if first else ""
    return replace(entry, source=one_line(name), value=value)


def milestones(incident: Incident, events: Iterable[Event]) -> tuple[Milestone, ...]:
    """Time to detect, diagnose, mitigate and resolve (the first, third and fourth counted from the onset).

    A time that a person has set comes before what the journal tells.
    """
    events = tuple(events)
    drop = incident.diagnosis.drop if incident.diagnosis else None
    known = incident.moment(Moment.ONSET)
    onset = known.at if known else drop.onset if drop else None
    diagnosed = next((event.at for event in events if event.kind == "diagnosed"), None)
    detected = _set(incident, Moment.DETECTED) or incident.alert.starts_at
    mitigated = _set(incident, Moment.MITIGATED) or _mitigated_at(incident)
    closed = _set(incident, Moment.RESOLVED) or (_closed_at(incident, events) if mitigated else None)
    low, high = (drop.onset_high, drop.onset_low) if drop and not known else (None, None)
    return (
        _milestone("ttd", "Time to detect", onset, detected, low, high),
        Milestone(
            "diagnosis",
            "Time to diagnose",
            (diagnosed - incident.received_at).total_seconds() if diagnosed else None,
            reason="" if diagnosed else "no diagnosis yet",
        ),
        _milestone("ttm", "Time to mitigate", onset, mitigated, low, high, "no change was carried out"),
        _milestone("ttr", "Time to resolve", onset, closed, low, high, "no change was carried out and closed"),
    )


def _milestone(
    name: str,
    title: str,
    onset: datetime | None,
    end: datetime | None,
    latest: datetime | None,
    earliest: datetime | None,
    missing: str = "",
) -> Milestone:
    if onset is None:
        return Milestone(name, title, None, reason="the onset is not known")
    if end is None:
        return Milestone(name, title, None, reason=missing)
    if end < onset:
        return Milestone(name, title, None, reason=f"{moment(end)} is before the estimated onset")
    low = max(0.0, (end - latest).total_seconds()) if latest else None
    high = (end - earliest).total_seconds() if earliest else None
    return Milestone(name, title, (end - onset).total_seconds(), low, high)


def _mitigated_at(incident: Incident) -> datetime | None:
    """When the first change of the plan that reaches users was done."""
    actions = incident.plan.actions if incident.plan else ()
    changes = {action.step for action in actions if action.effect == "change" and action.reaches_users}
    done = [
        step.finished_at
        for step in incident.steps.values()
        if step.uses in changes and step.outcome is Outcome.DONE and step.finished_at
    ]
    return min(done, default=None)


def _set(incident: Incident, moment: Moment) -> datetime | None:
    known = incident.moment(moment)
    return known.at if known else None


def _closed_at(incident: Incident, events: Iterable[Event]) -> datetime | None:
    """When the incident was closed, where it is."""
    if incident.state is not State.CLOSED:
        return None
    closed = [event.at for event in events if event.kind == "state_changed" and event.data["state"] == State.CLOSED]
    return closed[-1] if closed else None


def _computed(incident: Incident) -> Iterable[TimelineEntry]:
    yield TimelineEntry(incident.window.start, "The incident window starts")
    yield TimelineEntry(incident.window.end, "The incident window ends")
    alert = incident.alert
    summary = f": {alert.summary}" if alert.summary else ""
    yield TimelineEntry(alert.starts_at, f"Alert {alert.name} started ({alert.origin}){summary}")
    drop = incident.diagnosis.drop if incident.diagnosis else None
    if drop and drop.onset:
        spread = f", {between(drop.onset_low, drop.onset_high)}" if drop.onset_low and drop.onset_high else ""
        told = tuple(item.id for item in incident.evidence if item.step == "kpi")[:1]
        yield TimelineEntry(drop.onset, f"{drop.kpi} starts to move (estimated{spread})", evidence=told)
    for change, evidence in _changes(incident).items():
        spread = f" ({between(change.not_before, change.at)})" if change.not_before < change.at else ""
        yield TimelineEntry(change.at, f"{change.statement}{spread}", evidence=evidence)


def _changes(incident: Incident) -> dict[ChangeEvent, tuple[str, ...]]:
    """Changes that steps found, each once, with the evidence of the first step that tells of it."""
    found: dict[ChangeEvent, tuple[str, ...]] = {}
    for step in incident.steps.values():
        cited = tuple(item.id for item in incident.evidence if item.step == step.id and not item.part_of)
        for item in step.outputs.get("change_events", ()):
            found.setdefault(decode(ChangeEvent, item), cited)
    return found


def _entry(incident: Incident, event: Event) -> TimelineEntry:
    told = _TOLD.get(event.kind)
    if told is None:
        words = event.kind.replace("_", " ").capitalize()
        said = next(
            (text for key in ("statement", "summary", "reason") if isinstance(text := event.data.get(key), str)), ""
        )
        return TimelineEntry(event.at, f"{words}: {said}" if said else words, event.seq)
    what, evidence = told(incident, event.data)
    return TimelineEntry(event.at, what, event.seq, evidence)


def _received(incident: Incident, data: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    return f"Incident received; playbook {incident.playbook} chosen", ()


def _finished(incident: Incident, data: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    record = incident.steps.get(data["step"])
    took = f" in {span(record.elapsed_seconds)}" if record and record.elapsed_seconds else ""
    outcome = "finished" if data["outcome"] == Outcome.DONE else data["outcome"]
    ids = tuple(item["id"] for item in data.get("evidence", ()))
    found = [item for item in map(incident.found, ids) if item]
    parts = [f"Step {data['step']} {outcome}{took}{_because(data)}", _gathered(found)]
    return ". ".join(part for part in parts if part), ids


def _gathered(found: Sequence[Evidence]) -> str:
    if len(found) == 1:
        return f"{found[0].verdict.value.capitalize()}: {found[0].statement}"
    counts = Counter(item.verdict for item in found)
    told = ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in Verdict if counts[verdict])
    first = next((f": {item.statement}" for item in found if item.verdict is Verdict.SUPPORTS), "")
    return f"Evidence: {told}{first}" if told else ""


def _diagnosed(incident: Incident, data: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    return f"Diagnosis: {data['diagnosis']['statement']}", ()


def _planned(incident: Incident, data: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    return f"Plan: {data['plan']['summary']}", ()


def _will_retry(incident: Incident, data: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    return f"Step {data['step']} will be tried again{_because(data)}", ()


def _progressed(incident: Incident, data: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    return f"Step {data['step']}: {data.get('statement') or 'under way'}", ()


def _released(incident: Incident, data: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    release = data["release"]
    said = "Release" if release.get("reached") else "Release, asked for"
    return f"{said}: {release_words(release)}{_because(release)}", ()


def _withdrawal(incident: Incident, data: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    withdrawal = data["withdrawal"]
    return f"{withdrawal['by']} asked to roll back{_because(withdrawal)}", ()


def _reopened(incident: Incident, data: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    return f"Step {data['step']} is to be tried again from its beginning", ()


def _skipped(incident: Incident, data: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    return f"Step {data['step']} skipped{_because(data)}", ()


def _state_changed(incident: Incident, data: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    words = STATE_WORDS.get(data["state"], str(data["state"]))
    return f"Incident {words}{_because(data)}", ()


def _approved(incident: Incident, data: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    approval = data["approval"]
    return f"Plan {str(approval['plan_digest'])[:19]} approved by {approval['by']}", ()


def _rejected(incident: Incident, data: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    rejection = data["rejection"]
    return f"Plan {str(rejection['plan_digest'])[:19]} rejected by {rejection['by']}: {rejection['reason']}", ()


def _taken(incident: Incident, data: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    return f"{data['by']} has it" if data["by"] else "Nobody has it now", ()


def _noted(incident: Incident, data: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    note = data["note"]
    return f"{note['by']} wrote the report's {note['section']}", ()


def _moment_set(incident: Incident, data: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    known = data["moment"]
    why = f": {known['reason']}" if known.get("reason") else ""
    return f"{known['by']} set {known['moment']} to {moment(decode(datetime, known['at']))}{why}", ()


def _joined(incident: Incident, data: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    alert = data["alert"]
    summary = f": {alert['summary']}" if alert.get("summary") else ""
    return f"Alert {alert['name']} joined ({alert['origin']}){summary}", ()


def _stale_tagged(incident: Incident, data: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    return f"Version {data['version']} is tagged as stale: an alert joined", ()


def _cleared(incident: Incident, data: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    return f"The last alert was resolved; {data.get('statement', '')}", ()


def _returned(incident: Incident, data: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    return "An alert that was resolved fires again", ()


def _notified(incident: Incident, data: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    return f"{data['channel']} was told: {str(data['moment']).replace('_', ' ')}", ()


def _not_notified(incident: Incident, data: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    return f"{data['channel']} could not be told{_because(data)}", ()


def _because(data: Mapping[str, Any]) -> str:
    return f": {data['reason']}" if data.get("reason") else ""


_TOLD = {
    "received": _received,
    "step_finished": _finished,
    "diagnosed": _diagnosed,
    "planned": _planned,
    "step_will_retry": _will_retry,
    "step_progressed": _progressed,
    "step_reopened": _reopened,
    "release_changed": _released,
    "withdrawal_asked": _withdrawal,
    "step_skipped": _skipped,
    "state_changed": _state_changed,
    "approved": _approved,
    "rejected": _rejected,
    "moment_set": _moment_set,
    "alert_joined": _joined,
    "stale_tagged": _stale_tagged,
    "alerts_cleared": _cleared,
    "alerts_returned": _returned,
    "notified": _notified,
    "not_notified": _not_notified,
    "taken": _taken,
    "noted": _noted,
}
