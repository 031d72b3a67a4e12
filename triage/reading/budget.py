"""How fast a service level burns its error budget, where its query gives a share of events."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import numpy as np

from triage.catalog import Direction, LevelKind, ServiceLevel
from triage.errors import TriageError
from triage.health.burn import WORKBOOK_PAIRS, BurnVerdict, WindowPair, assess, bad_events
from triage.health.series import step_seconds
from triage.incident import Source, Window
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
    sources: list[Source] = []

    def read(query: str) -> Series:
        series, source = metrics.one_series(ctx, query, step, _REACH)
        sources.append(source)
        return series

    found = _assessed(ctx, level, read, ctx.incident.window.end, WORKBOOK_PAIRS)
    return found, tuple(sources)


def burn_at(ctx: Context, level: ServiceLevel, at: datetime, pair: WindowPair) -> BurnVerdict:
    """The burn of ``level`` over the windows of ``pair`` that end ``at``, as the source has it now.

    Raises Unmeasurable, SourceUnavailable.
    """
    window = Window(at - timedelta(seconds=pair.long_seconds), at + _STEP)

    def read(query: str) -> Series:
        return metrics.only(ctx.ports.metrics.range(query, window, _STEP.total_seconds()), query)

    return _assessed(ctx, level, read, at, (pair,))


def _assessed(
    ctx: Context, level: ServiceLevel, read: Callable[[str], Series], at: datetime, pairs: Sequence[WindowPair]
) -> BurnVerdict:
    share = read(level.query)
    whole = _SHARES[level.unit]
    better = level.direction is Direction.HIGHER_IS_BETTER
    bad = (1 - share.values / whole) if better else share.values / whole
    objective = level.target / whole if better else 1 - level.target / whole
    traffic = _traffic(ctx, read)
    if traffic is None:
        traffic = Series({}, share.times, np.where(np.isnan(share.values), np.nan, 1.0))
    own = step_seconds(share)
    served = [pair for pair in pairs if not own > pair.short_seconds] or [pairs[-1]]
    return assess(
        bad_events(Series(share.labels, share.times, bad), traffic), traffic, objective, at.timestamp(), pairs=served
    )


def _traffic(ctx: Context, read: Callable[[str], Series]) -> Series | None:
    level = metrics.throughput(ctx)
    if level is None:
        return None
    try:
        return read(level.query)
    except TriageError as error:
        ctx.progress(f"the error budget is not weighed by traffic: {error.message}")
        return None
