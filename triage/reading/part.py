"""Which part of the KPI's drop the logged rows show: whoever got no answer is in the KPI, and in no serving log."""

import numpy as np

from triage.catalog import PerRow
from triage.codec import decode
from triage.drift.losses import log_loss, squared_error
from triage.errors import TriageError
from triage.incident import Drop
from triage.reading import windows
from triage.reading.labels import labels
from triage.reading.logged import predictions
from triage.reading.losses import kpi_loss
from triage.step import Context

SAME_LEVEL = 0.1
"""How far the mean of a loss may be from the KPI's healthy level for the KPI to be the mean of that loss."""
MOST = 0.8
"""Logged rows that show more of the drop than this are taken to show all of it."""


def logged_part(ctx: Context) -> float:
    """The part, within (0, 1]; 1 where it can't be told, or the KPI is no mean of a loss that is known here."""
    return ctx.scope.once("logged part", lambda: _part(ctx))


def _part(ctx: Context) -> float:
    measured = next((step.outputs["drop"] for step in ctx.incident.steps.values() if "drop" in step.outputs), None)
    drop = decode(Drop, measured) if measured is not None else None
    if drop is None or not drop.worse or drop.low <= 0 <= drop.high:
        return 1.0
    try:
        healthy, current = windows.healthy(ctx), windows.current(ctx)
        truth, now = labels(ctx, healthy).values, labels(ctx, current).values
        said, said_now = predictions(ctx, healthy), predictions(ctx, current)
    except TriageError:
        return 1.0
    by_label = ctx.model.kpi.per_row is PerRow.LABEL
    for loss in (kpi_loss(ctx),) if by_label else (squared_error, log_loss):
        before, after = loss(truth, said), loss(now, said_now)
        if not np.isfinite(before).any() or not np.isfinite(after).any():
            return 1.0
        level = float(np.nanmean(before))
        if abs(abs(level) - abs(drop.healthy)) <= SAME_LEVEL * abs(drop.healthy):
            part = (float(np.nanmean(after)) - level) / abs(drop.change)
            return float(np.clip(part, 0.05, 1.0)) if part < MOST else 1.0
    return 1.0
