"""Real rows as a model on call: served, scored and labelled at their own times, everything in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import yaml

from triage.adapters.memory import MemoryClock, MemoryDataset, MemoryMetrics, MemoryRegistry, MemoryWindows
from triage.catalog import Catalog, Task
from triage.desk import Desk
from triage.incident import Alert, Incident, Window
from triage.lab.bench.model import fitted
from triage.lab.worlds.signals import healthy_signals, moments, no_deploys
from triage.ports import ModelVersion, Registry, Series
from triage.step import Ports

KPI = "sum(increase(loss_sum[1h])) / sum(increase(loss_count[1h]))"


@dataclass(frozen=True, slots=True)
class RealWorld:
    """``learnt`` and ``served`` hold the features, ``label`` and ``at`` (UTC); ``reference`` the served rows as the
    feature pipeline computes them. The model is of boosted trees, fitted on ``learnt``."""

    learnt: pd.DataFrame
    served: pd.DataFrame
    incident: Window
    task: Task
    sources: Mapping[str, str]
    windows: Mapping[str, str]
    reference: pd.DataFrame | None = None
    left_out: tuple[str, ...] = ()
    model: dict[str, Any] = field(default_factory=dict)

    def diagnose(self, home: Path) -> Incident:
        catalog, ports = self._catalog(), self._ports()
        desk = Desk(home, ports.clock, lambda _: ports)
        alert = Alert("ModelQualityDrop", "m", self.incident.end, origin="test")
        receipt = desk.receive(alert, catalog, playbook="model_quality_drop", window=self.incident)
        incident = desk.advance(receipt.incident)
        desk.journal.close()
        return incident

    @property
    def _inputs(self) -> list[str]:
        return [*self.sources, *self.left_out]

    def _ports(self) -> Ports:
        learnt = _typed(self.learnt[self._inputs])
        predict = fitted(self.task, "trees", learnt, self.learnt["label"].to_numpy(dtype=float), seed=1)
        rows = _typed(self.served[self._inputs]).assign(
            id=np.arange(len(self.served)), at=self.served["at"].to_numpy(), prediction=0.0, version="1"
        )
        rows["at"] = pd.to_datetime(rows["at"], utc=True).dt.as_unit("us")
        rows["prediction"] = predict(rows[self._inputs])
        label = self.served["label"].to_numpy(dtype=float)
        truth = pd.DataFrame({"id": rows["id"], "arrived": rows["at"] + timedelta(hours=1), "label": label}).dropna()
        datasets = {
            "served": _dataset(rows, "at"),
            "labels": _dataset(truth, "arrived"),
            "training": _dataset(learnt.assign(at=rows["at"].min() - timedelta(days=30)), "at"),
        }
        if self.reference is not None:
            again = _typed(self.reference[list(self.sources)]).assign(id=rows["id"], at=rows["at"])
            datasets["reference"] = _dataset(again, "at")
        registry = MemoryRegistry()
        inputs = {name: "double" if learnt[name].dtype.kind == "f" else "string" for name in self._inputs}
        made = rows["at"].min().to_pydatetime() - timedelta(days=20)
        registry.add(ModelVersion("m", "1", ("champion",), made, inputs=inputs), predict)
        return Ports(
            metrics=MemoryMetrics({query: [series] for query, series in self._answers(rows, label).items()}),
            windows=MemoryWindows(datasets),
            registry=cast(Registry, registry),
            clock=MemoryClock(self.incident.end + timedelta(hours=3)),
        )

    def _answers(self, rows: pd.DataFrame, label: np.ndarray) -> dict[str, Series]:
        loss = np.square(label - rows["prediction"].to_numpy())
        at = rows["at"].astype("int64").to_numpy() / 1e6
        start, end = rows["at"].min().floor("h"), self.incident.end
        edges = np.arange(start.timestamp(), end.timestamp() + 1, 3600.0)
        known = np.isfinite(loss)
        total, count = np.histogram(at[known], edges, weights=loss[known])[0], np.histogram(at[known], edges)[0]
        with np.errstate(invalid="ignore", divide="ignore"):
            answers = {KPI: Series({}, edges[1:], np.where(count > 0, total / count, np.nan))}
        for one in (*self._signals(start.to_pydatetime()), no_deploys("m", start.to_pydatetime(), end)):
            answers[one.query] = Series({}, one.times, one.values)
        return answers

    def _signals(self, start: datetime) -> Any:
        load = np.ones(len(moments(start, self.incident.end)))
        return healthy_signals(np.random.default_rng(0), "m", start, self.incident.end, load, 6.0)

    def _catalog(self) -> Catalog:
        dataset = {"version": "1", "path": "in-memory", "time": "at", "key": "id"}
        datasets = {"served": dataset, "labels": {**dataset, "time": "arrived"}, "training": {**dataset}}
        datasets["training"].pop("key")
        start = self.served["at"].min().floor("h").to_pydatetime()
        model: dict[str, Any] = {
            "registered_model": "m",
            "task": self.task.value,
            "kpi": {
                "name": "loss", "query": KPI, "direction": "lower_is_better", "target": 1.0, "step": "1h",
                "per_row": "loss",
            },
            "service_levels": [one.catalogued() for one in self._signals(start)],
            "changes": [no_deploys("m", start, self.incident.end).query],
            "serving_log": {"dataset": "served", "prediction": "prediction", "version": "version"},
            "labels": {"dataset": "labels", "column": "label", "delay": "1h"},
            "baseline": {"dataset": "training"},
            "windows": dict(self.windows),
            "features": {name: {"source": source} for name, source in self.sources.items()},
            "leave_out": ["id", "at", *self.left_out],
            **self.model,
        }  # fmt: skip
        if self.reference is not None:
            datasets["reference"] = dataset
            model["reference"] = {"dataset": "reference"}
        document = {
            "version": 1,
            "prometheus": {"recorded": "in-memory"},
            "registry": {"uri": "sqlite:///in-memory.db"},
            "datasets": datasets,
            "models": {"m": model},
        }
        return Catalog.parse(yaml.safe_dump(document), "triage.yaml", Path())


def _typed(rows: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            name: rows[name].astype(float)
            if pd.api.types.is_numeric_dtype(rows[name]) and not pd.api.types.is_bool_dtype(rows[name])
            else rows[name].astype("str").where(rows[name].notna())
            for name in rows
        }
    ).reset_index(drop=True)


def _dataset(rows: pd.DataFrame, time: str) -> MemoryDataset:
    table = pa.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata(None)
    for index, column in enumerate(table.schema):
        if pa.types.is_large_string(column.type):
            table = table.set_column(index, column.name, table.column(index).cast(pa.string()))
    return MemoryDataset(table, time)
