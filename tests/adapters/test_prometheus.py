"""The adapter against real servers with a planted history: Prometheus, and VictoriaMetrics, which speaks its API."""

import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import pytest

from triage.adapters.prometheus import PrometheusMetrics
from triage.errors import Unmeasurable
from triage.incident import Window
from triage.lab import prometheus as lab_prometheus
from triage.lab.backfill import History, create_blocks, escape, write_openmetrics
from triage.lab.binaries import find
from triage.lab.process import Spec, answers, free_ports, start, stop

pytestmark = pytest.mark.xdist_group("prometheus")

NOW = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=4)
FORTNIGHT = Window(NOW - timedelta(days=14), NOW)
LAST_HOURS = Window(NOW - timedelta(hours=2), NOW)
MARKUP = '[red]<b>"\\\n漢'
BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0)


def planted() -> Iterator[History]:
    times = np.arange(FORTNIGHT.start.timestamp(), FORTNIGHT.end.timestamp() + 1, 60.0)
    late = times > LAST_HOURS.start.timestamp()
    job = {"job": "api"}
    share = {0.05: 0.5, 0.1: 0.95, 0.25: 0.995, 0.5: 0.999, 1.0: 1.0}
    slow = {0.05: 0.1, 0.1: 0.3, 0.25: 0.6, 0.5: 0.9, 1.0: 1.0}
    for edge in BUCKETS:
        served = np.cumsum(np.where(late, slow[edge], share[edge]) * 600.0)
        yield History("request_seconds_bucket", {**job, "le": str(edge)}, times, served)
    yield History("request_seconds_bucket", {**job, "le": "+Inf"}, times, np.cumsum(np.full(len(times), 600.0)))
    yield History("requests_total", {**job, "code": "200"}, times, np.cumsum(np.where(late, 500.0, 599.0)))
    yield History("requests_total", {**job, "code": "500"}, times, np.cumsum(np.where(late, 100.0, 1.0)))
    restarted = np.arange(len(times)) * 60.0
    restarted[len(times) // 2 :] -= restarted[len(times) // 2]
    yield History("restarted_total", job, times, restarted)
    gone = np.where(late, np.nan, 1.0)
    yield History("up", {**job, "instance": "gone"}, times, gone)
    yield History("up", {**job, "instance": "there"}, times, np.ones(len(times)))
    yield History("marked", {"pod": MARKUP}, times, np.ones(len(times)))
    yield History("idle_total", job, times, np.zeros(len(times)))
    for pod in range(700):
        yield History("many", {"pod": str(pod)}, times[-3:], np.ones(3))


def prometheus(folder: Path) -> tuple[Spec, str]:
    plan = lab_prometheus.PrometheusPlan(folder, free_ports(1)[0], targets=())
    lab_prometheus.render(plan)
    write_openmetrics(folder / "history.om", planted())
    create_blocks(find("promtool") or "", folder / "history.om", plan.storage)
    return lab_prometheus.spec(plan, find("prometheus") or ""), plan.url


def victoria_metrics(folder: Path) -> tuple[Spec, str]:
    port = free_ports(1)[0]
    url = f"http://127.0.0.1:{port}"
    flags = (f"-storageDataPath={folder / 'data'}", f"-httpListenAddr=127.0.0.1:{port}", "-retentionPeriod=2")
    return Spec("victoria-metrics", ("victoria-metrics", *flags), ready_url=f"{url}/health"), url


def imported(url: str) -> None:
    """The planted history, in the text form that VictoriaMetrics takes; it is there to be queried afterwards."""
    lines = []
    for one in planted():
        labels = ",".join(f'{name}="{escape(value)}"' for name, value in one.labels.items())
        there = np.isfinite(one.values)
        pairs = zip(one.times[there].tolist(), one.values[there].tolist(), strict=True)
        lines += [f"{one.name}{{{labels}}} {value:.9g} {int(at * 1000)}" for at, value in pairs]
    httpx.post(f"{url}/api/v1/import/prometheus", content="\n".join(lines), timeout=60).raise_for_status()
    httpx.get(f"{url}/internal/force_flush", timeout=60).raise_for_status()


@pytest.fixture(scope="module", params=["prometheus", "victoria-metrics"])
def metrics(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusMetrics]:
    if request.param == "prometheus" and not (find("prometheus") and find("promtool")):
        pytest.skip("needs prometheus on PATH: apt-get install prometheus")
    if request.param == "victoria-metrics" and not shutil.which("victoria-metrics"):
        pytest.skip("needs victoria-metrics on PATH: apt-get install victoria-metrics")
    folder = tmp_path_factory.mktemp(request.param)
    spec, url = (prometheus if request.param == "prometheus" else victoria_metrics)(folder)
    child = start(spec, folder / "log")
    try:
        deadline = time.monotonic() + 30
        while not answers(spec.ready_url) and time.monotonic() < deadline:
            time.sleep(0.05)
        if request.param == "victoria-metrics":
            imported(url)
        yield PrometheusMetrics(url)
    finally:
        stop([child.pid], 5)


def test_check_names_the_version(metrics):
    words = metrics.check()
    assert metrics.url in words
    assert words.startswith(("Prometheus 2.", "Prometheus 3.", "A server with the Prometheus API"))


def test_a_fortnight_every_minute_comes_whole_in_chunks(metrics):
    result = metrics.range("sum(rate(requests_total[5m]))", FORTNIGHT, 60)
    (series,) = result.series
    assert len(series.values) == 14 * 24 * 60
    assert np.isfinite(series.values[5:]).all()
    assert np.allclose(series.values[10:], 10, rtol=0.02)
    assert result.warnings == ()


def test_a_latency_fault_shows_in_the_quantile(metrics):
    query = "histogram_quantile(0.99, sum by (le) (rate(request_seconds_bucket[5m])))"
    (series,) = metrics.range(query, FORTNIGHT, 300).series
    assert np.nanmedian(series.values[:-30]) == pytest.approx(0.23, abs=0.03)
    assert np.nanmedian(series.values[-20:]) > 0.9


def test_an_error_fault_shows_in_the_ratio(metrics):
    query = 'sum(rate(requests_total{code=~"5.."}[5m])) / sum(rate(requests_total[5m]))'
    (series,) = metrics.range(query, FORTNIGHT, 300).series
    assert np.nanmedian(series.values[:-30]) < 0.002
    assert np.nanmedian(series.values[-20:]) == pytest.approx(1 / 6, abs=0.01)


def test_a_target_that_is_gone_is_a_gap_and_not_its_last_value(metrics):
    by_instance = {one.labels["instance"]: one for one in metrics.range("up", FORTNIGHT, 60).series}
    assert np.isnan(by_instance["gone"].values[-110:]).all()
    assert (by_instance["there"].values[1:] == 1).all()


def test_a_target_that_was_gone_all_the_time_is_no_series(metrics):
    window = Window(LAST_HOURS.start + timedelta(minutes=30), LAST_HOURS.end)
    result = metrics.range('up{instance="gone"}', window, 60)
    assert result.series == ()
    assert "its metrics exist" in result.warnings[0]


def test_a_metric_that_does_not_exist_is_no_series_and_the_nearest_is_named(metrics):
    result = metrics.range("sum(rate(request_total[5m]))", LAST_HOURS, 60)
    assert result.series == ()
    assert "'request_total'. did you mean 'requests_total'?" in result.warnings[0]


def test_no_traffic_is_unmeasured_and_not_zero(metrics):
    result = metrics.range("rate(idle_total[5m]) / rate(idle_total[5m])", LAST_HOURS, 60)
    assert result.series == ()
    assert result.warnings


def test_a_counter_reset_is_no_negative_rate(metrics):
    (series,) = metrics.range("rate(restarted_total[5m])", FORTNIGHT, 60).series
    assert np.nanmin(series.values) >= 0
    assert np.nanmedian(series.values) == pytest.approx(1.0)


def test_a_raw_counter_that_falls_comes_with_a_warning(metrics):
    assert "wrap it in rate()" in metrics.range("restarted_total", FORTNIGHT, 60).warnings[0]


def test_markup_in_a_label_value_comes_through_untouched(metrics):
    (series,) = metrics.range("marked", LAST_HOURS, 60).series
    assert series.labels["pod"] == MARKUP


def test_more_series_than_allowed_are_refused(metrics):
    with pytest.raises(Unmeasurable, match=r"many.*sum by"):
        metrics.range("many", LAST_HOURS, 60)
    assert metrics.range("sum(many)", LAST_HOURS, 60).series[0].values[-1] == 700


def test_a_query_with_a_mistake_is_refused_with_the_servers_words(metrics):
    with pytest.raises(Unmeasurable, match=r"can't evaluate the query \(4..\): .*sum\(rate\("):
        metrics.range("sum(rate(requests_total[5m])", LAST_HOURS, 60)


def test_the_same_query_over_the_same_window_has_the_same_digest(metrics):
    first, again = (metrics.range("up", LAST_HOURS, 60).source for _ in range(2))
    assert first == again


def test_windows_that_overlap_are_evaluated_at_the_same_times(metrics):
    shifted = Window(LAST_HOURS.start + timedelta(seconds=17), LAST_HOURS.end)
    one, other = (metrics.range("marked", window, 60).series[0].times for window in (LAST_HOURS, shifted))
    assert set(other) < set(one)


def test_names_and_labels_can_be_looked_up(metrics):
    assert {"requests_total", "request_seconds_bucket", "up"} <= set(metrics.metric_names())
    assert metrics.label_names("requests_total") == ("__name__", "code", "job")
