"""What a row loses: by the model, and by the KPI."""

from triage.catalog import Direction, PerRow, Task
from triage.drift.losses import Loss, log_loss, squared_error
from triage.step import Context


def model_loss(ctx: Context) -> Loss:
    """The model's own loss: log-loss for classes, squared error for numbers."""
    return log_loss if ctx.model.task is Task.CLASSIFICATION else squared_error


def kpi_loss(ctx: Context) -> Loss:
    """The loss per row whose mean follows the KPI."""
    return shortfall(ctx) if ctx.model.kpi.per_row is PerRow.LABEL else model_loss(ctx)


def shortfall(ctx: Context) -> Loss:
    """The KPI as a loss per row: the label itself, counted so that more is worse. The model's answer plays no part."""
    sign = -1.0 if ctx.model.kpi.direction is Direction.HIGHER_IS_BETTER else 1.0
    return lambda truth, scores: sign * truth
