"""Objectives of one model as OpenSLO v1 documents: that it answers, and that its answers are good.

https://github.com/OpenSLO/OpenSLO, apiVersion openslo/v1.
"""

from collections.abc import Iterator
from typing import Any

import yaml

from triage.catalog import Direction, LevelKind, Model
from triage.prevention.rule_file import slug
from triage.prevention.signals import bad_share, has_budget, objective, recorded, traffic

_WINDOW = "28d"
_KPI_TARGET = 0.95
"""Share of the time in which the KPI keeps its level."""
_UP_TARGET = 0.999


def render(model: Model, incident: str) -> str:
    """One YAML document for each objective."""
    documents = [*_uptime(model, incident), _accuracy(model, incident)]
    return yaml.safe_dump_all(documents, sort_keys=False, allow_unicode=True, width=110)


def _uptime(model: Model, incident: str) -> Iterator[dict[str, Any]]:
    for level in model.service_levels:
        if has_budget(level):
            whole, good = bad_share(level)
            events = traffic(model)
            weight = f"sum({events.query})" if events else "1"
            share = f"sum({level.query})" + (f" / {whole:g}" if whole != 1 else "")
            counted = share if good else f"(1 - {share})"
            indicator = {
                "ratioMetric": {
                    "counter": False,
                    "good": _source(f"({counted} * {weight}) >= 0"),
                    "total": _source(weight),
                }
            }
            yield _slo(model, level.name, incident, indicator, {"target": objective(level)})
        elif level.kind is LevelKind.UP:
            series = recorded("triage:service_level", model.name, level=level.name)
            yield _threshold(model, level.name, incident, series, level.direction, level.target, _UP_TARGET)


def _accuracy(model: Model, incident: str) -> dict[str, Any]:
    kpi = model.kpi
    series = recorded("triage:kpi", model.name, kpi=kpi.name)
    return _threshold(model, kpi.name, incident, series, kpi.direction, kpi.target, _KPI_TARGET)


def _threshold(
    model: Model, name: str, incident: str, series: str, direction: Direction, level: float, share: float
) -> dict[str, Any]:
    compared = "gte" if direction is Direction.HIGHER_IS_BETTER else "lte"
    target = {"op": compared, "value": level, "target": share, "timeSliceTarget": share, "timeSliceWindow": "1h"}
    return _slo(model, name, incident, {"thresholdMetric": _source(series)}, target, budgeting="Timeslices")


def _slo(
    model: Model,
    name: str,
    incident: str,
    indicator: dict[str, Any],
    target: dict[str, Any],
    budgeting: str = "Occurrences",
) -> dict[str, Any]:
    plain = f"{slug(model.name)}-{slug(name.replace('_', '-'))}"
    return {
        "apiVersion": "openslo/v1",
        "kind": "SLO",
        "metadata": {
            "name": plain,
            "displayName": f"{model.name}: {name}",
            "annotations": {"triage/incident": incident, "triage/generated": "true"},
        },
        "spec": {
            "service": slug(model.name),
            "indicator": {"metadata": {"name": f"{plain}-indicator"}, "spec": indicator},
            "timeWindow": [{"duration": _WINDOW, "isRolling": True}],
            "budgetingMethod": budgeting,
            "objectives": [{"displayName": name, **target}],
        },
    }


def _source(query: str) -> dict[str, Any]:
    return {"metricSource": {"type": "Prometheus", "spec": {"query": query}}}
