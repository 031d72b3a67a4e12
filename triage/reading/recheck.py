"""What the KPI is at this moment, in one sentence: asked when an alert is resolved while its incident is open."""

from datetime import datetime
from typing import TYPE_CHECKING

from triage.errors import TriageError
from triage.incident import Incident, Window
from triage.numbers import figure

if TYPE_CHECKING:
    from triage.catalog import Model
    from triage.ports import Metrics

_POINTS = 3


def kpi_now(incident: Incident, model: "Model", metrics: "Metrics", now: datetime) -> str:
    """The KPI's newest point of the last three, beside its healthy level and its target. Never raises for a source."""
    import numpy as np

    kpi = model.kpi
    try:
        found = metrics.range(kpi.query, Window(now - _POINTS * kpi.step, now), kpi.step.total_seconds())
    except TriageError as error:
        return f"{kpi.name} was not measured: {error.message}"
    values = found.series[0].values if len(found.series) == 1 else np.array([])
    there = values[np.isfinite(values)]
    if not there.size:
        return f"{kpi.name} was not measured: {len(found.series)} series, none with a point of the last {_POINTS}"
    drop = incident.diagnosis.drop if incident.diagnosis else None
    healthy = f"healthy {figure(drop.healthy, drop.unit)}, " if drop else ""
    newest = figure(float(there[-1]), kpi.unit)
    return f"{kpi.name} is {newest} ({healthy}target {figure(kpi.target, kpi.unit)})"
