"""A model on call and proposals for it, without any server."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from triage.catalog import Catalog, Model
from triage.incident import Alert, Cause, CauseKind, Diagnosis, Incident, Source, Window
from triage.ports import Series
from triage.prevention.backtest import History, Occasion
from triage.prevention.nouns import Proposal, RuleKind
from triage.prevention.propose import propose
from triage.prevention.signals import signals

AT = datetime(2026, 11, 4, tzinfo=UTC)
WINDOW = Window(AT - timedelta(hours=48), AT)
HEALTHY = Window(WINDOW.start - timedelta(days=28), WINDOW.start)
OCCASION = Occasion(HEALTHY, WINDOW, AT)
HOSTILE = "a\"b\\c {{ .Labels }} \x1b[2J\n' : #"
CATALOG = """\
version: 1
prometheus: {url: "http://127.0.0.1:9"}
registry: {uri: "sqlite:///mlflow.db"}
datasets:
  log: {version: "1", path: log, time: at, key: id}
  training: {version: "7", path: training, time: at}
models:
  MODEL:
    registered_model: shop
    task: classification
    kpi: {name: conversion, query: "sum(rate(sold_total[5m])) / sum(rate(shown_total[5m]))", target: 0.09,
      direction: higher_is_better, unit: ratio, step: 1m}
    service_levels:
      - {name: latency_p99, kind: latency, query: "histogram_quantile(0.99, sum by (le) (rate(l_bucket[5m])))",
         direction: lower_is_better, target: 0.25, unit: seconds, step: 1m}
      - {name: error_ratio, kind: errors, query: "sum(rate(bad_total[5m])) / sum(rate(all_total[5m]))",
         direction: lower_is_better, target: 0.005, unit: ratio, step: 1m}
      - {name: throughput, kind: throughput, query: "sum(rate(all_total[5m]))", direction: higher_is_better,
         target: 0.5, unit: requests/s, step: 1m}
    serving_log: {dataset: log, prediction: score}
    labels: {dataset: log, column: bought}
    baseline: {dataset: training}
    reference: {dataset: log}
    watch: {window: 6m, every: 1m}
    features:
      place: {type: categorical, source: profiles}
"""


def model(name: str = "shop") -> Model:
    import json

    text = CATALOG.replace("  MODEL:", f"  {json.dumps(name)}:")
    return Catalog.parse(text, "triage.yaml", Path("/nowhere")).model(name)


def incident(of: Model, kind: CauseKind = CauseKind.FEATURE_DRIFT, subject: str = "place") -> Incident:
    diagnosis = Diagnosis("it moved", (Cause(kind, subject, 0.9, 1.0, "it moved"),))
    return Incident(
        f"{of.name}-1", of.name, Alert("ModelQualityDrop", of.name, AT), WINDOW, "", "", "", AT, AT, diagnosis=diagnosis
    )


def past(healthy: float, now: float, *, noise: float = 0.0, step: float = 3_600.0, gap: bool = False) -> History:
    """A figure at ``healthy`` with ``noise`` (relative), and at ``now`` in the incident."""
    times = np.arange(HEALTHY.start.timestamp() + step, WINDOW.end.timestamp(), step)
    rng = np.random.default_rng(5)
    values = np.where(times >= WINDOW.start.timestamp(), now, healthy * (1 + noise * rng.standard_normal(len(times))))
    return History(Series({}, times, np.full(len(times), np.nan) if gap else values), Source("query", "q"), step)


_LEVELS = {
    RuleKind.PSI: (0.02, 1.2),
    RuleKind.KPI: (0.1, 0.08),
    RuleKind.PARITY: (1.0, 1.0),
    RuleKind.LABELS: (0.99, 0.99),
    RuleKind.METRIC: (0.3, 0.3),
    RuleKind.ROWS: (2_000.0, 2_000.0),
    RuleKind.FRESHNESS: (60.0, 60.0),
    RuleKind.BURN: (0.2, 0.2),
}


def proposal(of: Model, kind: CauseKind = CauseKind.FEATURE_DRIFT, subject: str = "place") -> Proposal:
    """Every rule there is, each on a quiet history."""
    happened = incident(of, kind, subject)
    found = signals(of, happened, (subject, "age"), frozenset({subject}))
    levels = {"latency_p99": (0.1, 0.1), "error_ratio": (0.001, 0.001), "throughput": (5.0, 5.0)}
    histories: dict[str, History | str] = {
        one.name: past(*(levels[one.subject] if one.kind is RuleKind.LEVEL else _LEVELS.get(one.kind, (0.0, 0.0))))
        for one in found
    }
    return propose(happened, found, histories, OCCASION, most_false_alarms=1)
