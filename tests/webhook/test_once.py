"""What `triage trigger` does about a trigger with a query."""

import json
from pathlib import Path

import pytest

from tests.light_world import CATALOG
from tests.webhook.hub import Hub, hub
from tests.webhook.payloads import alert, delivery
from tests.webhook.test_triggers import SERVE, Answering, triggers
from triage.cli import main
from triage.errors import SourceUnavailable
from triage.webhook.once import Asked, ask_once
from triage.webhook.server import only_one


def asked(at: Hub, metrics: Answering, minutes: float = 0) -> Asked:
    at.clock.sleep(minutes * 60)
    drifted = at.catalog.serve.triggers[1]
    return ask_once(drifted, at.desk, at.catalog, metrics, at.clock)  # type: ignore[arg-type]


def test_a_query_that_holds_starts_one_run_once_it_has_lasted_and_one_for_each_time(tmp_path: Path) -> None:
    at, metrics = hub(tmp_path, SERVE), Answering()
    assert asked(at, metrics).reason == "its query has no value now; nothing to do"
    metrics.so = True
    assert "a run starts if it does for 10 min more" in asked(at, metrics, 5).reason
    assert "a run starts if it does for 4 min more" in asked(at, metrics, 6).reason
    metrics.so = None
    with pytest.raises(SourceUnavailable):  # not measured is neither so nor not so
        asked(at, metrics, 1)
    metrics.so = True
    assert asked(at, metrics, 3) == Asked("", "shop-1", opened=True)
    found = at.desk.incident("shop-1")
    assert (found.alert.name, found.alert.origin, found.playbook) == ("DriftTrigger", "drift", "model_quality_drop")
    for _ in range(30):  # over the full hours, too
        assert asked(at, metrics, 5) == Asked("shop-1 was started for it already", "shop-1")
    metrics.so = False
    asked(at, metrics, 5)
    assert at.desk.incident("shop-1").cleared_at is not None
    at.end("shop-1")
    metrics.so = True
    asked(at, metrics, 120)
    assert asked(at, metrics, 11) == Asked("", "shop-2", opened=True)


def test_the_server_and_cron_come_to_one_run(tmp_path: Path) -> None:
    at, metrics = hub(tmp_path, SERVE), Answering()
    metrics.so = True
    asking = triggers(at, metrics)
    with only_one(tmp_path):
        asking.tick()
        assert "for 10 min more" in asked(at, metrics).reason
        assert "it was delivered to the 'triage serve' of this home" in asked(at, metrics, 11).reason
        assert at.desk.incidents() == ()
        asking.tick()
        at.work()
        asking.tick()
        assert asked(at, metrics, 1) == Asked("shop-1 was started for it already", "shop-1")
    assert len(at.desk.incidents()) == 1


def test_drift_that_was_held_has_its_run_although_it_is_over(tmp_path: Path) -> None:
    at, metrics = hub(tmp_path, SERVE), Answering()
    at.deliver(delivery(alert()), delivery(alert(firing=False)))
    at.end("shop-1")
    metrics.so = True
    asked(at, metrics)
    assert "it is asked again at" in asked(at, metrics, 11).reason
    metrics.so = False
    assert asked(at, metrics, 5).reason == "its query has no value now; nothing to do"
    assert asked(at, metrics, 60) == Asked("", "shop-2", opened=True)
    assert at.desk.incident("shop-2").cleared_at is not None


def test_the_command_says_what_came_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    at, metrics = hub(tmp_path, SERVE), Answering()
    metrics.so = True
    path = tmp_path / "triage.yaml"
    path.write_text(CATALOG + SERVE)
    monkeypatch.setattr("triage.cli.serve.open_desk", lambda: at.desk)
    monkeypatch.setattr("triage.wiring.clock", lambda: at.clock)
    monkeypatch.setattr("triage.wiring.metrics", lambda catalog: metrics)
    assert main(["trigger", "drifted", "--catalog", str(path), "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["incident"] == ""
    assert "drifted: its query holds since 2026-11-04 00:01 UTC" in said.out + said.err
    assert main(["trigger", "daily", "--catalog", str(path)]) in (3, 4)
    assert main(["trigger", "daily", "--catalog", str(path)]) == 0
    said = capsys.readouterr()
    assert "daily: shop-1 was started for it already" in said.out + said.err
