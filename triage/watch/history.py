"""The past of every signal: from Prometheus where it was exposed, else computed from the dataset, and said so."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np

from triage.catalog import ServiceLevel
from triage.errors import TriageError
from triage.health.burn import WORKBOOK_PAIRS
from triage.incident import Window
from triage.ports import Series
from triage.prevention.backtest import LEAST_MEASURED, History
from triage.prevention.burn import burning
from triage.prevention.nouns import RuleKind, Signal
from triage.prevention.signals import bad_share, objective, pair_name, traffic
from triage.step import Context
from triage.watch.replay import KINDS, Replay, past_of, replay

REACH = timedelta(days=28)
WATCHED = (*KINDS, RuleKind.PARITY, RuleKind.LABELS, RuleKind.METRIC)
"""Kinds of signals whose figure only `triage watch` exposes."""


def histories(ctx: Context, signals: tuple[Signal, ...], reach: timedelta = REACH) -> dict[str, History | str]:
    """By the signal's name its past, or in words why there is none. A signal that fails takes no other with it."""
    past = past_of(ctx, reach)
    features = tuple(
        dict.fromkeys(one.subject for one in signals if one.kind in (RuleKind.PSI, RuleKind.NULLS, RuleKind.UNSEEN))
    )

    def replayed() -> Replay | str:
        try:
            return replay(ctx, features, past)
        except TriageError as error:
            return error.message

    return {
        one.name: _past(ctx, one, past, lambda: ctx.scope.once(("replay", features, past), replayed)) for one in signals
    }


def _past(ctx: Context, signal: Signal, past: Window, replayed: Callable[[], Replay | str]) -> History | str:
    try:
        if signal.kind is RuleKind.BURN:
            return _burn(ctx, signal, past)
        found = _asked(ctx, signal, past)
    except TriageError as error:
        found = error.message
    if not isinstance(found, str) or signal.kind not in WATCHED:
        return found
    made = replayed()
    if isinstance(made, str):
        return f"{found}; and it can't be computed from the log: {made}"
    return made.history(signal)


def _asked(ctx: Context, signal: Signal, past: Window) -> History | str:
    """What the metrics server knows of it, if that is enough to prove anything."""
    found = _one(ctx, signal.query, past, signal.step_seconds)
    if isinstance(found, str):
        return found
    series, source, step = found.series, found.source, found.step_seconds
    known = float(np.isfinite(series.values).sum()) * step
    if signal.kind in WATCHED and known < LEAST_MEASURED * past.length.total_seconds():
        return f"{signal.query} has a history of {known / 3600:.1f} h only"
    return History(series, source, step)


def _one(ctx: Context, query: str, past: Window, step_seconds: float) -> History | str:
    def ask() -> History | str:
        result = ctx.ports.metrics.range(query, past, step_seconds)
        if not result.series:
            return f"the query returned nothing: {query}"
        if len(result.series) > 1:
            return f"the query returned {len(result.series)} series where one was expected: {query}"
        series = result.series[0]
        own = float(np.median(np.diff(series.times))) if len(series.times) > 1 else step_seconds
        return History(series, result.source, own)

    return ctx.scope.once(("past", query, past, step_seconds), ask)


def _burn(ctx: Context, signal: Signal, past: Window) -> History | str:
    level = next(one for one in ctx.model.service_levels if one.name == signal.subject)
    share = _one(ctx, level.query, past, signal.step_seconds)
    if isinstance(share, str):
        return share
    pair = next(one for one in WORKBOOK_PAIRS if pair_name(one) == signal.pair)
    if share.step_seconds > pair.short_seconds:
        return f"its points are {share.step_seconds:g} s apart, too far for a window of {pair.short_seconds:g} s"
    events = _events(ctx, traffic(ctx.model), past, signal.step_seconds, share.series)
    whole, good = bad_share(level)
    values = share.series.values / whole
    bad = Series({}, share.series.times, 1 - values if good else values)
    return History(burning(bad, events, objective(level), pair), share.source, share.step_seconds)


def _events(ctx: Context, level: ServiceLevel | None, past: Window, step: float, share: Series) -> Series:
    """The model's traffic; without a service level of kind throughput every moment weighs the same."""
    if level is not None:
        found = _one(ctx, level.query, past, step)
        if not isinstance(found, str):
            return found.series
        ctx.progress(f"the error budget is not weighed by traffic: {found}")
    return Series({}, share.times, np.where(np.isnan(share.values), np.nan, 1.0))
