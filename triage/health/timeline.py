"""What was done to the system, read out of its series: restarts, targets that went away, versions that changed."""

from collections.abc import Iterable
from datetime import UTC, datetime

import numpy as np

from triage.health.series import step_seconds, tidy
from triage.incident import ChangeEvent, ChangeKind
from triage.ports import Series

SILENT_STEPS = 3
"""Samples that are missing for longer than so many steps are a silence."""


def restarts(counter: Series, subject: str) -> tuple[ChangeEvent, ...]:
    """Where a counter or an uptime fell: the process behind it began anew."""
    return tuple(
        _event(
            before,
            at,
            ChangeKind.RESTART,
            subject,
            f"{subject} restarted: its counter fell from {was:.4g} to {now:.4g}",
        )
        for before, at, was, now in _steps(counter)
        if now < was
    )


def starts(start_time: Series, subject: str) -> tuple[ChangeEvent, ...]:
    """Where the start time of a process (``process_start_time_seconds``) moved by more than a second: a restart."""
    return tuple(
        _event(
            before, at, ChangeKind.RESTART, subject, f"{subject} restarted: it says that it started at {_clock(now)}"
        )
        for before, at, was, now in _steps(start_time)
        if now > was + 1
    )


def availability(up: Series, subject: str) -> tuple[ChangeEvent, ...]:
    """Where ``up`` went from 1 to 0 and back."""
    return tuple(
        _event(before, at, ChangeKind.UP, subject, f"{subject} answers again")
        if now
        else _event(before, at, ChangeKind.DOWN, subject, f"{subject} does not answer its scrapes")
        for before, at, was, now in _steps(up)
        if bool(now) != bool(was)
    )


def silences(series: Series, subject: str) -> tuple[ChangeEvent, ...]:
    """Where samples stopped for more than `SILENT_STEPS` steps, and where they came back."""
    clean = tidy(series)
    times = clean.times[~np.isnan(clean.values)]
    step = step_seconds(clean)
    if times.size < 2 or not step > 0:
        return ()
    found = []
    for index in np.flatnonzero(np.diff(times) > (SILENT_STEPS + 0.5) * step):
        last, back = float(times[index]), float(times[index + 1])
        found.append(_event(last, last + step, ChangeKind.DOWN, subject, f"{subject} has no samples from here on"))
        found.append(_event(back - step, back, ChangeKind.UP, subject, f"{subject} has samples again"))
    end = float(clean.times[-1])
    if end - times[-1] > SILENT_STEPS * step:
        last = float(times[-1])
        found.append(_event(last, last + step, ChangeKind.DOWN, subject, f"{subject} has no samples from here on"))
    return tuple(found)


def marks(series: Series, subject: str, kind: ChangeKind = ChangeKind.CHANGE) -> tuple[ChangeEvent, ...]:
    """Where a series that marks changes left zero: one event for each run of values that are not zero."""
    clean = tidy(series)
    known = ~np.isnan(clean.values)
    times, values = clean.times[known], clean.values[known]
    before = np.concatenate(([0.0], values[:-1])) if values.size else values
    step = step_seconds(clean)
    found = []
    for index in np.flatnonzero((values != 0) & (before == 0)):
        at = float(times[index])
        since = float(times[index - 1]) if index else at - (step if np.isfinite(step) else 0.0)
        found.append(_event(since, at, kind, subject, f"{subject} rose to {values[index]:.4g}"))
    return tuple(found)


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
            found.append(_event(since, float(at), ChangeKind.VERSION, subject, f"{subject} went {moved}"))
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


def _event(before: float, at: float, kind: ChangeKind, subject: str, statement: str) -> ChangeEvent:
    moment = datetime.fromtimestamp(at, tz=UTC)
    return ChangeEvent(moment, datetime.fromtimestamp(before, tz=UTC), kind, subject, statement)


def _clock(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, tz=UTC):%Y-%m-%d %H:%M:%S} UTC"
