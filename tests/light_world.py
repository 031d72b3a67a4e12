"""A model on call in memory: a small serving log whose `place` shifted, and healthy infrastructure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from triage.adapters.memory import MemoryClock, MemoryDataset, MemoryMetrics, MemoryRegistry, MemoryWindows
from triage.catalog import Catalog
from triage.desk import Desk
from triage.incident import Alert, Incident
from triage.ports import Clock, Metrics, ModelVersion, Registry, Series, Windows
from triage.step import Ports

ALERT_AT = datetime(2026, 11, 4, tzinfo=UTC)
START = ALERT_AT - timedelta(hours=48)
LOG_START = START - timedelta(days=14)
CATALOG = """\
version: 1
prometheus: {url: "http://127.0.0.1:9"}
registry: {uri: "sqlite:///mlflow.db"}
datasets:
  log: {version: "1", path: log, time: at, key: id}
  truth: {version: "1", path: truth, time: arrived, key: id}
  training: {version: "7", path: training, time: at}
models:
  shop:
    registered_model: shop
    task: classification
    kpi: {name: conversion, query: kpi, direction: higher_is_better, target: 0.3, unit: ratio, per_row: label}
    service_levels:
      - {name: latency, kind: latency, query: latency, direction: lower_is_better, target: 0.2, unit: seconds}
      - {name: errors, kind: errors, query: errors, direction: lower_is_better, target: 0.01, unit: ratio}
    serving_log: {dataset: log, prediction: score, version: served_by}
    labels: {dataset: truth, column: bought, delay: 1h}
    baseline: {dataset: training}
    features: {place: {type: categorical, segment: true}}
"""
ALERT = Alert("ModelQualityDrop", "shop", ALERT_AT, summary="conversion fell")
PLACES = np.array(["BE", "BS", "GE", "ZH"])


def answer(rows: pd.DataFrame) -> np.ndarray:
    """The model: bargains sell, and hardly anything sells in `ZH`."""
    far = (rows["place"].astype(str) == "ZH").to_numpy()
    return np.clip(0.2 + 0.3 * rows["bargain"].to_numpy(dtype=float) - 0.15 * far, 0.01, 0.99)


def frame(start: datetime, hours: int, per_hour: int, far: float, rng: np.random.Generator, first: int) -> pd.DataFrame:
    """``per_hour`` served rows in each hour from ``start`` on, of which the share ``far`` comes from `ZH`."""
    count = hours * per_hour
    rest = (1 - far) / 3
    rows = pd.DataFrame(
        {
            "id": [f"r{first + index}" for index in range(count)],
            "at": pd.to_datetime(start) + pd.to_timedelta(np.arange(count) * 3600 / per_hour, unit="s"),
            "place": rng.choice(PLACES, count, p=[rest, rest, rest, far]),
            "bargain": np.round(rng.random(count), 3),
            "age": rng.normal(40, 9, count).round(1),
            "served_by": "1",
        }
    )
    return rows.assign(score=answer(rows))


def series(level: float, drop: float, rng: np.random.Generator) -> tuple[Series, ...]:
    """Hourly points of 30 days around ``level``, lower by the fraction ``drop`` in the incident."""
    hours = np.arange(30 * 24) - 28 * 24
    values = level * (1 + 0.02 * rng.standard_normal(hours.size)) * np.where(hours >= 0, 1 - drop, 1.0)
    return (Series({}, START.timestamp() + hours * 3600.0, values),)


@dataclass(slots=True)
class World:
    """``tables`` and ``answers`` may be spoilt before a desk is opened; ``ports`` may be replaced whole."""

    tables: dict[str, pa.Table]
    answers: dict[str, tuple[Series, ...]]
    registry: Registry
    clock: Clock = field(default_factory=lambda: MemoryClock(ALERT_AT + timedelta(hours=3)))
    metrics: Metrics | None = None
    windows: Windows | None = None
    text: str = CATALOG

    def catalog(self, folder: Path) -> Catalog:
        return Catalog.parse(self.text, "triage.yaml", folder)

    def connect(self, catalog: Catalog) -> Ports:
        data = {name: MemoryDataset(table, catalog.dataset(name).time) for name, table in self.tables.items()}
        return Ports(
            metrics=self.metrics or MemoryMetrics(self.answers),
            windows=self.windows or MemoryWindows(data),
            registry=self.registry,
            clock=self.clock,
        )

    def desk(self, home: Path) -> Desk:
        return Desk(home, self.clock, self.connect)

    def run(self, home: Path, playbook: str | None = None) -> Incident:
        """The incident of `ALERT`, worked on until it is settled."""
        desk = self.desk(home)
        return desk.advance(desk.receive(ALERT, self.catalog(home), playbook=playbook).incident)

    def keep_pipeline(self, rows: pd.DataFrame) -> None:
        """``rows`` of the log are what the feature pipeline computes: the model's reference."""
        kept = rows[["id", "at", "place", "bargain", "age"]]
        self.tables["pipeline"] = pa.Table.from_pandas(kept, preserve_index=False)
        text = self.text.replace("models:", '  pipeline: {version: "1", path: pipeline, time: at, key: id}\nmodels:')
        self.text = text.replace("    baseline:", "    reference: {dataset: pipeline}\n    baseline:")

    def change(self, table: str, **columns: Callable[[pd.DataFrame], object]) -> None:
        """Replace columns of ``table`` by what each function makes of its rows."""
        rows = self.tables[table].to_pandas()
        made: Mapping[str, object] = {name: make(rows) for name, make in columns.items()}
        self.tables[table] = pa.Table.from_pandas(rows.assign(**made), preserve_index=False)


def version(number: str = "1", **changes: object) -> ModelVersion:
    fields: dict[str, object] = {
        "name": "shop",
        "version": number,
        "aliases": ("champion",),
        "inputs": {"place": "string", "bargain": "double", "age": "double"},
        "tags": {},
    }
    return ModelVersion(**{**fields, **changes})  # type: ignore[arg-type]


def registry() -> MemoryRegistry:
    """A registry whose champion is version 1 of `shop`."""
    made = MemoryRegistry()
    made.add(version(), answer)
    return made


def world(per_hour: int = 12, far: float = 0.7) -> World:
    """The same world every time; ``far`` is the share of `ZH` in the incident, 0.1 before."""
    rng = np.random.default_rng(7)
    served = pd.concat(
        [
            frame(LOG_START, 14 * 24, per_hour, 0.1, rng, 0),
            frame(START, 48, per_hour, far, rng, 10**6),
        ],
        ignore_index=True,
    )
    truth = pd.DataFrame(
        {
            "id": served["id"],
            "arrived": served["at"] + pd.Timedelta(minutes=30),
            "bought": (rng.random(len(served)) < served["score"]).astype("int64"),
        }
    )
    training = frame(LOG_START - timedelta(days=30), 100, per_hour, 0.1, rng, 2 * 10**6)
    tables = {"log": served, "truth": truth, "training": training[["at", "place", "bargain", "age"]]}
    lost = (far - 0.1) * 0.15 / 0.335
    return World(
        tables={name: pa.Table.from_pandas(rows, preserve_index=False) for name, rows in tables.items()},
        answers={
            "kpi": series(0.335, lost, rng),
            "latency": series(0.08, 0.0, rng),
            "errors": series(0.002, 0.0, rng),
        },
        registry=registry(),
    )
