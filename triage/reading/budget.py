"""How fast a service level burns its error budget, where its query gives a share of events."""

from datetime import timedelta

import numpy as np

from triage.catalog import Direction, LevelKind, ServiceLevel
from triage.errors import TriageError
from triage.health.burn import WORKBOOK_PAIRS, BurnVerdict, assess, bad_events
from triage.health.series import step_seconds
from triage.incident import Source
from triage.ports import Series
from triage.reading import metrics
from triage.step import Context

_KINDS = (LevelKind.ERRORS, LevelKind.LATENCY)
_SHARES = {"ratio": 1.0, "share": 1.0, "fraction": 1.0, "percent": 100.0, "%": 100.0}
_STEP = timedelta(minutes=1)
_REACH = timedelta(seconds=max(pair.long_seconds for pair in WORKBOOK_PAIRS))


def has_budget(level: ServiceLevel) -> bool:
    """Whether ``level`` is a share of requests (that failed, or were too slow) with an objective inside (0, 1)."""
    whole = _SHARES.get(level.unit)
    return level.kind in _KINDS and whole is not None and 0 < level.target < whole


def burn(ctx: Context, level: ServiceLevel) -> tuple[BurnVerdict, tuple[Source, ...]]:
    """The burn of ``level`` over the windows that end with the incident's, weighed by the model's throughput.

    Without a service level of kind throughput every moment weighs the same. Windows shorter than the distance of the
    points that the source has are left out. Raises Unmeasurable, SourceUnavailable.
    """
    step = min(level.step or ctx.model.kpi.step, _STEP)
    share, source = metrics.one_series(ctx, level.query, step, _REACH)
    whole = _SHARES[level.unit]
    better = level.direction is Direction.HIGHER_IS_BETTER
    bad = (1 - share.values / whole) if better else share.values / whole
    objective = level.target / whole if better else 1 - level.target / whole
    traffic, sources = _traffic(ctx, step, (source,))
    if traffic is None:
        traffic = Series({}, share.times, np.where(np.isnan(share.values), np.nan, 1.0))
    own = step_seconds(share)
    pairs = [pair for pair in WORKBOOK_PAIRS if not own > pair.short_seconds] or [WORKBOOK_PAIRS[-1]]
    at = ctx.incident.window.end.timestamp()
    wrong = bad_events(Series(share.labels, share.times, bad), traffic)
    return assess(wrong, traffic, objective, at, pairs=pairs), sources


def _traffic(ctx: Context, step: timedelta, sources: tuple[Source, ...]) -> tuple[Series | None, tuple[Source, ...]]:
    level = metrics.throughput(ctx)
    if level is None:
        return None, sources
    try:
        series, source = metrics.one_series(ctx, level.query, step, _REACH)
    except TriageError as error:
        ctx.progress(f"the error budget is not weighed by traffic: {error.message}")
        return None, sources
    return series, (*sources, source)
