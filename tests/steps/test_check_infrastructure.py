"""The rung's verdict from a real Prometheus: one server, ten days of planted history, one job for each story."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.light_world import registry
from tests.prometheus_server import needs_prometheus, serving
from triage.adapters.memory import MemoryClock, MemoryWindows
from triage.adapters.prometheus import PrometheusMetrics
from triage.catalog import Catalog
from triage.engine import Run
from triage.incident import Alert, Evidence, Incident, Verdict, Window
from triage.lab.backfill import History
from triage.lab.process import free_ports
from triage.performing import context, perform
from triage.playbook import Playbook
from triage.scope import Scope
from triage.step import Ports
from triage.steps.check_infrastructure import KEPT_STRENGTH

pytestmark = [needs_prometheus, pytest.mark.xdist_group("infrastructure")]

STEP = 120.0
END = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
WINDOW = Window(END - timedelta(hours=2), END)
ONSET = WINDOW.start + timedelta(minutes=30)
TIMES = np.arange((END - timedelta(days=10)).timestamp(), END.timestamp() + 1, STEP)
LATE = ONSET.timestamp() <= TIMES
BOOK = Playbook.parse(
    "name: one\ntitle: One step\nsteps:\n  - {id: infrastructure, uses: check_infrastructure}\n", "one.yaml"
)
STORIES = ("healthy", "slow", "failing", "gone", "drift", "idle", "mute", "silent", "absent")


def planted(job: str) -> Iterator[History]:
    """A shop whose traffic has a daily course; in ``job``'s last 90 minutes something happens to it."""
    rng = np.random.default_rng(len(job))
    hour = TIMES % 86_400 / 3_600
    requests = rng.poisson(600 * (1 + 0.5 * np.sin((hour - 9) * np.pi / 12)))
    if job in ("gone", "idle"):
        requests = np.where(LATE, 0, requests)
    share = {"0.1": 0.95, "0.25": 0.99, "0.5": 0.999, "1.0": 1.0}
    slow = {"0.1": 0.2, "0.25": 0.5, "0.5": 0.8, "1.0": 1.0}
    heard = np.where((WINDOW.start.timestamp() <= TIMES) & (job == "silent"), np.nan, 1.0)
    heard = np.where(LATE & (job == "gone"), np.nan, heard)

    yield History("up", {"job": job}, TIMES, np.where(LATE & (job == "gone"), 0.0, 1.0))
    hurt = {"slow": 0.7, "failing": 0.7, "gone": 0.2, "drift": 0.8, "mute": 0.8, "silent": 0.8}.get(job, 1.0)
    kpi = 0.1 * (1 + 0.01 * rng.standard_normal(TIMES.size)) * np.where(LATE, hurt, 1.0)
    yield History("conversion", {"job": job}, TIMES, kpi)
    if job == "mute":
        return

    def counter(name: str, labels: dict[str, str], per_step: np.ndarray) -> History:
        return History(name, {"job": job, **labels}, TIMES, np.cumsum(per_step) * heard)

    for edge in share:
        part = np.where(LATE & (job == "slow"), slow[edge], share[edge])
        yield counter("latency_seconds_bucket", {"le": edge}, np.round(requests * part))
    yield counter("latency_seconds_bucket", {"le": "+Inf"}, requests)
    failed = rng.binomial(requests, np.where(LATE & (job == "failing"), 0.3, 0.001))
    yield counter("requests_total", {"code": "200"}, requests - failed)
    yield counter("requests_total", {"code": "500"}, failed)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    histories = (one for job in STORIES if job != "absent" for one in planted(job))
    with serving(tmp_path_factory.mktemp("prometheus"), histories) as address:
        yield address


def catalog(url: str, job: str, folder: Path) -> Catalog:
    requests = f'sum(rate(requests_total{{job="{job}"}}[10m]))'
    failed = f'sum(rate(requests_total{{job="{job}",code="500"}}[10m]))'
    p99 = f'histogram_quantile(0.99, sum by (le) (rate(latency_seconds_bucket{{job="{job}"}}[10m])))'
    return Catalog.parse(
        f"""\
version: 1
prometheus: {{url: "{url}"}}
registry: {{uri: "sqlite:///mlflow.db"}}
datasets:
  log: {{version: "1", path: log, time: at, key: id}}
models:
  shop:
    registered_model: shop
    task: classification
    kpi: {{name: conversion, query: 'sum(conversion{{job="{"drift" if job == "absent" else job}"}})',
           direction: higher_is_better, target: 0.09, unit: ratio, step: 2m}}
    service_levels:
      - {{name: latency_p99, kind: latency, query: '{p99}', direction: lower_is_better, target: 0.3, unit: seconds}}
      - {{name: error_ratio, kind: errors, query: '{failed} / {requests}', direction: lower_is_better,
          target: 0.01, unit: ratio}}
      - {{name: throughput, kind: throughput, query: '{requests}', direction: higher_is_better, target: 0.5,
          unit: requests/s}}
      - {{name: up, kind: up, query: 'min(up{{job="{job}"}})', direction: higher_is_better, target: 1, unit: ratio}}
    serving_log: {{dataset: log, prediction: score}}
    baseline: {{dataset: log}}
""",
        "triage.yaml",
        folder,
    )


@dataclass(frozen=True, slots=True)
class Rung:
    whole: Evidence
    parts: dict[str, Evidence]


@pytest.fixture
def rung(url: str, tmp_path: Path):
    """What the engine makes of the step: its evidence as a journal would hold it."""

    def of(job: str, address: str = url) -> Rung:
        found = catalog(address, job, tmp_path)
        incident = Incident("shop-1", "shop", Alert("A", "shop", END), WINDOW, "one", "", "", END, END)
        ports = Ports(PrometheusMetrics(address), MemoryWindows({}), registry(), MemoryClock(END))
        move = Run(BOOK.steps[0], attempt=1)
        ctx = context(move, incident, BOOK, found, ports, Scope(), lambda line: None)
        (finished,) = perform(move, ctx, now=lambda: END)
        evidence = {item.id: item for item in finished.data["evidence"]}
        whole = evidence.pop("infrastructure", None) or evidence.pop("infrastructure.unmeasured")
        return Rung(whole, {name.removeprefix("infrastructure."): item for name, item in evidence.items()})

    return of


def test_healthy_infrastructure_is_ruled_out_though_the_model_got_worse(rung) -> None:
    for job in ("healthy", "drift"):
        found = rung(job)
        assert found.whole.verdict is Verdict.REFUTES
        assert "4 of 4 infrastructure signals were measured and none got worse" in found.whole.statement
        assert {item.verdict for item in found.parts.values()} == {Verdict.REFUTES}
        assert "same time of day" in found.parts["throughput"].statement


def test_a_latency_fault_is_named_and_dated(rung) -> None:
    found = rung("slow")
    assert (found.whole.verdict, found.whole.subject) == (Verdict.SUPPORTS, "latency_p99")
    assert found.parts["latency_p99"].verdict is Verdict.INCONCLUSIVE
    onset = datetime.fromtimestamp(found.parts["latency_p99"].chart["onset"], UTC)  # type: ignore[index]
    assert abs(onset - ONSET) <= timedelta(minutes=12)
    assert {name for name, item in found.parts.items() if item.verdict is Verdict.REFUTES} == {
        "error_ratio",
        "error_ratio.budget",
        "throughput",
        "up",
    }


def test_an_error_fault_is_named_and_burns_the_budget(rung) -> None:
    found = rung("failing")
    assert (found.whole.verdict, found.whole.subject) == (Verdict.SUPPORTS, "error_ratio")
    budget = found.parts["error_ratio.budget"]
    assert budget.verdict is Verdict.INCONCLUSIVE
    assert "worth a page" in budget.statement
    assert budget.measure("burn_rate_1h") == pytest.approx(30, rel=0.1)
    assert budget.measure("burn_rate_72h") == pytest.approx(0.1 + 30 * 1.5 / 72 * 1.25, rel=0.1)
    assert found.parts["latency_p99"].verdict is Verdict.REFUTES


def test_a_target_that_is_gone_is_guilty_and_what_it_no_longer_tells_is_unmeasured(rung) -> None:
    found = rung("gone")
    assert (found.whole.verdict, found.whole.subject) == (Verdict.SUPPORTS, "up")
    assert found.parts["up"].verdict is Verdict.INCONCLUSIVE
    for name in ("latency_p99", "error_ratio", "error_ratio.budget"):
        assert found.parts[name].verdict is not Verdict.REFUTES, name


def test_no_traffic_is_a_change_of_traffic_and_no_clean_bill_for_the_rest(rung) -> None:
    found = rung("idle")
    assert found.whole.verdict is not Verdict.REFUTES
    assert found.parts["throughput"].verdict is Verdict.INCONCLUSIVE
    assert found.parts["error_ratio.budget"].verdict is not Verdict.REFUTES
    assert "no traffic in the last 5 min" in found.parts["error_ratio.budget"].statement
    assert found.parts["up"].verdict is Verdict.REFUTES


def test_signals_that_do_not_exist_are_unmeasured_each_with_the_missing_metric(rung) -> None:
    found = rung("absent")
    assert found.whole.verdict is Verdict.UNMEASURED
    assert {item.verdict for item in found.parts.values()} == {Verdict.UNMEASURED}
    assert all("returned nothing" in item.statement for item in found.parts.values())


def test_what_is_measured_and_as_always_leaves_little_suspicion_on_what_is_not(rung) -> None:
    found = rung("mute")
    assert found.whole.verdict is Verdict.INCONCLUSIVE
    assert "1 of 4 infrastructure signals were measured and none got worse" in found.whole.statement
    assert found.whole.measure("strength") == KEPT_STRENGTH
    assert found.parts["latency_p99"].verdict is Verdict.UNMEASURED


def test_a_signal_that_fell_silent_leaves_more_suspicion_than_one_that_never_was(rung) -> None:
    found = rung("silent")
    assert found.whole.verdict is Verdict.INCONCLUSIVE
    assert found.parts["latency_p99"].verdict is Verdict.UNMEASURED
    assert found.whole.measure("strength") is None


def test_a_server_that_does_not_answer_is_unmeasured(rung) -> None:
    port = free_ports(1)[0]
    found = rung("healthy", f"http://127.0.0.1:{port}")
    assert found.whole.verdict is Verdict.UNMEASURED
    assert str(port) in found.whole.statement
