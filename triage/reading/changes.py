"""What was changed around the incident: deploys, restarts, targets that went away, versions that came or took over."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import numpy as np

from triage.catalog import LevelKind
from triage.codec import digest, encode
from triage.errors import TriageError
from triage.health import timeline
from triage.incident import ChangeEvent, ChangeKind, Source, Window
from triage.ports import AliasMove, ModelVersion, Series
from triage.step import Context

OUTPUT = "change_events"
"""The output of a step that holds them, as the report's timeline reads it."""

VERSION_LABELS = ("model_version", "version", "revision", "image", "image_tag", "tag", "commit", "sha")
_FINEST, _COARSEST = timedelta(seconds=15), timedelta(minutes=5)
_POINTS = 1_000
_UNIX_TIME = 1e9


@dataclass(frozen=True, slots=True)
class Changes:
    """``events`` in order of time over ``span``; ``missing`` says what could not be read, and why."""

    span: Window
    events: tuple[ChangeEvent, ...]
    sources: tuple[Source, ...]
    missing: tuple[TriageError, ...]

    @property
    def deploys(self) -> tuple[ChangeEvent, ...]:
        """Those that somebody made in ``span``: a target that is away, or a version that nobody serves yet, is none."""
        made = (ChangeKind.CHANGE, ChangeKind.RESTART, ChangeKind.VERSION)
        return tuple(event for event in self.events if event.kind in made and event.at < self.span.end)

    @property
    def output(self) -> dict[str, Any]:
        """The events as a step's output."""
        return {OUTPUT: encode(self.events)}


def changes(ctx: Context) -> Changes:
    """Changes in the incident's window and as long before it: a cause comes before what it does."""
    return ctx.scope.once("changes", lambda: _read(ctx))


def _read(ctx: Context) -> Changes:
    window = ctx.incident.window
    span = Window(window.start - window.length, window.end)
    step = min(max(span.length / _POINTS, _FINEST), _COARSEST)
    found: list[tuple[ChangeEvent, ...]] = []
    sources: list[Source] = []
    missing: list[TriageError] = []
    for query, told in _questions(ctx):
        try:
            answer = ctx.ports.metrics.range(query, span, step.total_seconds())
        except TriageError as error:
            missing.append(error)
        else:
            sources.append(answer.source)
            found.append(told(answer.series))
    try:
        versions = ctx.ports.registry.versions(ctx.model.registered_model)
        moves = ctx.ports.registry.moves(ctx.model.registered_model)
    except TriageError as error:
        missing.append(error)
    else:
        moves = tuple(move for move in moves if move.alias == ctx.model.alias)
        listed = [(one.version, one.aliases, one.created_at) for one in versions]
        newest = versions[0].version if versions else "none"
        sources.append(Source("model", ctx.model.registered_model, newest, digest(listed)))
        found.append(
            tuple(_registered(one) for one in versions if one.created_at and span.start <= one.created_at < span.end)
        )
        found.append(tuple(_moved(ctx, move) for move in moves if span.start <= move.at < span.end))
        found.append(_moved_outside(ctx, moves, versions, span))
    return Changes(span, timeline.merge(*found), tuple(sources), tuple(missing))


def _questions(ctx: Context) -> Iterator[tuple[str, Callable[[tuple[Series, ...]], tuple[ChangeEvent, ...]]]]:
    """Each query that may tell of a change, and how its answer is read."""
    for query in ctx.model.changes:
        yield query, partial(_told, query=query, model=ctx.model.name)
    for level in ctx.model.service_levels:
        if level.kind is LevelKind.UP:
            yield level.query, partial(_up, name=level.name)
        elif level.kind is LevelKind.RESTARTS:
            yield level.query, partial(_restarts, name=level.name)


def _told(series: tuple[Series, ...], query: str, model: str) -> tuple[ChangeEvent, ...]:
    """What the answer to one of the catalogue's queries for changes tells, by the form it has.

    Series that carry a version in a label tell of versions, moments in Unix time of starts, raw counters of resets;
    in all others, values that are not zero mark a change.
    """
    label = next((name for name in VERSION_LABELS if series and all(name in one.labels for one in series)), None)
    if label is not None:
        return timeline.versions(series, label, model)
    found: list[ChangeEvent] = []
    for one in series:
        subject = _subject(one, query, len(series) > 1)
        known = one.values[np.isfinite(one.values)]
        if known.size and known.min() > _UNIX_TIME:
            found += timeline.starts(one, subject)
        elif one.labels.get("__name__", "").endswith("_total"):
            found += timeline.restarts(one, subject)
        else:
            found += timeline.marks(one, subject)
    return tuple(found)


def _up(series: tuple[Series, ...], name: str) -> tuple[ChangeEvent, ...]:
    return tuple(
        event for one in series for event in (*timeline.availability(one, name), *timeline.silences(one, name))
    )


def _restarts(series: tuple[Series, ...], name: str) -> tuple[ChangeEvent, ...]:
    return tuple(event for one in series for event in timeline.marks(one, name, ChangeKind.RESTART))


def _subject(one: Series, query: str, several: bool) -> str:
    labels = ", ".join(f"{key}={value}" for key, value in one.labels.items() if key != "__name__")
    return f"{query} of {labels}" if several and labels else query


def _registered(one: ModelVersion) -> ChangeEvent:
    assert one.created_at is not None  # the caller has looked
    named = f", now the {' and '.join(one.aliases)}" if one.aliases else ""
    subject = f"{one.name} version {one.version}"
    return ChangeEvent(
        one.created_at, one.created_at, ChangeKind.REGISTERED, subject, f"{subject} was registered{named}"
    )


def _moved(ctx: Context, move: AliasMove) -> ChangeEvent:
    went = f"from version {move.previous} to {move.version}" if move.previous else f"to version {move.version}"
    by = f"by incident {move.key.split('/', 1)[0]}"
    subject = _alias(ctx)
    return ChangeEvent(move.at, move.at, ChangeKind.VERSION, subject, f"{subject} went {went}, {by}")


def _moved_outside(
    ctx: Context, moves: Sequence[AliasMove], versions: Sequence[ModelVersion], span: Window
) -> tuple[ChangeEvent, ...]:
    """Where the alias is now not where the last recorded move left it, somebody else moved it since then."""
    if not moves or moves[-1].at >= span.end:
        return ()
    holder = next((one.version for one in versions if ctx.model.alias in one.aliases), "")
    last = moves[-1]
    if holder == last.version:
        return ()
    subject = _alias(ctx)
    went = f"went from version {last.version} to {holder}" if holder else f"was taken from version {last.version}"
    said = f"{subject} {went} outside triage, at a time that the registry does not keep"
    return (ChangeEvent(ctx.ports.clock.now(), last.at, ChangeKind.VERSION, subject, said),)


def _alias(ctx: Context) -> str:
    return f"{ctx.model.registered_model}'s alias {ctx.model.alias}"
