"""What one interval of a canary showed: requests and events by version, from Prometheus and from labels."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from triage.catalog import Direction, Guardrail
from triage.catalog.fields import format_duration
from triage.errors import EmptyWindow, TriageError, Unmeasurable
from triage.incident import Window
from triage.reading.labels import join_labels
from triage.reading.losses import model_loss
from triage.reading.release import Versions, first_due, policy
from triage.reading.served_by import served_by
from triage.step import Context
from triage.trial import guardrail as trial
from triage.trial.guardrail import GuardrailKind, Look, Tally

LABELS = "loss on labels"
ROLES = ("champion", "challenger")


def guardrails(ctx: Context, champion_loss: float | None) -> tuple[trial.Guardrail, ...]:
    """What this canary is held to. ``champion_loss`` (per row, from the comparison) scales the margin of the labels."""
    rules = [
        trial.Guardrail(
            one.name,
            margin=one.margin,
            higher_is_worse=one.direction is Direction.LOWER_IS_BETTER,
            tolerated=one.tolerated,
            min_requests=one.min_requests,
            needed_to_promote=one.needed,
        )
        for one in policy(ctx).guardrails
    ]
    by_label = policy(ctx).labels
    if by_label is not None and champion_loss and _told_apart(ctx):
        assert ctx.model.labels is not None  # `_told_apart` asked
        margin = by_label.margin * champion_loss
        rules.append(
            trial.Guardrail(
                LABELS,
                margin=margin,
                kind=GuardrailKind.MEAN,
                min_requests=by_label.min_rows,
                label_delay=ctx.model.labels.delay,
                needed_to_promote=by_label.needed,
            )
        )
    return tuple(rules)


def _told_apart(ctx: Context) -> bool:
    log = ctx.model.serving_log
    key = ctx.catalog.dataset(log.dataset).key
    return ctx.model.labels is not None and log.version is not None and key is not None


def look_at(
    ctx: Context, versions: Versions, rules: tuple[trial.Guardrail, ...], stage_since: datetime, at: datetime
) -> dict[str, Look]:
    """What was new in the interval that ends ``at``, by guardrail; of labels, what has become old enough by then."""
    found = {one.name: _counted(ctx, one, versions, at) for one in policy(ctx).guardrails}
    if any(rule.name == LABELS for rule in rules):
        look = _labelled(ctx, versions, stage_since, at)
        if look is not None:
            found[LABELS] = look
    return found


def _counted(ctx: Context, rule: Guardrail, versions: Versions, at: datetime) -> Look:
    tallies: list[Tally | None] = []
    for role, version in zip(ROLES, (versions.champion, versions.challenger), strict=True):
        try:
            total = count(ctx, rule.total, role, version, at)
            events = count(ctx, rule.events, role, version, at) if total else 0.0
        except TriageError as error:
            return Look(at, None, None, error=error.message)
        if total is None or total <= 0:
            tallies.append(None)
        elif events is None:
            said = f"{role}: the query of the events returned nothing; add 'or vector(0)' where none means zero"
            return Look(at, None, None, error=said)
        else:
            tallies.append(Tally(total, min(max(events, 0.0), total)))
    champion, challenger = tallies
    return Look(at, champion, challenger)


def count(ctx: Context, query: str, role: str, version: str, at: datetime) -> float | None:
    """The value of a guardrail's ``query`` for one version at the end of an interval, or None where there is none."""
    interval = policy(ctx).interval
    known = _counts(ctx, query, role, version, Window(at, at + interval))[:1]
    return float(known[0]) if known.size and np.isfinite(known[0]) else None


def count_each(ctx: Context, query: str, role: str, version: str, start: datetime, end: datetime) -> float | None:
    """The sum of a guardrail's ``query`` over the whole intervals of ``[start, end]``, or None where none is known."""
    interval = policy(ctx).interval
    first = first_due(start, interval) + interval
    if first > end:
        return None
    counted = _counts(ctx, query, role, version, Window(first, end + timedelta(seconds=1)))
    known = counted[np.isfinite(counted)]
    return float(known.sum()) if known.size else None


def _counts(ctx: Context, query: str, role: str, version: str, window: Window) -> np.ndarray:
    """The values of a guardrail's ``query`` at the ends of the intervals of ``window``."""
    interval = policy(ctx).interval
    for name, value in (("$version", version), ("$role", role), ("$interval", format_duration(interval))):
        query = query.replace(name, value)
    series = ctx.ports.metrics.range(query, window, interval.total_seconds()).series
    if len(series) > 1:
        raise Unmeasurable(f"{len(series)} series where one was expected: {query}", hint="add them up with sum(…)")
    return series[0].values if series else np.array([])


def _labelled(ctx: Context, versions: Versions, stage_since: datetime, at: datetime) -> Look | None:
    """The loss by version of rows whose label is due by ``at`` and was not a look before; None before the first."""
    log = ctx.catalog.dataset(ctx.model.serving_log.dataset)
    named, column, score = ctx.model.labels, ctx.model.serving_log.version, ctx.model.serving_log.prediction
    assert named is not None  # `_told_apart` asked
    assert column is not None  # `_told_apart` asked
    assert log.key is not None  # `_told_apart` asked
    end = at - named.delay
    begin = max(stage_since, end - policy(ctx).interval)
    if end <= begin:
        return None
    window = Window(begin, end)
    try:
        batches = list(ctx.ports.windows.scan(log.name, window, [log.key, log.time, score, column]).batches())
        if not batches:  # the files' statistics promised more than they hold
            return Look(at, None, None)
        rows = pa.Table.from_batches(batches).to_pandas()
        truth = join_labels(ctx, rows, window).values
    except EmptyWindow:
        return Look(at, None, None)
    except TriageError as error:
        return Look(at, None, None, error=error.message)
    loss = model_loss(ctx)(truth, rows[score].to_numpy(dtype=float, na_value=np.nan))
    served = served_by(rows[column])
    return Look(at, _tally(loss[served == versions.champion]), _tally(loss[served == versions.challenger]))


def _tally(values: np.ndarray) -> Tally | None:
    values = values[np.isfinite(values)]
    return Tally(len(values), float(values.sum()), float((values**2).sum())) if len(values) else None


def kept(looks: Mapping[str, Look]) -> dict[str, Any]:
    """Looks as a journal keeps them."""

    def tally(one: Tally | None) -> list[float] | None:
        return [one.n, one.total, one.squares] if one is not None else None

    return {
        name: {"champion": tally(look.champion), "challenger": tally(look.challenger), "error": look.error}
        for name, look in looks.items()
    }


def restored(at: datetime, counted: Mapping[str, Any]) -> dict[str, Look]:
    """The inverse of `kept`."""

    def tally(one: list[float] | None) -> Tally | None:
        return Tally(*one) if one is not None else None

    return {
        name: Look(at, tally(look["champion"]), tally(look["challenger"]), look["error"])
        for name, look in counted.items()
    }
