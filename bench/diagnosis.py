"""How much processor time a diagnosis takes beside the scan: many features, many rows, everything in memory.

``python -m bench.diagnosis [--features 100] [--rows 1000000]``: an incident of two days with ``rows`` rows, a healthy
span of twelve days with as many, a model of boosted trees, labels for all rows, and one feature in another unit. The
scan is the reading of windows and labels, each of which is also what profiles and samples them.
"""

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
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
from triage.reading import labels, windows
from triage.step import Ports

START = datetime(2026, 11, 18, tzinfo=UTC)
INCIDENT = Window(START, START + timedelta(days=2))
HEALTHY = Window(START - timedelta(days=12), START)
KPI = "sum(increase(loss_sum[1h])) / sum(increase(loss_count[1h]))"
WORDS = ("red", "green", "blue", "grey", "black")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--features", type=int, default=100)
    parser.add_argument("--rows", type=int, default=1_000_000)
    asked = parser.parse_args()
    spent: dict[str, float] = defaultdict(float)
    catalog, ports = world(asked.features, asked.rows)
    with tempfile.TemporaryDirectory() as home, scans_timed(spent):
        began = time.process_time()
        incident = diagnosed(Path(home), catalog, ports)
        whole = time.process_time() - began
    print(f"{asked.features} features, {asked.rows:,} rows in the incident and as many before it\n")
    print("| what | processor s |\n|---|---|")
    print(f"| whole diagnosis, through the desk and the journal | {whole:.1f} |")
    print(f"| of it the scan: reading, profiling and sampling windows, joining labels | {spent['scan']:.1f} |")
    print(f"| after the scan (target ≤ 10) | {whole - spent['scan']:.1f} |")
    assert incident.diagnosis is not None
    print(f"\n{incident.diagnosis.statement}")


def diagnosed(home: Path, catalog: Catalog, ports: Ports) -> Incident:
    desk = Desk(home, ports.clock, lambda _: ports)
    receipt = desk.receive(Alert("ModelQualityDrop", "m", INCIDENT.end, origin="bench"), catalog, window=INCIDENT)
    incident = desk.advance(receipt.incident)
    desk.journal.close()
    return incident


@contextmanager
def scans_timed(spent: dict[str, float]) -> Iterator[None]:
    """What reading costs, added up in ``spent``; reading within reading counts once."""
    inside = [False]

    def timed(call: Callable[..., Any]) -> Callable[..., Any]:
        def read(*given: Any, **named: Any) -> Any:
            if inside[0]:
                return call(*given, **named)
            inside[0], began = True, time.process_time()
            try:
                return call(*given, **named)
            finally:
                inside[0] = False
                spent["scan"] += time.process_time() - began

        return read

    places = ((windows, "read_window"), (windows, "_baseline"), (windows, "_own_edges"), (labels, "join_labels"))
    kept = [(module, name, getattr(module, name)) for module, name in places]
    for module, name, call in kept:
        setattr(module, name, timed(call))
    try:
        yield
    finally:
        for module, name, call in kept:
            setattr(module, name, call)


def world(features: int, rows: int) -> tuple[Catalog, Ports]:
    rng = np.random.default_rng(0)
    texts = [f"word{place}" for place in range(features // 10)]
    numbers = [f"number{place}" for place in range(features - len(texts))]
    names = [*numbers, *texts]
    taste = np.r_[np.linspace(1.5, 0.1, 12), np.zeros(len(numbers) - 12)]

    def drawn(count: int, window: Window) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
        common = rng.normal(0, 1, count).astype(np.float32)
        columns = {name: 0.4 * common + rng.normal(10, 1, count) for name in numbers}
        raised = sum(by * (columns[name] - 10) for name, by in zip(numbers, taste, strict=True) if by)
        label = (rng.random(count) < 1 / (1 + np.exp(-np.asarray(raised)))).astype(float)
        columns |= {name: np.array(WORDS)[rng.integers(0, len(WORDS), count)] for name in texts}
        at = np.sort(rng.uniform(window.start.timestamp(), window.end.timestamp(), count))
        return columns, label, at

    learnt, known, _ = drawn(20_000, HEALTHY)
    frame = pd.DataFrame(learnt)
    predict = fitted(Task.CLASSIFICATION, "trees", frame, known, seed=1)
    served, truth, losses = [], [], []
    for place, window in enumerate((HEALTHY, INCIDENT)):
        columns, label, at = drawn(rows, window)
        if place:
            columns[numbers[0]] = columns[numbers[0]] * 1.609344
        table = pd.DataFrame(columns)
        score = predict(table)
        when = pd.to_datetime((at * 1e6).astype("int64"), unit="us", utc=True)
        key = np.arange(place * rows, (place + 1) * rows)
        served.append(_table(table.assign(at=when, id=key, prediction=score, version="1")))
        truth.append(_table(pd.DataFrame({"id": key, "arrived": when + timedelta(hours=1), "label": label})))
        losses.append((at, np.square(label - score)))
        del table, columns
    datasets = {
        "served": MemoryDataset(pa.concat_tables(served), "at"),
        "labels": MemoryDataset(pa.concat_tables(truth), "arrived"),
        "training": MemoryDataset(_table(frame.assign(at=pd.Timestamp(HEALTHY.start - timedelta(days=30)))), "at"),
    }
    inputs = {name: "string" if name in texts else "double" for name in names}
    registry = MemoryRegistry()
    registry.add(ModelVersion("m", "1", ("champion",), HEALTHY.start, inputs=inputs), predict)
    load = np.ones(len(moments(HEALTHY.start, INCIDENT.end)))
    signals = healthy_signals(rng, "m", HEALTHY.start, INCIDENT.end, load, 6.0)
    changes = no_deploys("m", HEALTHY.start, INCIDENT.end)
    answers = {one.query: [Series({}, one.times, one.values)] for one in (*signals, changes)}
    answers[KPI] = [_hourly(losses)]
    clock = MemoryClock(INCIDENT.end + timedelta(hours=3))
    dataset = {"version": "1", "path": "in-memory", "time": "at", "key": "id"}
    training = {name: value for name, value in dataset.items() if name != "key"}
    document = {
        "version": 1,
        "prometheus": {"recorded": "in-memory"},
        "registry": {"uri": "sqlite:///in-memory.db"},
        "datasets": {"served": dataset, "labels": {**dataset, "time": "arrived"}, "training": training},
        "models": {
            "m": {
                "registered_model": "m",
                "task": "classification",
                "kpi": {
                    "name": "loss", "query": KPI, "direction": "lower_is_better", "target": 1.0, "step": "1h",
                    "per_row": "loss",
                },
                "service_levels": [one.catalogued() for one in signals],
                "changes": [changes.query],
                "serving_log": {"dataset": "served", "prediction": "prediction", "version": "version"},
                "labels": {"dataset": "labels", "column": "label", "delay": "1h"},
                "baseline": {"dataset": "training"},
                "windows": {"incident": "2d", "healthy": "12d"},
                "features": {name: {"source": f"table{place % 7}"} for place, name in enumerate(names)},
                "leave_out": ["id", "at"],
            }
        },
    }  # fmt: skip
    catalog = Catalog.parse(yaml.safe_dump(document), "triage.yaml", Path())
    return catalog, Ports(MemoryMetrics(answers), MemoryWindows(datasets), cast(Registry, registry), clock)


def _table(rows: pd.DataFrame) -> pa.Table:
    table = pa.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata(None)
    for place, column in enumerate(table.schema):
        if pa.types.is_large_string(column.type):
            table = table.set_column(place, column.name, table.column(place).cast(pa.string()))
    return table


def _hourly(losses: list[tuple[np.ndarray, np.ndarray]]) -> Series:
    at, loss = (np.concatenate(parts) for parts in zip(*losses, strict=True))
    edges = np.arange(HEALTHY.start.timestamp(), INCIDENT.end.timestamp() + 1, 3600.0)
    total, count = np.histogram(at, edges, weights=loss)[0], np.histogram(at, edges)[0]
    return Series({}, edges[1:], total / np.maximum(count, 1))


if __name__ == "__main__":
    main()
