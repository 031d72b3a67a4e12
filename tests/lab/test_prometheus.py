import subprocess
from pathlib import Path

import pytest
import yaml

from triage.lab import alertmanager, catalogue, prometheus
from triage.lab.binaries import find

TARGETS = (
    prometheus.Target("recommender", "champion", 9001),
    prometheus.Target("recommender", "challenger", 9002),
    prometheus.Target("envoy", "envoy", 9003, "/stats/prometheus"),
)


def plan(folder: Path, **options: object) -> prometheus.PrometheusPlan:
    rules = {"recommender.yml": catalogue.alert_rules()}
    return prometheus.PrometheusPlan(folder, 9090, targets=TARGETS, rules=rules, **options)  # type: ignore[arg-type]


def test_targets_of_one_job_stand_together_under_their_own_names(tmp_path: Path):
    prometheus.render(plan(tmp_path))
    jobs = yaml.safe_load((tmp_path / "prometheus.yml").read_text())["scrape_configs"]
    assert [(job["job_name"], job["metrics_path"], len(job["static_configs"])) for job in jobs] == [
        ("recommender", "/metrics", 2),
        ("envoy", "/stats/prometheus", 1),
    ]
    assert jobs[0]["static_configs"][1] == {"targets": ["127.0.0.1:9002"], "labels": {"instance": "challenger"}}


def test_everything_listens_on_the_loopback_interface_only(tmp_path: Path):
    argv = [*prometheus.spec(plan(tmp_path), "prometheus").argv, *alertmanager.spec(tmp_path, 9093, "am").argv]
    listening = [argument for argument in argv if "listen-address" in argument]
    assert listening == [
        "--web.listen-address=127.0.0.1:9090",
        "--web.listen-address=127.0.0.1:9093",
        "--cluster.listen-address=",
    ]


def test_alerts_go_nowhere_without_an_alertmanager(tmp_path: Path):
    prometheus.render(plan(tmp_path))
    assert "alerting" not in yaml.safe_load((tmp_path / "prometheus.yml").read_text())


def test_each_ratio_that_pages_has_a_rule_for_silence_beside_it():
    (group,) = catalogue.alert_rules()["groups"]
    expressions = {rule["alert"]: rule["expr"] for rule in group["rules"]}
    assert "absent(" in expressions["InferenceAbsent"]
    assert expressions["InferenceIdle"].endswith("< 0.1")


@pytest.mark.skipif(find("promtool") is None, reason="needs prometheus on PATH: apt-get install prometheus")
def test_promtool_takes_the_configuration_and_the_rules(tmp_path: Path):
    prometheus.render(plan(tmp_path, alertmanager_port=9093))
    done = subprocess.run(
        [find("promtool") or "", "check", "config", str(tmp_path / "prometheus.yml")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 rules found" in done.stdout


def test_a_webhook_is_told_with_its_token(tmp_path: Path):
    alertmanager.render(tmp_path, "http://127.0.0.1:1/alerts", tmp_path / "token")
    (receiver,) = yaml.safe_load((tmp_path / "alertmanager.yml").read_text())["receivers"]
    (hook,) = receiver["webhook_configs"]
    assert hook["http_config"]["authorization"]["credentials_file"] == str(tmp_path / "token")


def test_without_a_webhook_nobody_is_told(tmp_path: Path):
    alertmanager.render(tmp_path, None)
    assert yaml.safe_load((tmp_path / "alertmanager.yml").read_text())["receivers"] == [{"name": "triage"}]
