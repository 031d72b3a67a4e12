import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from triage.adapters.memory import (
    MemoryClock,
    MemoryDataset,
    MemoryMetrics,
    MemoryRegistry,
    MemoryRouter,
    MemoryWindows,
)
from triage.catalog import Catalog
from triage.doctor import Check, run_checks
from triage.errors import Refused, SourceUnavailable
from triage.ports import ModelVersion, Rollout, Series
from triage.starter import init_text
from triage.step import Ports

NOW = datetime(2026, 11, 3, tzinfo=UTC)
N = 600


def catalog() -> Catalog:
    text = init_text().replace("# version: model_version", "version: model_version")
    return Catalog.parse(text, "triage.yaml", Path("/somewhere"))


def table(**more: list) -> pa.Table:
    times = [NOW - timedelta(minutes=5 * (N - n)) for n in range(N)]
    columns = {"served_at": times, "request_id": list(range(N)), "x": list(np.linspace(0, 1, N)), "place": ["a"] * N}
    return pa.table(columns | more)


def ports(metrics: bool = True, inputs: dict[str, str] | None = None, **tables: pa.Table) -> Ports:
    log = tables.get("log", table(score=list(np.linspace(0, 1, N)), model_version=["3"] * N))
    labels = tables.get(
        "labels", table(label=[1] * N).rename_columns(["labelled_at", "request_id", "x", "place", "label"])
    )
    registry = MemoryRegistry()
    kept = ModelVersion("my_model", "3", ("champion",), inputs=inputs or {"x": "double", "place": "string"})
    registry.add(kept, lambda rows: rows["x"])
    times = NOW.timestamp() - 300.0 * np.arange(300)[::-1]
    hourly = times[times % 3600 == 0]
    model = catalog().model("my_model")
    series = {level.query: [Series({}, hourly, np.ones(len(hourly)))] for level in model.service_levels}
    series[model.kpi.query] = [Series({}, hourly, np.ones(len(hourly)))]
    return Ports(
        metrics=MemoryMetrics(series if metrics else {}),
        windows=MemoryWindows(
            {
                "serving_log": MemoryDataset(log, "served_at"),
                "labels": MemoryDataset(labels, "labelled_at"),
                "training": MemoryDataset(tables.get("training", table()), "served_at"),
            }
        ),
        registry=registry,
        clock=MemoryClock(NOW),
    )


ROUTED = """\
    router: {kind: envoy, folder: rollout, admin: "http://e", servers: {a: ["http://a"], b: ["http://b"]}}
    training: {command: [no-such-program, train.py]}
    baseline:"""


def routed(world: Ports) -> dict[str, Check]:
    text = catalog().text.replace("    baseline:", ROUTED)
    found = Catalog.parse(text, "triage.yaml", Path("/somewhere"))
    return {check.what: check for check in run_checks(found, world, patience_seconds=30.0)}


def test_a_router_that_serves_what_the_alias_names_is_well_and_one_that_does_not_is_said() -> None:
    found = routed(replace(ports(), router=MemoryRouter({"my_model": Rollout("3")})))["my_model: router"]
    assert (found.status, found.detail) == ("ok", "in memory, version 3 serves")
    found = routed(replace(ports(), router=MemoryRouter({"my_model": Rollout("2")})))["my_model: router"]
    assert found.status == "warning"
    assert "alias 'champion' names version 3" in found.detail
    away = MemoryRouter({"my_model": Rollout("3")})
    away.away = True
    assert routed(replace(ports(), router=away))["my_model: router"].status == "failed"


def test_a_training_program_that_is_not_there_is_said() -> None:
    found = routed(replace(ports(), router=MemoryRouter({})))["my_model: training"]
    assert (found.status, found.detail) == ("failed", "there is no program 'no-such-program'")


def checks(world: Ports, patience_seconds: float = 30.0) -> dict[str, Check]:
    return {check.what: check for check in run_checks(catalog(), world, patience_seconds=patience_seconds)}


def test_a_healthy_world_has_nothing_to_mend() -> None:
    wrong = [check for check in checks(ports()).values() if check.status != "ok" and "playbook" not in check.what]
    assert wrong == []


@pytest.mark.parametrize(
    ("world", "what", "status", "says"),
    [
        (lambda: ports(metrics=False), "my_model: query of conversion", "failed", "no answer to the query"),
        (
            lambda: ports(log=table(scor=[0.5] * N, model_version=["3"] * N)),
            "my_model: serving log",
            "failed",
            "'score'",
        ),
        (lambda: ports(inputs={"x": "double", "z": "double"}), "my_model: signature and serving log", "failed", "z"),
        (lambda: ports(inputs={"x": "string"}), "my_model: signature and baseline", "warning", "'x' is string"),
        (
            lambda: ports(labels=pa.table({"labelled_at": [NOW], "request_id": [-1], "label": [1]})),
            "my_model: labels",
            "failed",
            "0% of",
        ),
        (lambda: ports(log=table(score=[9.0] * N, model_version=["3"] * N)), "my_model: scoring", "warning", "differ"),
    ],
)
def test_what_is_wrong_is_found_and_the_rest_is_still_checked(world, what: str, status: str, says: str) -> None:
    found = checks(world())
    assert found[what].status == status, found[what]
    assert says in f"{found[what].detail} {found[what].hint}"
    assert found[what].hint or status != "warning"
    assert found["dataset training"].status == "ok"


def test_a_source_that_never_answers_or_breaks_takes_no_other_check_with_it() -> None:
    class Hanging(MemoryRegistry):
        def check(self) -> str:
            threading.Event().wait(5)
            return ""

        def champion(self, model: str, alias: str) -> ModelVersion:
            raise SourceUnavailable("the registry is away", hint="wait")

        def version(self, model: str, version: str) -> ModelVersion:
            raise ZeroDivisionError

    found = checks(replace(ports(), registry=Hanging()), patience_seconds=0.5)
    assert found["registry"].status == "failed"
    assert "no answer within 0.5 s" in found["registry"].detail
    assert (found["my_model: champion"].status, found["my_model: champion"].hint) == ("failed", "wait")
    assert found["my_model: labels"].status == "ok"


class Store:
    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    def check(self) -> str:
        if self._error is not None:
            raise self._error
        return "rules go to /rules; http://prometheus:9090 reloads them"


def test_where_rules_go_is_looked_at_where_the_catalogue_says_so() -> None:
    text = init_text() + "\nprevention: {folder: rules}\n"
    asked = Catalog.parse(text, "triage.yaml", Path("/somewhere"))
    for store, status, said in (
        (Store(), "ok", "reloads them"),
        (Store(Refused("/rules can't be written to", hint="give triage's user the right to")), "failed", "written to"),
        (Store(SourceUnavailable("Prometheus can't be asked to reload")), "failed", "can't be asked"),
    ):
        found = run_checks(asked, replace(ports(), rules=store))  # type: ignore[arg-type]
        (check,) = (one for one in found if one.what == "prevention")
        assert (check.status, said in check.detail) == (status, True)
    assert "prevention" not in {one.what for one in run_checks(catalog(), ports())}
