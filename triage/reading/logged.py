"""What the model answered, as the serving log has it."""

import numpy as np

from triage.drift.codes import as_floats
from triage.errors import Unmeasurable
from triage.reading import windows
from triage.step import Context


def predictions(ctx: Context, read: windows.WindowRead) -> np.ndarray:
    """What was answered, as logged, float64 of shape (n,). Raises Unmeasurable where the log has no such column."""
    column = ctx.model.serving_log.prediction
    if column not in read.rows:
        raise Unmeasurable(
            f"the serving log has no column '{column}'", hint=f"correct models.{ctx.model.name}.serving_log.prediction"
        )
    try:
        return as_floats(read.rows[column])
    except (TypeError, ValueError):
        raise Unmeasurable(
            f"the column '{column}' of the serving log holds no numbers but {str(read.rows[column].iloc[0])[:40]!r}",
            hint=f"models.{ctx.model.name}.serving_log.prediction names the column with the model's score or value",
        ) from None
