"""The model of the healthy window: what served before whatever happened."""

import numpy as np

from triage.errors import TriageError
from triage.ports import ModelVersion
from triage.reading import windows
from triage.reading.features import champion
from triage.reading.served_by import mostly_served_by
from triage.step import Context


def usual_version(ctx: Context) -> ModelVersion | None:
    """The version that answered most of the healthy rows; the champion where the log or the registry does not say."""
    return ctx.scope.once("usual version", lambda: _ask(ctx))


def _ask(ctx: Context) -> ModelVersion | None:
    column, rows = ctx.model.serving_log.version, windows.healthy(ctx).rows
    named = mostly_served_by(rows[column]) if column is not None and column in rows else ""
    if not named:
        return champion(ctx)
    try:
        return ctx.ports.registry.version(ctx.model.registered_model, named)
    except TriageError as error:
        ctx.progress(f"the registry does not know version {named}, which served before: {error.message}")
        return champion(ctx)


def logged_drop(before: np.ndarray, now: np.ndarray, part: float = 1.0) -> float | None:
    """What the KPI lost in the mean, of which labelled rows show ``part``; from their losses (n,) and (m,) with NaN for
    no label. None without any."""
    if not np.isfinite(before).any() or not np.isfinite(now).any():
        return None
    return float(np.nanmean(now) - np.nanmean(before)) / part
