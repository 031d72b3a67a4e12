"""What was done to the system, read out of its series: restarts, targets that went away, versions that changed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import numpy as np

from triage.health.series import step_seconds, tidy
from triage.ports import Series


class EventKind(StrEnum):
    RESTART = "restart"
    DOWN = "down"
    UP = "up"
    VERSION = "version"


@dataclass(frozen=True, slots=True)
class ChangeEvent:
    """``at`` is the first sample after it; it happened after ``not_before``, the sample before that."""

    at: datetime
    not_before: datetime
    kind: EventKind
    subject: str
    statement: str


def restarts(counter: Series, subject: str) -> tuple[ChangeEvent, ...]:
    """Where a counter or an uptime fell: the process behind it began anew."""
    return tuple(
        _event(
            before, at, EventKind.RESTART, subject, f"{subject} restarted: its counter fell from {was:.4g} to {now:.4g}"
        )
        for before, at, was, now in _steps(counter)
        if now < was
    )


def starts(start_time: Series, subject: str) -> tuple[ChangeEvent, ...]:
    """Where the start time of a process (``process_start_time_seconds``) moved by more than a second: a restart."""
    return tuple(
        _event(before, at, EventKind.RESTART, subject, f"{subject} restarted: it says that it started at {_clock(now)}")
        for before, at, was, now in _steps(start_time)
        if now > was + 1
    )


def availability(up: Series, subject: str) -> tuple[ChangeEvent, ...]:
    """Where ``up`` went from 1 to 0 and back."""
    return tuple(
        _event(before, at, EventKind.UP, subject, f"{subject} answers again")
        if now
        else _event(before, at, EventKind.DOWN, subject, f"{subject} does not answer its scrapes")
        for before, at, was, now in _steps(up)
        if bool(now) != bool(was)
    )


def versions(series: Iterable[Series], label: str, subject: str) -> tuple[ChangeEvent, ...]:
    """Where a label moved from one value to another, as in ``model_info{version="7"} 1``.

    A version is there while its series has samples above 0. A change is the first sample of a value that was not there
    one step before; several values at once (a canary, a rolling deploy) are each reported when they come.
    """
    present: dict[str, list[np.ndarray]] = {}
    step = 0.0
    for one in series:
        clean = tidy(one)
        there = clean.times[clean.values > 0]
        if there.size:
            present.setdefault(str(one.labels.get(label, "")), []).append(there)
            step = max(step, np.nan_to_num(step_seconds(clean)))
    times = {value: np.unique(np.concatenate(parts)) for value, parts in present.items()}
    if not times:
        return ()
    first = min(float(seen[0]) for seen in times.values())
    found = []
    for value, seen in times.items():
        came = seen[np.concatenate(([seen[0] > first], np.diff(seen) > 2.5 * step if step else np.diff(seen) > 0))]
        for at in came:
            before = [
                (float(other[other < at][-1]), name)
                for name, other in times.items()
                if name != value and np.any(other < at)
            ]
            since, was = max(before, default=(float(at) - step, ""))
            moved = f"from {was} to {value}" if was else f"to {value}"
            found.append(_event(since, float(at), EventKind.VERSION, subject, f"{subject} went {moved}"))
    return tuple(sorted(found, key=lambda event: event.at))


def merge(*parts: Iterable[ChangeEvent], within_seconds: float = 60.0) -> tuple[ChangeEvent, ...]:
    """One timeline in order of time; of equal kind and subject within ``within_seconds``, the first."""
    merged: list[ChangeEvent] = []
    for event in sorted((event for part in parts for event in part), key=lambda event: event.at):
        if not any(
            event.kind is other.kind
            and event.subject == other.subject
            and (event.at - other.at).total_seconds() <= within_seconds
            for other in merged
        ):
            merged.append(event)
    return tuple(merged)


def _steps(series: Series) -> Iterable[tuple[float, float, float, float]]:
    """Each pair of neighbouring samples that differ: time before, time, value before, value."""
    clean = tidy(series)
    known = ~np.isnan(clean.values)
    times, values = clean.times[known], clean.values[known]
    for index in np.flatnonzero(np.diff(values) != 0):
        yield float(times[index]), float(times[index + 1]), float(values[index]), float(values[index + 1])


def _event(before: float, at: float, kind: EventKind, subject: str, statement: str) -> ChangeEvent:
    moment = datetime.fromtimestamp(at, tz=UTC)
    return ChangeEvent(moment, datetime.fromtimestamp(before, tz=UTC), kind, subject, statement)


def _clock(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, tz=UTC):%Y-%m-%d %H:%M:%S} UTC"
