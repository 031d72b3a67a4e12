"""What people are told, and when: read from an incident's events. Pure: sends nothing."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from triage.catalog import Channel, Moment
from triage.codec import digest
from triage.incident import Event, Incident, State
from triage.numbers import signed_percent, whole_percent
from triage.plain import one_line
from triage.ports import Notice
from triage.report.build import cause_name

_MOMENTS: dict[State, Moment] = {
    State.WAITING_FOR_APPROVAL: "needs_approval",
    State.NEEDS_PERSON: "needs_person",
    State.FAILED: "needs_person",
    State.CLOSED: "done",
    State.ABORTED: "done",
}
_WORDS: dict[Moment, str] = {"needs_approval": "needs approval", "needs_person": "needs a person", "done": "done"}
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Owed:
    """A notice that a channel has not had yet."""

    channel: Channel
    notice: Notice


def owed(
    incident: Incident,
    events: Sequence[Event],
    channels: Sequence[Channel],
    open_with: str,
    since: datetime,
    told: Callable[[], Incident],
) -> tuple[Owed, ...]:
    """What ``channels`` have still to be told of the newest state of ``incident``, if it is from ``since`` on, in the
    words of ``told``: the incident without what the catalogue wants hidden, asked only where something is owed.

    A state that was left before anybody could be told is not told any more. What was sent, and what was given up, is an
    event of the incident itself.
    """
    stands = next((event for event in reversed(events) if event.kind == "state_changed"), None)
    moment = _MOMENTS.get(incident.state)
    if stands is None or moment is None or stands.at < since:
        return ()
    sent = {(event.data["channel"], event.data["of"]) for event in events if event.kind in ("notified", "not_notified")}
    wants = [one for one in channels if moment in one.at and (one.name, stands.seq) not in sent]
    if not wants:
        return ()
    shown = told()
    return tuple(Owed(one, _notice(incident, shown, stands, moment, one.name, open_with)) for one in wants)


def _notice(incident: Incident, shown: Incident, stands: Event, moment: Moment, channel: str, open_with: str) -> Notice:
    return Notice(
        id=digest([incident.id, stands.seq, channel]).removeprefix("sha256:")[:32],
        of=stands.seq,
        incident=incident.id,
        model=incident.model,
        moment=moment,
        words=_WORDS[moment],
        cause=top_cause(shown),
        reason=_short(shown.state_reason),
        command=open_with.replace("{incident}", shlex.quote(incident.id)),
        at=stands.at,
    )


def top_cause(incident: Incident) -> str:
    """The first cause in one line: what, how sure, and how much the KPI lost."""
    diagnosis = incident.diagnosis
    if diagnosis is None:
        return f"no diagnosis yet: {_short(incident.alert.summary or incident.alert.name)}"
    drop = diagnosis.drop
    lost = f"{drop.kpi} {signed_percent(drop.change / abs(drop.healthy))}" if drop and drop.healthy else ""
    if not diagnosis.causes:
        return _short(", ".join(part for part in (lost, one_line(diagnosis.statement)) if part))
    first = diagnosis.causes[0]
    named = f"{cause_name(first.kind, first.subject)} ({whole_percent(first.probability)})"
    return _short(f"{lost}: {named}" if lost else named)


def _short(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
