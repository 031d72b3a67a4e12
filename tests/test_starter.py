from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from tests.prometheus_server import needs_prometheus, serving
from triage.catalog import Catalog, Direction, LevelKind
from triage.cli import main
from triage.errors import SourceUnavailable
from triage.lab.backfill import History
from triage.starter import Proposal, init_text

KPI = Proposal("conversion", "kpi", "sum(a) / sum(b)", "higher_is_better", "ratio", None, "a and b", 0.1, 0.0987)
LATENCY = Proposal("latency_p99", "latency", "q{le='x'}", "lower_is_better", "seconds", None, "q", 0.2, 0.2134)


def parsed(text: str, folder: Path) -> Catalog:
    return Catalog.parse(text, "triage.yaml", folder)


def test_the_plain_starter_and_one_from_an_empty_server_are_valid_and_say_what_is_an_example(tmp_path: Path) -> None:
    parsed(init_text(), tmp_path)
    text = init_text("http://prometheus:9090")
    assert parsed(text, tmp_path).prometheus.url == "http://prometheus:9090"
    assert "No metric of the server looks like a KPI" in text
    assert "No metric of the server looks like these" in text


def test_proposals_take_the_place_of_the_examples_with_a_target_to_be_corrected(tmp_path: Path) -> None:
    model = parsed(init_text("http://p:1", [KPI, LATENCY]), tmp_path).model("my_model")
    assert (model.kpi.query, model.kpi.target) == (KPI.query, 0.098)
    (level,) = model.service_levels
    assert (level.query, level.kind, level.target, level.direction) == (
        LATENCY.query,
        LevelKind.LATENCY,
        0.22,
        Direction.LOWER_IS_BETTER,
    )


def test_a_proposal_in_trouble_stands_there_as_a_comment_with_the_reason(tmp_path: Path) -> None:
    broken = Proposal("queue", "saturation", "nothing", "lower_is_better", "", None, "n", trouble="it returns nothing")
    text = init_text("http://p:1", [KPI, LATENCY, broken])
    assert [level.name for level in parsed(text, tmp_path).model("my_model").service_levels] == ["latency_p99"]
    assert "# - name: queue    # from n; it returns nothing" in text


def test_text_from_a_server_can_not_break_out_of_its_line(tmp_path: Path) -> None:
    evil = "up{a='x'} # \n models: {}"
    shown = f"\x00\u2028{evil}"
    text = init_text("http://p:1", [Proposal("up", "up", evil, "higher_is_better", "a: b", 1.0, shown, 1.0, 1.0)])
    (level,) = parsed(text, tmp_path).model("my_model").service_levels
    assert level.query == "up{a='x'} # models: {}"


@needs_prometheus
def test_init_proposes_from_a_real_server_what_it_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    now = datetime.now(UTC).timestamp()
    times = np.arange(now - 7_200, now - 30, 60.0)
    api = {"job": "api"}
    ramp = np.arange(len(times)) * 60.0
    histories = [
        *(
            History("request_duration_seconds_bucket", {**api, "le": edge}, times, share * ramp)
            for edge, share in (("0.1", 0.9), ("0.5", 0.99), ("+Inf", 1.0))
        ),
        History("requests_total", {**api, "code": "200"}, times, ramp),
        History("up", api, times, np.ones(len(times))),
        History("up", {"job": "other"}, times, np.zeros(len(times))),
        History("clicks_total", api, times, 0.1 * ramp),
        History("impressions_total", api, times, ramp),
        History("model_info", {**api, "version": "3"}, times, np.ones(len(times))),
    ]
    with serving(tmp_path / "prometheus", histories) as url:
        secret = url.replace("//", "//ann:opensesame@")
        assert main(["config", "init", "--prometheus", secret, "--matcher", 'job="api"']) == 0
    text = Path("triage.yaml").read_text()
    assert "opensesame" not in text + "".join(capsys.readouterr())
    catalog = Catalog.load("triage.yaml")
    assert catalog.prometheus.url == url
    model = catalog.model("my_model")
    assert 'clicks_total{job="api"}' in model.kpi.query
    assert model.kpi.target == pytest.approx(0.1, rel=0.15)
    levels = {level.name: level for level in model.service_levels}
    assert set(levels) == {"latency_p50", "latency_p99", "error_ratio", "throughput", "up"}
    assert levels["latency_p99"].target == pytest.approx(0.5)
    assert levels["up"].query == 'min(up{job="api"})'
    assert model.changes == ('max by (version) (model_info{job="api"})',)


def test_a_server_that_does_not_answer_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["config", "init", "--prometheus", "http://127.0.0.1:9"]) == SourceUnavailable.exit_code
    assert not Path("triage.yaml").exists()
