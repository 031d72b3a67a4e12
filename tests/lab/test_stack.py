"""The whole lab, twice: up, status, inject, clear, down; and once more with an owner that is killed."""

import http.server
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import pyarrow.dataset as ds
import pytest

from tests.lab.standing import everything, gone, needs_alertmanager, needs_envoy, needs_prometheus
from triage.adapters.prometheus import PrometheusMetrics
from triage.catalog import Catalog
from triage.errors import NotFound, StepFailed, UsageError
from triage.incident import Window
from triage.lab.binaries import find
from triage.lab.folder import LabFolder
from triage.lab.inject import clear, inject
from triage.lab.process import Spec
from triage.lab.stack import LabStatus, down, status, up
from triage.ports import Rollout
from triage.wiring import connect

ROWS = 24_000

pytestmark = [pytest.mark.xdist_group("lab"), needs_prometheus, needs_alertmanager]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lab") / "lab"


class Webhook:
    """What Alertmanager posts."""

    def __init__(self) -> None:
        self.alerts: list[dict] = []
        webhook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                webhook.alerts += json.loads(self.rfile.read(int(self.headers["Content-Length"])))["alerts"]
                self.send_response(200)
                self.end_headers()

            def log_message(self, *words: object) -> None:
                return

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"


@pytest.fixture(scope="module")
def webhook() -> Iterator[Webhook]:
    found = Webhook()
    yield found
    found.server.shutdown()


@pytest.fixture(scope="module")
def lab(folder: Path, webhook: Webhook) -> Iterator[LabStatus]:
    yield up(folder, owned=True, world_rows=ROWS, webhook_url=webhook.url)
    down(folder)


@pytest.fixture(scope="module")
def metrics(lab: LabStatus) -> PrometheusMetrics:
    return PrometheusMetrics(lab.url("prometheus"))


def last(metrics: PrometheusMetrics, query: str) -> float:
    """The last value of the last minute; NaN where there is none."""
    now = datetime.now(UTC)
    found = metrics.range(query, Window(now - timedelta(minutes=1), now), 1).series
    known = found[0].values[np.isfinite(found[0].values)] if found else np.array([])
    return float(known[-1]) if len(known) else float("nan")


def eventually(condition, seconds: float = 100.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.5)
    return False


def test_everything_is_ready_in_less_than_two_gigabytes(lab):
    assert {process.name: process.state for process in lab.processes} == {
        name: "ready"
        for name in ("blue", "green", "exporter", "watch", "load", "envoy", "alertmanager", "prometheus")
        if name != "envoy" or find("envoy")
    }
    assert lab.ready
    assert 0 < lab.memory_mib < 2000


def test_a_lab_that_is_up_is_left_as_it_is(lab, folder):
    again = up(folder, owned=True, world_rows=ROWS)
    assert [process.pid for process in again.processes] == [process.pid for process in lab.processes]


def test_its_catalogue_is_valid_and_points_at_the_live_prometheus(lab):
    catalog = Catalog.load(lab.catalog)
    assert catalog.prometheus.url == lab.url("prometheus")
    assert catalog.model("recommender").kpi.name == "conversion"


def test_every_query_of_the_catalogue_has_a_fortnight_of_history(lab, metrics):
    model = Catalog.load(lab.catalog).model("recommender")
    now = datetime.now(UTC)
    fortnight = Window(now - timedelta(days=14), now)
    for query in (model.kpi.query, *(level.query for level in model.service_levels), *model.changes):
        (series,) = metrics.range(query, fortnight, 3600).series
        assert np.isfinite(series.values).mean() > 0.98, query


def test_requests_are_served_logged_and_labelled(lab, metrics):
    data = LabFolder(lab.folder).data
    logs = ("impressions", "conversions", "reference")
    assert eventually(lambda: all(list(data.glob(f"{name}/day=*/live-*.parquet")) for name in logs))
    served = ds.dataset(sorted(data.glob("impressions/day=*/live-*.parquet"))[0]).to_table().to_pandas()
    history = ds.dataset(sorted(data.glob("impressions/day=*/part-0.parquet"))[0])
    assert list(served.columns) == history.schema.names
    assert served["score"].between(0, 1).all()
    assert served["impression_id"].is_unique
    labels = ds.dataset(sorted(data.glob("conversions/day=*/live-*.parquet"))[0]).to_table().to_pandas()
    assert list(labels.columns) == ["impression_id", "labelled_at", "converted"]
    assert eventually(lambda: last(metrics, "sum(increase(impressions_total[30s]))") > 0)


def test_the_watch_beside_it_tells_the_metrics_server_what_moved(lab, metrics):
    psi = 'triage_feature_psi{model="recommender",feature="user_location"}'
    assert eventually(lambda: last(metrics, psi) < 0.3)
    assert last(metrics, 'triage_window_rows{model="recommender"}') > 0
    assert last(metrics, 'up{job="triage",instance="watch"}') == 1


def test_the_server_says_which_version_it_serves_and_reloads_only_to_a_named_one(lab):
    with httpx.Client(base_url=lab.url("blue"), trust_env=False, timeout=30) as server:
        assert server.get("/version").json()["version"] == "2"
        for wanted in ("latest", "@champion", "champion", ""):
            assert server.post("/reload", json={"version": wanted}).status_code == 400
        assert server.post("/reload", json={"version": "99"}).status_code == 409
        assert server.get("/version").json()["version"] == "2"
        assert server.post("/reload", json={"version": "1"}).json()["version"] == "1"
        assert server.post("/reload", json={"version": "2"}).json()["version"] == "2"


def test_rows_that_can_not_be_scored_are_refused_and_the_server_goes_on(lab):
    with httpx.Client(base_url=lab.url("blue"), trust_env=False, timeout=60) as server:
        for body in ({"rows": []}, {"rows": [{"impression_id": 1}]}, {"rows": 7}, {}, [1]):
            assert server.post("/predict", json=body).status_code == 400
        assert server.get("/healthz").status_code == 200


@needs_envoy
def test_a_challenger_is_shadowed_then_answers_its_share_and_is_counted_by_version(lab, folder, metrics):
    catalog = Catalog.load(lab.catalog)
    router = connect(catalog).router
    assert router is not None
    assert router.current("recommender") == Rollout("2")
    router.apply("recommender", Rollout("2", "1", shadow=1.0), "lab/shadow")
    shadow = LabFolder(lab.folder).data / "shadow"
    assert eventually(lambda: list(shadow.glob("day=*/live-green-*.parquet")))
    rows = ds.dataset(sorted(shadow.glob("day=*/live-green-*.parquet"))[0]).to_table()
    assert set(rows["model_version"].to_pylist()) == {"1"}
    assert not list((lab.folder / "data" / "impressions").glob("day=*/live-green-*.parquet"))
    assert np.isnan(last(metrics, 'sum(impressions_total{version="1"})'))

    router.apply("recommender", Rollout("2", "1", weight=0.5), "lab/canary")
    (guardrail,) = [one for one in catalog.model("recommender").release.guardrails if one.name == "conversion"]
    query = guardrail.total.replace("$version", "1").replace("$interval", "15s")
    assert eventually(lambda: last(metrics, query) > 0)
    router.apply("recommender", Rollout("2"), "lab/back")
    assert {(one.role, one.version) for one in router.serving("recommender")} == {("champion", "2"), ("standby", "1")}
    assert last(metrics, "max(model_version_info{version='1'})") in (0, 1)


def test_a_latency_fault_shows_in_promql_pages_and_ends_when_it_is_cleared(lab, folder, metrics, webhook):
    p50 = "histogram_quantile(0.5, sum by (le) (rate(inference_latency_seconds_bucket[10s])))"
    assert eventually(lambda: last(metrics, p50) < 1.0)
    injected = inject(folder, "latency", seconds=2.0)
    assert injected.settings["seconds"] == 2.0
    assert [one.name for one in status(folder).faults] == ["latency"]
    assert eventually(lambda: last(metrics, p50) > 1.5)
    pages = {"alertname": "InferenceSlow", "model": "recommender", "severity": "page"}
    assert eventually(lambda: any(alert["labels"] == pages for alert in webhook.alerts), 150)
    assert clear(folder) == ("latency",)
    assert eventually(lambda: last(metrics, p50) < 1.0)


def test_an_error_fault_shows_in_the_ratio(lab, folder, metrics):
    ratio = 'sum(rate(inference_requests_total{code=~"5.."}[10s])) / sum(rate(inference_requests_total[10s]))'
    assert last(metrics, ratio) == 0
    inject(folder, "errors", severity=0.5)
    assert eventually(lambda: last(metrics, ratio) > 0.3)
    clear(folder, "errors")


def test_a_crash_loop_takes_the_target_down_and_is_counted(lab, folder, metrics):
    inject(folder, "crash_loop", seconds=0.0)
    assert eventually(lambda: last(metrics, 'min(up{instance="blue"})') == 0)
    assert eventually(lambda: last(metrics, 'max(container_restarts_total{container="blue"})') >= 1)
    clear(folder, "crash_loop")
    assert eventually(lambda: status(folder).ready)


def test_a_bad_version_is_deployed_through_the_registry_and_withdrawn(lab, folder):
    version = f"{lab.url('blue')}/version"
    injected = inject(folder, "bad_model_version")
    assert injected.settings["previous"] == "2"
    with httpx.Client(trust_env=False, timeout=60) as client:
        assert client.get(version).json()["version"] == injected.settings["version"]
        clear(folder)
        assert client.get(version).json()["version"] == "2"


def test_an_unknown_fault_or_setting_is_refused_with_the_nearest_name(lab, folder):
    with pytest.raises(NotFound, match="did you mean 'latency'"):
        inject(folder, "latencie")
    with pytest.raises(UsageError, match="did you mean 'seconds'"):
        inject(folder, "latency", second=1)
    with pytest.raises(UsageError, match="did you mean 'item_rating'"):
        inject(folder, "null_flood", feature="item_ratings")
    with pytest.raises(UsageError, match="holds text"):
        inject(folder, "unit_change", feature="device_type")
    with pytest.raises(UsageError, match="is no share"):
        inject(folder, "errors", severity=20)
    with pytest.raises(UsageError, match="is a number"):
        inject(folder, "latency", seconds="long")
    with pytest.raises(NotFound, match="no fault"):
        clear(folder, "nothing")
    assert status(folder).faults == ()


def test_down_leaves_no_process_and_no_port(lab, folder):
    pids, urls = everything(folder)
    assert set(down(folder).stopped) == {process.name for process in lab.processes}
    assert gone(pids, urls)
    assert not status(folder).running
    assert down(folder).stopped == ()
    with pytest.raises(NotFound, match="no lab runs"):
        inject(folder, "latency")


def test_a_lab_whose_owner_is_killed_leaves_no_orphans(lab, folder):
    code = "import sys, time; from pathlib import Path; from triage.lab.stack import up; "
    code += f"up(Path(sys.argv[1]), owned=True, world_rows={ROWS}); print('up', flush=True); time.sleep(300)"
    owner = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    assert owner.stdout.readline() == "up\n"
    pids, urls = everything(folder)
    owner.send_signal(signal.SIGKILL)
    owner.communicate()
    assert eventually(lambda: gone(pids, urls))


def test_a_folder_that_holds_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match="no lab"):
        up(tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_a_server_that_does_not_stay_is_named_with_its_last_words(tmp_path, monkeypatch):
    slow = Spec("blue", (sys.executable, "-c", "import time; time.sleep(60)"), ready_url="http://127.0.0.1:9/")
    dies = Spec("exporter", (sys.executable, "-c", "raise SystemExit('the port is taken')"))
    monkeypatch.setattr("triage.lab.setup.prepare", lambda *a, **k: [slow, dies])
    with pytest.raises(StepFailed, match=r"^exporter ended .*: the port is taken") as failed:
        up(tmp_path / "lab", owned=True)
    assert str(tmp_path / "lab" / "run" / "exporter.log") in (failed.value.hint or "")
    assert not status(tmp_path / "lab").running
