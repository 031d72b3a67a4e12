"""The past of every signal: from Prometheus where it was exposed, else computed from the dataset, and said so."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np

from triage.catalog import ServiceLevel
from triage.errors import TriageError
from triage.health.burn import WORKBOOK_PAIRS
from triage.incident import Window
from triage.numbers import moment
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
        found = _one(ctx, signal.query, past, signal.step_seconds)
    except TriageError as error:
        found = error.message
    if signal.kind not in WATCHED:
        return found
    known = 0.0 if isinstance(found, str) else float(np.isfinite(found.series.values).sum()) * found.step_seconds
    if known >= LEAST_MEASURED * past.length.total_seconds():
        return found
    short = found if isinstance(found, str) else f"{signal.query} has a history of {known / 3600:.1f} h only"
    made = replayed()
    if isinstance(made, str):
        return f"{short}; and it can't be computed from the log: {made}"
    older = made.history(signal)
    return older if isinstance(older, str) or isinstance(found, str) or not known else continued(older, found)


def continued(older: History, newer: History) -> History:
    """``older`` until ``newer`` begins, in steps of ``newer``; a figure holds until the next, and no longer."""
    first = float(newer.series.times[np.isfinite(newer.series.values)][0])
    times = np.arange(float(older.series.times[0]), first - newer.step_seconds / 2, newer.step_seconds)
    place = np.searchsorted(older.series.times, times, side="right") - 1
    fresh = times - older.series.times[place] < older.step_seconds
    values = np.where(fresh, older.series.values[place], np.nan)
    since = newer.series.times >= first
    return History(
        Series(
            {}, np.concatenate([times, newer.series.times[since]]), np.concatenate([values, newer.series.values[since]])
        ),
        older.source,
        newer.step_seconds,
        replayed=True,
        note="; ".join(
            part
            for part in (older.note, f"from {moment(datetime.fromtimestamp(first, UTC))} on as it was exposed")
            if part
        ),
    )


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
