"""One pass over a window: its profile and an even sample of its rows. A baseline's profile stays with its version."""

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import NoReturn

import pandas as pd
import pyarrow as pa

from triage.codec import canonical, decode, digest
from triage.drift.profiles.edges import Edges
from triage.drift.profiles.profile import WindowProfile, merge_all
from triage.drift.profiles.scan import plan_edges, profile_batches
from triage.drift.quality.arrivals import Arrivals
from triage.errors import DataError, EmptyWindow, NotFound, Refused, SourceUnavailable, TriageError, Unmeasurable
from triage.incident import Source, Window
from triage.ports import ModelVersion
from triage.reading.ahead import ahead
from triage.reading.arrivals import ArrivalCount, bin_seconds
from triage.reading.features import champion, features
from triage.reading.metrics import traffic
from triage.reading.sample import EvenSample
from triage.reading.together import together
from triage.step import Context, seeded, unmeasured

SAMPLE_ROWS = 120_000
AT_ONCE = 1 << 15
"""Rows counted at a time, where the log's row groups have fewer."""
EDGE_ROWS = 100_000
FEWEST_HEALTHY_ROWS = 2_000
"""With fewer rows at the same time of day, the whole healthy span is read."""
DAY = timedelta(days=1)
MOST_PARTS = 90


@dataclass(frozen=True, slots=True)
class WindowRead:
    """``rows`` is an even sample (at most `SAMPLE_ROWS`) of the ``total`` rows; ``profile`` and ``arrivals`` count them
    all."""

    window: Window | None
    profile: WindowProfile
    rows: pd.DataFrame
    total: int
    source: Source
    arrivals: tuple[Arrivals, ...]
    """When the rows came: of the window, or of each healthy part of a span."""


def current(ctx: Context) -> WindowRead:
    """The incident window of the serving log. Raises Unmeasurable when it is empty."""
    return _served(ctx, ctx.incident.window)


def healthy_span(ctx: Context) -> Window:
    """The recent healthy span, before the incident."""
    end = ctx.incident.window.start - ctx.model.windows.gap
    return Window(end - ctx.model.windows.healthy, end)


def healthy(ctx: Context) -> WindowRead:
    """The whole healthy span."""
    return ctx.scope.once("healthy", partial(_healthy, ctx))


def healthy_windows(ctx: Context) -> tuple[Window, ...]:
    """The windows that `healthy` holds the rows of, oldest first."""
    return tuple(part.window for part in _healthy_parts(ctx) if part.window is not None)


def _healthy(ctx: Context) -> WindowRead:
    parts = _healthy_parts(ctx)
    rows = pd.concat([part.rows for part in parts], ignore_index=True)
    total = sum(part.total for part in parts)
    span = healthy_span(ctx)
    source = Source(
        "dataset",
        parts[0].source.name,
        parts[0].source.version,
        digest([part.source.digest for part in parts]),
        span,
        total,
    )
    return WindowRead(
        span,
        merge_all(parts[0].profile.edges, [part.profile for part in parts]),
        rows,
        total,
        source,
        tuple(one for part in parts for one in part.arrivals),
    )


def history(ctx: Context) -> tuple[WindowProfile, ...]:
    """Profiles of the healthy windows that are as long as the incident, one day apart where it is whole days."""
    parts = _healthy_parts(ctx)
    length = ctx.incident.window.length
    width = max(1, length // _part(healthy_span(ctx), length))
    edges = parts[0].profile.edges
    profiles = [part.profile for part in parts]
    return tuple(merge_all(edges, profiles[start : start + width]) for start in range(len(profiles) - width + 1))


def baseline(ctx: Context) -> tuple[WindowProfile, Source]:
    """The training baseline's profile: the one kept with the champion's version, else made now and kept."""
    return ctx.scope.once("baseline", partial(_baseline, ctx))


def baseline_fault(ctx: Context) -> TriageError | None:
    """Why the training baseline can't be used, or None. Windows are then profiled on edges of the healthy span."""

    def ask() -> TriageError | None:
        try:
            baseline(ctx)
        except (DataError, NotFound, Unmeasurable) as error:
            ctx.progress(f"the training baseline can't be used: {error.message}")
            return error
        return None

    return ctx.scope.once("baseline fault", ask)


def _edges(ctx: Context) -> Edges:
    return baseline(ctx)[0].edges if baseline_fault(ctx) is None else ctx.scope.once("edges", partial(_own_edges, ctx))


def _own_edges(ctx: Context) -> Edges:
    """Edges planned on a sample of the healthy span, for the features that the serving log has."""
    log, wanted = ctx.model.serving_log.dataset, features(ctx)
    there = logged_columns(ctx)
    sample = EvenSample(EDGE_ROWS, seeded("edges of the healthy span"))
    try:
        for batch in ctx.ports.windows.scan(log, healthy_span(ctx), [n for n in wanted.names if n in there]).batches():
            sample.add(batch)
    except EmptyWindow:
        pass
    if not sample.seen:
        _no_healthy_rows(ctx)
    return plan_edges(sample.table(), wanted.kinds)


def _baseline(ctx: Context) -> tuple[WindowProfile, Source]:
    version, wanted = champion(ctx), features(ctx)
    dataset = ctx.catalog.dataset(ctx.model.baseline.dataset)
    name = f"{dataset.name}@{dataset.version}.profile"
    kept = _kept(ctx, version, name) if version else None
    if kept is not None:
        try:
            profile, source = _unpacked(kept)
        except (DataError, ValueError, TypeError, KeyError) as error:
            ctx.progress(f"the kept profile of {dataset.name} can't be used ({error}); it is made again")
        else:
            kinds = {spec.name: spec.kind for spec in profile.edges.features}
            if profile.edges.names == wanted.names and wanted.kinds.items() <= kinds.items():
                return profile, source
    ctx.progress(f"profiling the training baseline {dataset.name}")
    planning = ctx.ports.windows.scan(dataset.name, None, wanted.names)
    sample = EvenSample(EDGE_ROWS, seeded("edges of the baseline"))
    for batch in planning.batches():
        sample.add(batch)
    if not sample.seen:
        unmeasured(f"the training baseline {dataset.name} is empty", hint="check its path in triage.yaml")
    edges = plan_edges(sample.table(), wanted.kinds)
    scan = ctx.ports.windows.scan(dataset.name, None, edges.columns)
    profile, source = profile_batches(ahead(scan.batches()), edges), scan.source
    if version is not None:
        try:
            ctx.ports.registry.save_artifact(version, name, _packed(profile, source))
        except (SourceUnavailable, Refused) as error:
            ctx.progress(f"the baseline's profile is not kept: {error.message}")
    return profile, source


def _kept(ctx: Context, version: ModelVersion, name: str) -> bytes | None:
    try:
        return ctx.ports.registry.load_artifact(version, name)
    except (SourceUnavailable, Refused) as error:
        ctx.progress(f"the kept profile can't be read: {error.message}")
        return None


def _packed(profile: WindowProfile, source: Source) -> bytes:
    """One line that says what was profiled, then the profile."""
    return canonical(source).encode() + b"\n" + profile.to_bytes()


def _unpacked(body: bytes) -> tuple[WindowProfile, Source]:
    head, _, profile = body.partition(b"\n")
    return WindowProfile.from_bytes(profile), decode(Source, json.loads(head))


def _healthy_parts(ctx: Context) -> tuple[WindowRead, ...]:
    return ctx.scope.once("healthy parts", partial(_read_healthy_parts, ctx))


def _read_healthy_parts(ctx: Context) -> tuple[WindowRead, ...]:
    span = healthy_span(ctx)
    wanted = _healthy_windows(span, ctx.incident.window)
    read = [part for window in wanted if (part := read_window(ctx, window, SAMPLE_ROWS // len(wanted))) is not None]
    if (
        sum(part.total for part in read) < FEWEST_HEALTHY_ROWS
        and (whole := read_window(ctx, span, SAMPLE_ROWS)) is not None
    ):
        read = [whole]
    if not read:
        _no_healthy_rows(ctx)
    return tuple(read)


def _no_healthy_rows(ctx: Context) -> NoReturn:
    unmeasured(
        f"no rows in the healthy span {healthy_span(ctx)}",
        hint="name a longer one under windows.healthy in triage.yaml",
    )


def _healthy_windows(span: Window, incident: Window) -> list[Window]:
    """The parts of ``span`` to read, oldest first, none over another.

    Days, where the incident is whole days (windows one day apart then share them); for a shorter incident the same
    time of every day; else windows as long as the incident.
    """
    length = incident.length
    if length < DAY:
        back = range(1, (incident.end - span.start) // DAY + 1)
        windows = [Window(incident.start - days * DAY, incident.end - days * DAY) for days in reversed(back)]
        return [window for window in windows if span.start <= window.start and window.end <= span.end] or [span]
    part = _part(span, length)
    count = max(1, span.length // part)
    return [Window(span.end - (index + 1) * part, span.end - index * part) for index in reversed(range(count))]


def _part(span: Window, length: timedelta) -> timedelta:
    """How much of ``span`` is read at once for an incident of ``length``: a day, or the fewest whole days that divide
    it and make no more than `MOST_PARTS`; all of it where it is not whole days."""
    if length < DAY or length % DAY:
        return length
    fewest = -(-span.length // (MOST_PARTS * DAY))
    days = length // DAY
    return DAY * next(part for part in range(1, days + 1) if days % part == 0 and (part >= fewest or part == days))


def logged_columns(ctx: Context) -> Collection[str]:
    """The serving log's columns, asked once: of many small files that takes a while."""
    log = ctx.model.serving_log.dataset
    return ctx.scope.once("logged columns", lambda: ctx.ports.windows.describe(log).columns)


def _served(ctx: Context, window: Window) -> WindowRead:
    def read() -> WindowRead:
        found = read_window(ctx, window, SAMPLE_ROWS)
        if found is None:
            unmeasured(
                f"the serving log has no rows from {window}",
                hint="check that the log arrives ('triage doctor' shows its newest row), or give another --window",
            )
        return found

    return ctx.scope.once(("served", window), read)


def read_window(ctx: Context, window: Window, most: int) -> WindowRead | None:
    """One pass over ``window`` of the serving log, with ``most`` sampled rows; None where it has no rows."""
    model, dataset = ctx.model, ctx.catalog.dataset(ctx.model.serving_log.dataset)
    edges = _edges(ctx)
    version = champion(ctx)
    # Columns that the catalogue leaves out are no suspects, but the model needs them to answer.
    inputs = (version.inputs or {}) if version else {}
    beside = (dataset.time, dataset.key, model.serving_log.prediction, model.serving_log.version, *inputs)
    there = logged_columns(ctx)
    columns = [name for name in dict.fromkeys((*edges.names, *(name for name in beside if name))) if name in there]
    try:
        scan = ctx.ports.windows.scan(dataset.name, window, columns)
    except EmptyWindow:
        return None
    sample = EvenSample(most, seeded(f"rows of {window}"))
    key = dataset.key if dataset.key in there else None
    arriving = ArrivalCount(window, bin_seconds(ctx.incident.window), dataset.time, key)
    profile = profile_batches(_counted(ahead(together(scan.batches(), AT_ONCE)), sample, arriving), edges)
    if not sample.seen:
        return None
    requests = traffic(ctx)
    came = arriving.arrivals(requests[0] if requests else None)
    return WindowRead(window, profile, sample.table().to_pandas(), sample.seen, scan.source, (came,))


def _counted(batches: Iterable[pa.RecordBatch], sample: EvenSample, arriving: ArrivalCount) -> Iterator[pa.RecordBatch]:
    """``batches`` as they are, each added to both as it passes."""
    for batch in batches:
        sample.add(batch)
        arriving.add(batch)
        yield batch
