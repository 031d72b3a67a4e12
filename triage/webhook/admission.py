"""What becomes of an alert that fires: a run starts, or it joins one, or it waits. Pure: performs nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from triage.catalog import Serve
from triage.codec import parse_time
from triage.incident import State
from triage.journal import Summary
from triage.numbers import span

ACTIVE = (State.OPEN, State.WAITING_FOR_APPROVAL)
"""Incidents that are worked on, or will be as soon as somebody answers."""
ENDED_BY_ITSELF = (State.CLOSED, State.FAILED)
_FOR = {State.WAITING_FOR_APPROVAL: "waits for an approval", State.NEEDS_PERSON: "waits for a person"}


@dataclass(frozen=True, slots=True)
class Start:
    """Open an incident."""


@dataclass(frozen=True, slots=True)
class Join:
    """It belongs to an incident that is there."""

    incident: str
    reason: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Ask again at ``until``: if it still fires then, it starts a run. It is not forgotten meanwhile."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Park:
    """Nothing starts by itself; a person looks at it."""

    reason: str


Admission: TypeAlias = Start | Join | Hold | Park


def admit(starts_at: datetime, newest: Sequence[Summary], policy: Serve, now: datetime) -> Admission:
    """What becomes of a new alert that began at ``starts_at``; ``newest`` are its model's incidents, newest first."""
    if starts_at > now + policy.clock_skew:
        ahead = span((starts_at - now).total_seconds())
        return Park(f"it starts {ahead} in the future: the sender's clock, or ours, is wrong")
    active = next((one for one in newest if at_work(one)), None)
    if active is not None:
        return Join(active.id, f"{active.id} is at work on this model")
    if not newest:
        return Start()
    last = newest[0]
    waiting = next((one for one in newest if one.state == State.WAITING_FOR_APPROVAL), None)
    waiting = waiting or (last if last.state == State.NEEDS_PERSON else None)
    if waiting is not None and now - parse_time(waiting.since) < policy.joins_for:
        return Join(waiting.id, f"{waiting.id} {_FOR[State(waiting.state)]}")
    if State(last.state) in _FOR:
        return Start()
    idle = now - parse_time(last.updated)
    failures = _failures_in_a_row(newest)
    if failures >= policy.max_failures and idle < policy.failure_pause:
        until = parse_time(last.updated) + policy.failure_pause
        return Hold(
            until, f"the last {failures} runs failed ({last.id}: {last.reason}); none starts until {_at(until)}"
        )
    if idle < policy.cool_down:
        until = parse_time(last.updated) + policy.cool_down
        return Hold(
            until, f"{last.id} ended {span(max(0.0, idle.total_seconds()))} ago; it is asked again at {_at(until)}"
        )
    return Start()


def at_work(summary: Summary) -> bool:
    """Whether something is done about it, or has to be: a live challenger is watched whatever the state."""
    return summary.state == State.OPEN or summary.live


def gone_on(incident: str, newest: Sequence[Summary], policy: Serve) -> Hold | None:
    """What becomes of an alert that fires on although the run of its ``incident`` came to an end by itself; None while
    somebody is at it, or where a person broke it off. ``newest`` as for `admit`."""
    mine = next((one for one in newest if one.id == incident), None)
    if mine is None or State(mine.state) not in ENDED_BY_ITSELF:
        return None
    until = parse_time(mine.updated) + policy.cool_down
    return Hold(until, f"it still fires after {incident} ended; it is asked again at {_at(until)}")


def _failures_in_a_row(newest: Sequence[Summary]) -> int:
    for place, one in enumerate(newest):
        if one.state != State.FAILED:
            return place
    return len(newest)


def _at(moment: datetime) -> str:
    return f"{moment:%H:%M} UTC"


def window_end(starts_at: datetime, now: datetime) -> datetime:
    """Where the incident's window ends: when the alert began, and not in the future."""
    return min(starts_at, now)
