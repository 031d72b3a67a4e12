"""A case as a customer's world: a catalogue, and every port in memory."""

from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import yaml

from triage.adapters.memory import MemoryClock, MemoryDataset, MemoryMetrics, MemoryRegistry, MemoryWindows
from triage.catalog import Catalog, PerRow, Task
from triage.lab.bench.case import Case
from triage.lab.bench.situation import (
    ALERT,
    CHAMPION,
    HEALTHY,
    HISTORY,
    INCIDENT,
    LABEL_DELAY,
    SPOILT,
    Situation,
    drawn,
)
from triage.lab.worlds.signals import Signal, healthy_signals, moments, no_deploys
from triage.lab.worlds.story_rows import traffic
from triage.ports import ModelVersion, Registry, Series
from triage.step import Ports

MODEL = "model"
KPI_QUERY = "sum(increase(kpi_sum[1h])) / sum(increase(kpi_count[1h]))"
_HOUR = 3600.0


def world_of(case: Case) -> tuple[Catalog, Ports]:
    """The catalogue and the ports that a diagnosis of ``case`` is given."""
    rng = np.random.default_rng([case.recipe.seed, 99])
    early = drawn(
        case.incident.customer,
        type(HEALTHY)(HISTORY.start, HEALTHY.start),
        rng,
        kpi_is_label=case.incident.kpi_is_label,
    )
    spans = (early, case.healthy, case.incident)
    signals, changes = _signals(case, rng)
    answers = {KPI_QUERY: _kpi(spans), **{one.query: Series({}, one.times, one.values) for one in (*signals, changes)}}
    served = [_served(part, start) for part, start in ((case.healthy, 0), (case.incident, len(case.healthy.times)))]
    labelled = [_labelled(part, start) for part, start in ((case.healthy, 0), (case.incident, len(case.healthy.times)))]
    training = case.incident.customer.training.assign(served_at=pd.Timestamp(HISTORY.start - timedelta(days=30)))
    datasets = {
        "served": _dataset(pd.concat(served, ignore_index=True), "served_at"),
        "labels": _dataset(pd.concat(labelled, ignore_index=True), "labelled_at"),
        "training": _dataset(training, "served_at"),
    }
    if case.with_reference:
        healthy, now = case.healthy, case.incident
        recomputed = pd.concat([healthy.reference, now.reference], ignore_index=True)
        times = np.r_[healthy.times, now.times]
        datasets["reference"] = _dataset(_beside(recomputed, times, 0), "served_at")
    catalog = Catalog.parse(yaml.safe_dump(_document(case, signals, changes)), "triage.yaml", Path())
    ports = Ports(
        metrics=MemoryMetrics({query: [series] for query, series in answers.items()}),
        windows=MemoryWindows(datasets),
        registry=cast(Registry, _registry(case)),
        clock=MemoryClock(ALERT + timedelta(hours=3)),
    )
    return catalog, ports


def _kpi(spans: tuple[Situation, ...]) -> Series:
    """The KPI hour by hour, each point the mean of the hour before it, as counters over all requests show it."""
    times = np.concatenate([part.times for part in spans])
    bad = np.concatenate([part.badness for part in spans])
    sign = -1.0 if spans[0].kpi_is_label else 1.0
    edges = np.arange(HISTORY.start.timestamp(), INCIDENT.end.timestamp() + 1, _HOUR)
    known = np.isfinite(bad)
    total, _ = np.histogram(times[known], edges, weights=bad[known])
    rows, _ = np.histogram(times[known], edges)
    with np.errstate(invalid="ignore"):
        return Series({}, edges[1:], sign * np.where(rows > 0, total / rows, np.nan))


def _signals(case: Case, rng: np.random.Generator) -> tuple[tuple[Signal, ...], Signal]:
    span = HISTORY.start, INCIDENT.end
    times = moments(*span)
    load = traffic(times)
    signals = healthy_signals(rng, MODEL, *span, load, 6.0)
    now = case.incident
    if now.outage:
        down = times >= now.outage_from
        raised = {"error_ratio": np.where(down, now.outage, 0.0), "latency_p99": np.where(down, 0.4, 0.0)}
        for one in signals:
            if one.name in raised:
                one.values[:] += raised[one.name] * rng.uniform(0.8, 1.2, len(times))
    changes = no_deploys(MODEL, *span)
    if now.alias_moved:
        at = now.times[now.version == SPOILT].min()
        changes.values[(times >= at) & (times < at + _HOUR)] = 1.0
    return signals, changes


def _served(part: Situation, start: int) -> pd.DataFrame:
    rows = _beside(part.rows, part.times, start).assign(prediction=part.score, version=part.version)
    return rows[~part.failed]


def _labelled(part: Situation, start: int) -> pd.DataFrame:
    delay = LABEL_DELAY.total_seconds()
    labels = _beside(pd.DataFrame({"label": part.label}), part.times + delay, start)
    return labels.rename(columns={"served_at": "labelled_at"})[part.known & ~part.failed]


def _beside(rows: pd.DataFrame, times: np.ndarray, start: int) -> pd.DataFrame:
    """``rows`` with the time and the key of each."""
    when = pd.to_datetime((times * 1e6).astype("int64"), unit="us", utc=True)
    return rows.reset_index(drop=True).assign(served_at=when, request_id=np.arange(start, start + len(rows)))


def _dataset(rows: pd.DataFrame, time: str) -> MemoryDataset:
    table = pa.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata(None)
    for index, field in enumerate(table.schema):
        if pa.types.is_large_string(field.type):
            table = table.set_column(index, field.name, table.column(index).cast(pa.string()))
    return MemoryDataset(table, time)


def _registry(case: Case) -> MemoryRegistry:
    registry, now = MemoryRegistry(), case.incident
    pool = now.customer
    inputs = {str(name): "double" if pool.pool[name].dtype.kind == "f" else "string" for name in pool.pool}
    made = HISTORY.start - timedelta(days=20)
    registry.add(ModelVersion(MODEL, "1", (), made - timedelta(days=60), inputs=inputs), pool.previous)
    registry.add(ModelVersion(MODEL, CHAMPION, ("champion",), made, inputs=inputs), pool.predict)
    if now.alias_moved and now.spoilt is not None:
        released = ModelVersion(MODEL, SPOILT, ("champion",), INCIDENT.start, inputs=inputs)
        registry.add(released, pool.spoilt[now.spoilt])
    return registry


def _document(case: Case, signals: tuple[Signal, ...], changes: Signal) -> dict[str, Any]:
    now, pool = case.incident, case.incident.customer
    dataset = {"version": "1", "path": "in-memory", "time": "served_at", "key": "request_id"}
    datasets = {"served": dataset, "labels": {**dataset, "time": "labelled_at"}, "training": _without_key(dataset)}
    model: dict[str, Any] = {
        "registered_model": MODEL,
        "task": pool.table.task.value if isinstance(pool.table.task, Task) else pool.table.task,
        "kpi": {
            "name": "outcome" if now.kpi_is_label else "loss",
            "query": KPI_QUERY,
            "direction": "higher_is_better" if now.kpi_is_label else "lower_is_better",
            "target": float(abs(case.healthy.level)),
            "step": "1h",
            "per_row": (PerRow.LABEL if now.kpi_is_label else PerRow.LOSS).value,
        },
        "service_levels": [one.catalogued() for one in signals],
        "changes": [changes.query],
        "serving_log": {"dataset": "served", "prediction": "prediction", "version": "version"},
        "labels": {"dataset": "labels", "column": "label", "delay": "1h"},
        "baseline": {"dataset": "training"},
        "windows": {"incident": "2d", "healthy": "14d"},
        "features": {name: {"source": source} for name, source in pool.table.sources.items()},
        "leave_out": ["request_id", "served_at"],
    }
    if case.with_reference:
        datasets["reference"] = dataset
        model["reference"] = {"dataset": "reference"}
    return {
        "version": 1,
        "prometheus": {"recorded": "in-memory"},
        "registry": {"uri": "sqlite:///in-memory.db"},
        "datasets": datasets,
        "models": {MODEL: model},
    }


def _without_key(dataset: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in dataset.items() if name != "key"}
