"""Time series of the KPI and the service levels, with the history that makes a seasonal baseline."""

from datetime import timedelta

import numpy as np

from triage.catalog import LevelKind, ServiceLevel
from triage.errors import SourceUnavailable, Unmeasurable
from triage.health.series import step_seconds
from triage.incident import Source, Window
from triage.ports import RangeResult, Series
from triage.step import Context, unmeasured

HISTORY = timedelta(days=28)
_MOMENT = timedelta(seconds=1)
MOST_POINTS = 600
"""A chart needs no more points than this."""


def one_series(
    ctx: Context, query: str, step: timedelta, history: timedelta = HISTORY, *, closed: bool = False
) -> tuple[Series, Source]:
    """The series of ``query`` over the incident and ``history`` before it, with ``closed`` the sample at the incident's
    end as well. Unmeasured unless there is exactly one."""

    def read() -> tuple[Series, Source]:
        end = ctx.incident.window.end + (_MOMENT if closed else timedelta())
        window = Window(ctx.incident.window.start - history, end)
        result = ctx.ports.metrics.range(query, window, step.total_seconds())
        return only(result, query), result.source

    return ctx.scope.once(("series", query, step, history, closed), read)


def only(result: RangeResult, query: str) -> Series:
    """The series of ``result``; unmeasured unless there is exactly one."""
    if not result.series:
        unmeasured(
            f"the query returned nothing: {query}", hint="check the query in triage.yaml: 'triage doctor' runs it"
        )
    if len(result.series) > 1:
        unmeasured(
            f"the query returned {len(result.series)} series where one was expected: {query}",
            hint="aggregate it in triage.yaml, for example with sum(...) or max(...)",
        )
    return result.series[0]


def kpi(ctx: Context) -> tuple[Series, Source]:
    """The model's KPI. A sample tells of the step that ends with it, so each stands at the time that step began."""
    return _by_step(ctx, ctx.model.kpi.query, ctx.model.kpi.step)


def kpi_across_gap(ctx: Context) -> tuple[Series, Source, timedelta]:
    """The KPI with the healthy span and what lay before it moved up to the incident by the time that is returned: whole
    weeks, else whole days. What happened in between (``windows.gap``) is left out, as it is of all other comparisons.
    """
    gap = ctx.model.windows.gap
    if not gap:
        return *kpi(ctx), timedelta()
    series, source = _by_step(ctx, ctx.model.kpi.query, ctx.model.kpi.step, HISTORY + gap)
    period = timedelta(days=7) if gap >= timedelta(days=7) else timedelta(days=1)
    by = gap // period * period
    start = ctx.incident.window.start.timestamp()
    healthy, now = series.times < start - gap.total_seconds(), series.times >= start
    times = np.r_[series.times[healthy] + by.total_seconds(), series.times[now]]
    return Series(series.labels, times, np.r_[series.values[healthy], series.values[now]]), source, by


def throughput(ctx: Context) -> ServiceLevel | None:
    """The service level that says how many requests there are."""
    return next((level for level in ctx.model.service_levels if level.kind is LevelKind.THROUGHPUT), None)


def traffic(ctx: Context) -> tuple[Series, Source] | None:
    """How many requests each step had, timed as `kpi` is; None where nothing tells."""
    level = throughput(ctx)
    if level is None:
        return None

    def read() -> tuple[Series, Source] | None:
        try:
            return _by_step(ctx, level.query, level.step or ctx.model.kpi.step)
        except (Unmeasurable, SourceUnavailable) as error:
            ctx.progress(f"{ctx.model.kpi.name} is not weighed by traffic: {error.message}")
            return None

    return ctx.scope.once("traffic", read)


def _by_step(ctx: Context, query: str, step: timedelta, history: timedelta = HISTORY) -> tuple[Series, Source]:
    series, source = one_series(ctx, query, step, history, closed=True)
    own = step_seconds(series)
    length = own if own > step.total_seconds() else step.total_seconds()
    return Series(series.labels, series.times - length, series.values), source


def thinned(series: Series, since: float) -> tuple[list[float], list[float | None]]:
    """Times and values from ``since`` (Unix seconds) on, at most `MOST_POINTS` of them; a gap is None."""
    shown = series.times >= since
    times, values = series.times[shown], series.values[shown]
    stride = max(1, -(-len(times) // MOST_POINTS))
    picked = values[::stride]
    return times[::stride].tolist(), [None if not np.isfinite(value) else float(value) for value in picked]
