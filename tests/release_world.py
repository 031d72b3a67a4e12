"""A shop in memory whose traffic goes on: a champion that picks the wrong offers in `ZH`, and whoever challenges it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from tests.light_world import ALERT, ALERT_AT, CATALOG, LOG_START, PLACES, START, version
from triage.adapters.memory import MemoryClock, MemoryDataset, MemoryMetrics, MemoryRegistry, MemoryWindows
from triage.catalog import Catalog
from triage.desk import Desk
from triage.diagnosis.plan import plan
from triage.incident import Alert, Cause, CauseKind, Diagnosis
from triage.journal import Entry
from triage.lab.traffic.ports import SimulatedMetrics, SimulatedRouter, SimulatedWindows
from triage.lab.traffic.simulation import Pace, Predict, Served, Simulation
from triage.lineage.audit import MANIFEST
from triage.ports import ModelVersion, Registry, Rollout, Router, Series, Trainer, TrainingJob, TrainingState
from triage.reading.challenger import INCIDENT_TAG, JOB_TAG, PLAN_TAG, PROFILE
from triage.step import Ports

FAR = 0.7
CANDIDATES = 8
RELEASE = """\
    training: {command: [train], days: 3, holdout: 12h, min_labelled: 500}
    release:
      stages: [0.1, 0.5]
      interval: 10m
      lag: 0s
      min_intervals: 2
      horizon: 12
      hold: 2h
      guardrails:
        - name: errors
          total: total{version="$version"}[$interval]
          events: errors{version="$version"}[$interval]
          margin: 0.01
        - name: conversion
          total: total{version="$version"}[$interval]
          events: sold{version="$version"}[$interval]
          direction: higher_is_better
          margin: 0.05
      shadow: {min_rows: 300, longest: 12h}
      recovery: {deadline: 24h}
"""
COMPARED = """\
name: story
title: From a compared challenger to a recovered model
steps:
  - {id: stale, uses: mark_stale}
  - {id: release_plan, uses: propose_release, needs: [stale], on_error: needs_person}
  - {id: release_approval, uses: request_approval, needs: [release_plan]}
  - {id: canary, uses: canary, needs: [release_approval], retries: {times: 1}, on_error: needs_person}
  - id: promotion
    uses: promote
    needs: [canary]
    when: [{check: output_is, step: canary, name: passed, at_least: 1}]
    retries: {times: 1}
    on_error: needs_person
  - {id: recovery, uses: watch_recovery, needs: [promotion]}
  - {id: all_clear, uses: review_staleness, needs: [recovery], with: {recovered_by: recovery}}
"""
STORY = """\
name: story
title: From an approved plan to a recovered model
steps:
  - {id: stale, uses: mark_stale}
  - {id: approval, uses: request_approval, needs: [stale]}
  - {id: retrain, uses: retrain, needs: [approval], on_error: needs_person}
  - {id: comparison, uses: compare_challenger, needs: [retrain], on_error: needs_person}
  - id: shadow
    uses: shadow
    needs: [comparison]
    when: [{check: output_is, step: comparison, name: can_release, at_least: 1}]
    retries: {times: 1}
    on_error: needs_person
  - id: release_plan
    uses: propose_release
    needs: [shadow]
    when: [{check: output_is, step: shadow, name: passed, at_least: 1}]
    on_error: needs_person
  - {id: release_approval, uses: request_approval, needs: [release_plan]}
  - {id: canary, uses: canary, needs: [release_approval], retries: {times: 1}, on_error: needs_person}
  - id: promotion
    uses: promote
    needs: [canary]
    when: [{check: output_is, step: canary, name: passed, at_least: 1}]
    retries: {times: 1}
    on_error: needs_person
  - {id: recovery, uses: watch_recovery, needs: [promotion]}
  - {id: all_clear, uses: review_staleness, needs: [recovery], with: {recovered_by: recovery}}
"""


def truth(rows: pd.DataFrame) -> np.ndarray:
    """What sells: bargains, except in `ZH`, where they are mistrusted."""
    far = (rows["place"].astype(str) == "ZH").to_numpy()
    bargain = rows["bargain"].to_numpy(dtype=float)
    return np.where(far, 0.5 - 0.4 * bargain, 0.2 + 0.3 * bargain)


def believed(rows: pd.DataFrame) -> np.ndarray:
    """What the champion learned before `ZH` came."""
    return 0.2 + 0.3 * rows["bargain"].to_numpy(dtype=float)


@dataclass(frozen=True, slots=True)
class Offers:
    """Of eight offers the version shows the one it thinks most of."""

    far: float = FAR

    def serve(self, rng: np.random.Generator, seconds: np.ndarray, predict: Predict) -> Served:
        n, rest = len(seconds), (1 - self.far) / 3
        rows = pd.DataFrame(
            {
                "place": np.repeat(rng.choice(PLACES, n, p=[rest, rest, rest, self.far]), CANDIDATES),
                "bargain": np.round(rng.random(n * CANDIDATES), 3),
                "age": np.repeat(rng.normal(40, 9, n).round(1), CANDIDATES),
            }
        )
        scores = np.asarray(predict(rows)).reshape(n, CANDIDATES)
        best = scores.argmax(axis=1)
        shown = rows.iloc[np.arange(n) * CANDIDATES + best].reset_index(drop=True)
        return Served(shown, scores[np.arange(n), best], truth(shown))


class Trained:
    """A trainer that registers ``predict`` at once, with its lineage, once for each job."""

    def __init__(self, registry: MemoryRegistry, predict: Predict) -> None:
        self.registry, self.predict = registry, predict
        self.jobs: dict[str, TrainingState] = {}

    def start(self, job: TrainingJob) -> None:
        self.jobs[job.key] = TrainingState(running=False, exit_code=0)
        number = str(len(self.registry.versions("shop")) + 1)
        made = version(
            number, aliases=(), tags=dict(job.document["tags"]), run_id=f"run-{number}", source=f"models:/m-{number}"
        )
        self.registry.add(made, self.predict)

    def state(self, key: str) -> TrainingState | None:
        return self.jobs.get(key)

    def cancel(self, key: str) -> None:
        return


class Eventful(Simulation):
    """Traffic before each step of which ``before`` is called, with the step's beginning and what is routed in it."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.before: list[Callable[[float, Rollout], None]] = []

    def _step(self, begin: float, rollout: Rollout) -> None:
        for happens in self.before:
            happens(begin, rollout)
        super()._step(begin, rollout)


@dataclass
class World:
    """Everything is open to be spoilt before `desk` connects to it."""

    challenger: Predict = truth
    failing: dict[str, float] = field(default_factory=dict)
    text: str = CATALOG + RELEASE
    shop: Offers = field(default_factory=Offers)
    after: timedelta = timedelta(hours=3)
    requests_per_hour: float = 40_000

    def __post_init__(self) -> None:
        self.clock = MemoryClock(ALERT_AT + self.after)
        self.registry = MemoryRegistry()
        self.registry.add(version(run_id="run-1", source="models:/m-1"), believed)
        self.router = SimulatedRouter({"shop": Rollout("1")})
        self.trainer: Trainer = Trained(self.registry, self.challenger)
        self.simulation = Eventful(
            self.shop,
            Pace(240, self.requests_per_hour, 1800, failing=self.failing),
            self.clock,
            lambda: self.router._rollouts["shop"],
            lambda number: self.registry.predictor(self.registry.version("shop", number)).answer,
            np.random.default_rng(11),
            ALERT_AT,
            first_key=10**7,
        )
        self.router.simulation = self.simulation
        self.tables, self.recorded = _recorded()

    def catalog(self, folder: Path) -> Catalog:
        return Catalog.parse(self.text, "triage.yaml", folder)

    def connect(self, catalog: Catalog) -> Ports:
        model = catalog.model("shop")
        windows = MemoryWindows({name: MemoryDataset(table, TIMES[name]) for name, table in self.tables.items()})
        metrics = MemoryMetrics({"kpi": self.recorded, **healthy_levels()})
        return Ports(
            metrics=SimulatedMetrics(metrics, self.simulation, model, ALERT_AT.timestamp()),
            windows=SimulatedWindows(windows, self.simulation, catalog, model),
            registry=self.registry,
            clock=self.clock,
            trainer=self.trainer,
            router=self.router,
        )

    def desk(self, home: Path, wrapped: Callable[[Ports], Ports] = lambda ports: ports) -> Desk:
        return Desk(home, self.clock, lambda catalog: wrapped(self.connect(catalog)))

    def opened(self, home: Path, playbook: str = STORY, *, requested_by: str = "bob") -> tuple[Desk, str]:
        """A desk, and an incident of `ZH` with a plan to retrain, before its first step."""
        (home / "playbooks").mkdir(parents=True, exist_ok=True)
        (home / "playbooks" / "story.yaml").write_text(playbook)
        desk = self.desk(home)
        alert: Alert = replace(ALERT, requested_by=requested_by)
        name = desk.receive(alert, self.catalog(home), playbook="story").incident
        cause = Cause(CauseKind.FEATURE_DRIFT, "place", 0.9, 1.0, "place moved")
        diagnosis = Diagnosis("place moved", (cause,))
        made = plan(diagnosis, "shop", "1", ())
        desk.journal.append(name, [Entry("diagnosed", {"diagnosis": diagnosis}), Entry("planned", {"plan": made})])
        return desk, name

    def compared(self, home: Path, playbook: str = COMPARED) -> tuple[Desk, str]:
        """A desk, and an incident whose challenger, version 2, has passed its comparison; nothing else ran."""
        desk, name = self.opened(home, playbook)
        tags = {JOB_TAG: f"{name}/retrain", INCIDENT_TAG: name, PLAN_TAG: "sha256:1"}
        made = version("2", aliases=(), run_id="run-2", source="models:/m-2", tags=tags)
        self.registry.add(made, self.challenger)
        for artifact in (MANIFEST, PROFILE):
            self.registry.save_artifact(made, artifact, b"{}")
        scope = {"metrics": [{"metric": "log_loss", "champion": 0.6}]}
        outputs = {"verdict": "pass", "passed": 1.0, "can_release": 1.0, "champion": "1", "challenger": "2"}
        desk.journal.append(
            name, forged("comparison", "compare_challenger", **outputs, report={"windows": [{"scopes": [scope]}]})
        )
        return desk, name

    def served(self) -> tuple[str, str]:
        """The alias's version and the router's champion."""
        return self.registry.champion("shop", "champion").version, self.router._rollouts["shop"].champion


def forged(step: str, uses: str, **outputs: object) -> list[Entry]:
    """The records of a step that never ran."""
    return [
        Entry("step_started", {"step": step, "uses": uses, "attempt": 1, "key": step}),
        Entry("step_finished", {"step": step, "outcome": "done", "outputs": outputs, "evidence": []}),
    ]


TIMES = {"log": "at", "truth": "arrived", "training": "at"}


def _recorded() -> tuple[dict[str, pa.Table], tuple[Series, ...]]:
    """What the champion answered up to the alert, and the KPI of 30 days."""
    rng = np.random.default_rng(7)
    parts = []
    for begin, hours, far in ((LOG_START, 14 * 24, 0.1), (START, 48, FAR)):
        seconds = np.sort(begin.timestamp() + rng.random(hours * 60) * hours * 3600)
        served = Offers(far).serve(rng, seconds, believed)
        at = pd.to_datetime((seconds * 1e6).astype("int64"), unit="us", utc=True).as_unit("us")
        label = (rng.random(len(seconds)) < served.chances).astype("int64")
        parts.append(served.rows.assign(at=at, score=served.scores, served_by="1", bought=label))
    log = pd.concat(parts, ignore_index=True).assign(id=lambda rows: np.arange(len(rows)))
    labels = pd.DataFrame({"id": log["id"], "arrived": log["at"] + pd.Timedelta(minutes=30), "bought": log["bought"]})
    tables = {
        "log": log[["id", "at", "place", "bargain", "age", "score", "served_by"]],
        "truth": labels,
        "training": log[log["at"] < pd.Timestamp(START)].head(2000)[["at", "place", "bargain", "age"]],
    }
    hours = np.arange(30 * 24 + 1) - 28 * 24
    level = np.where(hours > 0, 0.241, 0.435) * (1 + 0.01 * rng.standard_normal(hours.size))
    kpi = (Series({}, START.timestamp() + hours * 3600.0, level),)
    return {name: pa.Table.from_pandas(rows, preserve_index=False) for name, rows in tables.items()}, kpi


def healthy_levels() -> dict[str, tuple[Series, ...]]:
    """Latency and errors of the fortnight before the alert, every five minutes."""
    times = ALERT_AT.timestamp() - np.arange(14 * 288)[::-1] * 300.0
    return {
        "latency": (Series({}, times, np.full(times.size, 0.1)),),
        "errors": (Series({}, times, np.full(times.size, 0.001)),),
    }


def old(number: str) -> ModelVersion:
    return version(number, aliases=())


def ports_of(ports: Ports, *, registry: Registry | None = None, router: Router | None = None) -> Ports:
    return replace(ports, registry=registry or ports.registry, router=router or ports.router)
