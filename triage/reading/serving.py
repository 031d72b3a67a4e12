"""What is watched of serving itself while a challenger is asked; and the same limits in words, for the plan."""

from datetime import datetime, timedelta

import numpy as np

from triage.catalog import Direction, Guardrail, LevelKind, Model, ReleasePolicy, ServiceLevel
from triage.catalog.fields import format_duration
from triage.catalog.release import BurnGuardrail
from triage.errors import TriageError, Unmeasurable
from triage.health.burn import LEAST_COVERAGE, WindowPair
from triage.health.series import step_seconds
from triage.incident import Window
from triage.ports import Series
from triage.reading.budget import burn_at, has_budget
from triage.reading.canary import count_each
from triage.reading.release import Versions, first_due, policy
from triage.step import Context
from triage.trial import serving
from triage.trial.guardrail import GuardrailResult, Tally
from triage.trial.serving import judge_level, judge_rise
from triage.trial.verdict import TrialVerdict

_STEP = timedelta(minutes=1)
_KINDS = (LevelKind.ERRORS, LevelKind.LATENCY)
SPAN = timedelta(hours=1)
"""Of the champion's requests before the copying began, and of its newest ones, at most."""
UNWATCHED = 5
"""Looks in a row at which nobody can tell how those fare who are served: then the copying ends."""


def levels_of(model: Model) -> tuple[ServiceLevel, ...]:
    """The service levels that a release may not break: errors and latency, with a budget or a limit."""
    if model.release is None or model.release.burn is None:
        return ()
    return tuple(level for level in model.service_levels if has_budget(level) or _has_limit(level))


def _has_limit(level: ServiceLevel) -> bool:
    return level.kind in _KINDS and level.direction is Direction.LOWER_IS_BETTER and level.target > 0


def rises_of(how: ReleasePolicy) -> tuple[Guardrail, ...]:
    """The guardrails that a copy of the traffic may raise for the champion: failed and slow answers."""
    return tuple(rule for rule in how.guardrails if rule.direction is Direction.LOWER_IS_BETTER)


def service_levels(ctx: Context, since: datetime, at: datetime) -> tuple[serving.ServiceLevel, ...]:
    """Where each level stands ``at``; ``since`` is when the challenger was first asked."""
    limit = policy(ctx).burn
    if limit is None:
        return ()
    found = []
    for level in levels_of(ctx.model):
        key = ("service level before", level.name, since)
        before = ctx.scope.once(key, lambda level=level: _stands(ctx, level, limit, since))  # type: ignore[misc]
        found.append(_stands(ctx, level, limit, at, broke_before=_breaks(before)))
    return tuple(found)


def _breaks(level: serving.ServiceLevel) -> bool:
    rates = (level.short_rate, level.long_rate)
    return all(rate is not None and rate >= level.factor for rate in rates)


def _stands(
    ctx: Context, level: ServiceLevel, limit: BurnGuardrail, at: datetime, *, broke_before: bool = False
) -> serving.ServiceLevel:
    short, long = limit.short.total_seconds(), limit.long.total_seconds()
    factor, measured = (limit.factor, "times the budget") if has_budget(level) else (1.0, "times its target")
    try:
        if has_budget(level):
            pair = WindowPair(short, long, limit.factor, "page")
            (judged,) = burn_at(ctx, level, at, pair).pairs
            rates = judged.short_rate, judged.long_rate
        else:
            rates = _of_target(ctx, level, at, short), _of_target(ctx, level, at, long)
    except Unmeasurable:
        return serving.ServiceLevel(level.name, None, None, factor, measured)
    except TriageError as error:
        return serving.ServiceLevel(level.name, None, None, factor, measured, error=error.message)
    return serving.ServiceLevel(level.name, *rates, factor, measured, broke_before)


def _of_target(ctx: Context, level: ServiceLevel, at: datetime, seconds: float) -> float | None:
    """The median of the last ``seconds`` as a multiple of the target; None where less than half of them is known."""
    series = read(ctx, level.query, Window(at - timedelta(seconds=seconds) + _STEP, at + _STEP))
    known = series.values[np.isfinite(series.values)]
    if not len(known) or len(known) * min(step_seconds(series), seconds) < LEAST_COVERAGE * seconds:
        return None
    return float(np.median(known)) / level.target


def read(ctx: Context, query: str, window: Window) -> Series:
    """The one series of ``query`` as it is now, minute by minute. Raises Unmeasurable, SourceUnavailable."""
    from triage.reading.metrics import only

    return only(ctx.ports.metrics.range(query, window, _STEP.total_seconds()), query)


def watched(ctx: Context, versions: Versions, since: datetime, at: datetime) -> tuple[GuardrailResult, ...]:
    """How serving fares ``at``, with the challenger in its shadow ``since``: the champion's failed and slow answers
    against the time before, and the service levels."""
    how, rules = policy(ctx), rises_of(policy(ctx))
    confidence = 1 - (1 - how.confidence) / max(1, len(rules) * how.shadow.looks)
    span = max(SPAN, how.interval)
    found = []
    first = first_due(since, how.interval) + how.interval
    for rule in rules:
        if at < first:
            said = f"{rule.name}: the first interval of the copying ends at {first:%H:%M}"
            found.append(GuardrailResult(rule.name, TrialVerdict.NO_DATA, said, due_at=first))
            continue
        try:
            before = ctx.scope.once(
                ("champion before", rule.name, since),
                lambda rule=rule: _champion(ctx, rule, versions, since - span, since),  # type: ignore[misc]
            )
            now = _champion(ctx, rule, versions, max(since, at - span), at)
        except TriageError as error:
            found.append(GuardrailResult(rule.name, TrialVerdict.ERROR, f"{rule.name}: {error.message}"))
            continue
        found.append(
            judge_rise(
                rule.name, before, now, margin=rule.margin, confidence=confidence, min_requests=rule.min_requests
            )
        )
    return (*found, *(judge_level(level) for level in service_levels(ctx, since, at)))


def _champion(ctx: Context, rule: Guardrail, versions: Versions, start: datetime, end: datetime) -> Tally | None:
    """The champion's requests and events in the whole intervals of ``[start, end]``; None where there are none."""
    total = count_each(ctx, rule.total, "champion", versions.champion, start, end)
    if total is None:
        return None
    events = count_each(ctx, rule.events, "champion", versions.champion, start, end) if total else 0.0
    if events is None:
        raise Unmeasurable("the query of the events returned nothing", hint="add 'or vector(0)' where none means zero")
    return Tally(total, min(max(events, 0.0), total))


def shadow_stops(model: Model) -> str:
    """What ends a shadow before its verdict, as `watched` judges it."""
    if model.release is None:
        return ""
    rises = [f"{rule.name} of the champion by more than {rule.margin:.2%}" for rule in rises_of(model.release)]
    said = [f"the copying raises {' or '.join(rises)} over the hour before it"] if rises else []
    said += _levels_in_words(model)
    if not said:
        return "nothing but a person: no guardrail and no service level is named"
    return "; ".join((*said, f"that can't be measured {UNWATCHED} times in a row"))


def canary_stops(model: Model) -> str:
    """What rolls a canary back, as its looks judge it."""
    if model.release is None:
        return ""
    how = model.release
    guards = ", ".join(
        f"{one.name} {'falls' if one.direction is Direction.HIGHER_IS_BETTER else 'rises'} by {one.margin:.2%}"
        for one in how.guardrails
    )
    harm = f"harm is shown at any look, or can't be ruled out in {how.horizon} looks: {guards or 'labels'}"
    return "; ".join((harm, *_levels_in_words(model)))


def _levels_in_words(model: Model) -> list[str]:
    limit = model.release.burn if model.release else None
    if limit is None:
        return []
    levels = levels_of(model)
    budgets = [level.name for level in levels if has_budget(level)]
    others = [level.name for level in levels if not has_budget(level)]
    over = f"over {format_duration(limit.short)} and {format_duration(limit.long)}, and did not before"
    said = []
    if budgets:
        said.append(f"{' or '.join(budgets)} burns its error budget {limit.factor:g} times as fast as allowed {over}")
    if others:
        said.append(f"{' or '.join(others)} is beyond its target {over}")
    return said
