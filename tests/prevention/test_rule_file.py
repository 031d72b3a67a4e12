"""The files that are written, held to promtool and to Prometheus's own reading; hostile names stay names."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.prevention.proposals import HOSTILE, model, proposal
from tests.prometheus_server import needs_prometheus
from triage.adapters.promtool import Promtool
from triage.incident import CauseKind
from triage.prevention import cases, rule_file
from triage.prevention.bundle import Settings, bundle
from triage.prevention.nouns import RuleKind
from triage.prevention.rule_file import file_name, is_untouched, slug, without

SHOP = model()
RUNBOOK = "https://runbooks.example/{alert}"
NAMES = ["shop", HOSTILE, "../../etc/passwd", "模型", "UPPER"]


def text(name: str = "shop") -> str:
    return rule_file.render(proposal(model(name)), model(name), RUNBOOK)


def alerts(written: str) -> list[dict[str, object]]:
    return [rule for group in yaml.safe_load(written)["groups"] for rule in group["rules"] if "alert" in rule]


def test_each_alert_says_where_it_is_from_and_what_it_was_proven_on() -> None:
    for one in alerts(text()):
        notes, labels = one["annotations"], one["labels"]
        assert isinstance(notes, dict)
        assert isinstance(labels, dict)
        assert notes["triage_incident"] == "shop-1"
        assert notes["runbook_url"] == f"https://runbooks.example/{one['alert']}"
        assert labels["model"] == "shop"
        assert labels["managed_by"] == "triage"
        assert "triage_proof" in notes or "no all-clear" in notes["description"]


def test_every_rule_has_an_alert_beside_it_for_its_silence() -> None:
    written = alerts(text())
    names = {str(one["alert"]) for one in written}
    assert {"FeatureDrift", "FeatureUnmeasured", "KpiWorse", "KpiUnmeasured", "TrafficThin", "WatchSilent"} <= names
    assert {"ErrorBudgetBurns", "ErrorBudgetUnmeasured", "ServiceLevelMissed", "ServiceLevelUnmeasured"} <= names
    assert len([one for one in written if one["alert"] == "ErrorBudgetBurns"]) == 4


@needs_prometheus
@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_promtool_finds_no_fault_and_all_cases_pass(name: str) -> None:
    of = model(name)
    found = proposal(of, subject=name if name == HOSTILE else "place")
    made = bundle(found, of, Settings(RUNBOOK))
    result = Promtool().test(file_name(name), made.rules, made.tests)
    assert result.passed, result.words
    assert cases.count(made.tests) == len(found.kept) + 3


@needs_prometheus
@pytest.mark.parametrize("kind", [CauseKind.SERVING_SKEW, CauseKind.LABEL_FAULT], ids=str)
def test_promtool_catches_a_rule_that_does_not_fire(kind: CauseKind) -> None:
    made = bundle(proposal(SHOP, kind), SHOP, Settings())
    broken = made.rules.replace("triage_feature_psi{", "triage_feature_pis{").replace("triage:kpi{", "triage:kip{")
    result = Promtool().test(file_name("shop"), broken, made.tests)
    assert result.passed is False
    assert "FAILED" in result.words


def test_without_promtool_nothing_is_said_to_have_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    result = Promtool().test("a.yml", "", "")
    assert result.passed is None
    assert "not on PATH" in result.words


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_file_name_is_one_name_whatever_the_model_is_called(name: str) -> None:
    assert Path(file_name(name)).name == file_name(name)
    assert file_name(name).isascii()


def test_two_models_never_share_a_file() -> None:
    assert len({slug(name) for name in ("a b", "a-b", "a/b", "A-B", "a_b")}) == 5


def test_a_file_that_somebody_edited_is_known() -> None:
    written = text()
    assert is_untouched(written)
    assert not is_untouched(written + "# mine\n")
    assert not is_untouched(written.replace("> 0.1", "> 0.2", 1))
    assert not is_untouched("groups: []\n")


def test_rules_of_an_earlier_incident_stay_and_go_when_they_are_taken_back() -> None:
    first = text()
    later = proposal(SHOP, subject="age")
    from dataclasses import replace

    both = rule_file.render(replace(later, incident="shop-2"), SHOP, RUNBOOK, first)
    features = {one["labels"]["feature"] for one in alerts(both) if one["alert"] == "FeatureDrift"}  # type: ignore[index]
    assert features == {"place", "age"}
    assert is_untouched(both)
    rest = without(both, "shop-2", SHOP)
    assert {one["labels"]["feature"] for one in alerts(rest) if one["alert"] == "FeatureDrift"} == {"place"}  # type: ignore[index]
    assert without(rest, "shop-1", SHOP) == ""


def test_the_same_proposal_gives_the_same_bytes() -> None:
    assert bundle(proposal(SHOP), SHOP, Settings()) == bundle(proposal(SHOP), SHOP, Settings())
    once = text()
    assert rule_file.render(proposal(SHOP), SHOP, RUNBOOK, once) == once


def test_a_file_records_only_what_its_alerts_read() -> None:
    kept = proposal(SHOP)
    from dataclasses import replace

    few = replace(kept, rules=tuple(rule for rule in kept.rules if rule.signal.kind is RuleKind.PSI))
    assert "record:" not in rule_file.render(few, SHOP, "")


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_dashboard_objectives_and_route_are_documents(name: str) -> None:
    of = model(name)
    files = bundle(proposal(of), of, Settings()).files
    dashboard = json.loads(next(body for file, body in files.items() if file.endswith("dashboard.json")))
    titles = [panel["title"] for panel in dashboard["panels"]]
    assert {"PSI against training", "KS against training", "latency_p99", "Accuracy and loss, as labels arrive"} <= set(
        titles
    )
    assert len(dashboard["uid"]) <= 40
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in dashboard["panels"]]
    assert len(set(places)) == len(places)
    objectives = list(yaml.safe_load_all(next(body for file, body in files.items() if file.endswith("openslo.yaml"))))
    assert [one["spec"]["objectives"][0]["displayName"] for one in objectives] == ["error_ratio", "conversion"]
    for one in objectives:
        assert one["apiVersion"] == "openslo/v1"
        assert 0 < one["spec"]["objectives"][0]["target"] < 1


@pytest.mark.skipif(shutil.which("amtool") is None, reason="needs amtool: apt-get install prometheus-alertmanager")
@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_amtool_takes_the_route_into_a_configuration(name: str, tmp_path: Path) -> None:
    of = model(name)
    files = bundle(proposal(of), of, Settings(receiver="triage")).files
    fragment = yaml.safe_load(next(body for file, body in files.items() if file.endswith("route.yaml")))
    fragment["route"]["receiver"] = "people"
    fragment["receivers"].append({"name": "people"})
    path = tmp_path / "alertmanager.yml"
    path.write_text(yaml.safe_dump(fragment, allow_unicode=True), encoding="utf-8")
    checked = subprocess.run(["amtool", "check-config", str(path)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    routed = subprocess.run(
        ["amtool", "config", "routes", "test", f"--config.file={path}", "managed_by=triage", "alertname=FeatureDrift"]
        + ([f"model={name}"] if name == "shop" else []),
        capture_output=True,
        text=True,
        check=False,
    )
    assert routed.stdout.split() == (["triage"] if name == "shop" else ["people"]) or "people" in routed.stdout
