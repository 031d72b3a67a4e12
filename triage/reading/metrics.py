"""Time series of the KPI and the service levels, with the history that makes a seasonal baseline."""

from datetime import timedelta

import numpy as np

from triage.incident import Source, Window
from triage.ports import Series
from triage.step import Context, unmeasured

HISTORY = timedelta(days=28)
MOST_POINTS = 600
"""A chart needs no more points than this."""


def one_series(ctx: Context, query: str, step: timedelta, history: timedelta = HISTORY) -> tuple[Series, Source]:
    """The series of ``query`` over the incident and ``history`` before it. Unmeasured unless there is exactly one."""

    def read() -> tuple[Series, Source]:
        window = Window(ctx.incident.window.start - history, ctx.incident.window.end)
        result = ctx.ports.metrics.range(query, window, step.total_seconds())
        if not result.series:
            unmeasured(
                f"the query returned nothing: {query}", hint="check the query in triage.yaml: 'triage doctor' runs it"
            )
        if len(result.series) > 1:
            unmeasured(
                f"the query returned {len(result.series)} series where one was expected: {query}",
                hint="aggregate it in triage.yaml, for example with sum(...) or max(...)",
            )
        return result.series[0], result.source

    return ctx.scope.once(("series", query, step, history), read)


def kpi(ctx: Context) -> tuple[Series, Source]:
    """The model's KPI."""
    return one_series(ctx, ctx.model.kpi.query, ctx.model.kpi.step)


def thinned(series: Series, since: float) -> tuple[list[float], list[float | None]]:
    """Times and values from ``since`` (Unix seconds) on, at most `MOST_POINTS` of them; a gap is None."""
    shown = series.times >= since
    times, values = series.times[shown], series.values[shown]
    stride = max(1, -(-len(times) // MOST_POINTS))
    picked = values[::stride]
    return times[::stride].tolist(), [None if not np.isfinite(value) else float(value) for value in picked]
