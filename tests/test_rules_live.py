"""The rules of an incident on real servers: proposed, approved and written by a playbook, and fired by the next one."""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.light_world import ALERT, ALERT_AT, CATALOG, World, world
from tests.prometheus_server import needs_prometheus, serving
from tests.webhook.served import TOKEN, eventually, served
from triage.adapters.clock import SystemClock
from triage.adapters.prometheus import PrometheusMetrics
from triage.adapters.prometheus_reload import Reload
from triage.adapters.promtool import Promtool
from triage.adapters.rule_files import RuleFiles
from triage.desk import Desk
from triage.incident import Incident, Outcome, State
from triage.journal import Journal
from triage.lab import alertmanager, prometheus
from triage.lab.backfill import History
from triage.lab.binaries import find
from triage.lab.process import Spec, answers, free_ports, start, stop
from triage.prevention.record import WRITTEN
from triage.rulebook.prove import files
from triage.rules import Choices, Rules
from triage.step import Ports
from triage.watch.exposition import Shown
from triage.watch.look import look

NAME = "triage-shop.yml"
TEXT = CATALOG.replace("    serving_log:", "    watch: {window: 24h, min_rows: 200}\n    serving_log:")
BOOK = """\
name: story
title: From an alert to the alerts that would have come sooner
steps:
  - {id: stale, uses: mark_stale}
  - {id: kpi, uses: measure_kpi}
  - {id: feature_drift, uses: check_feature_drift}
  - {id: diagnosis, uses: diagnose, needs: [kpi, feature_drift], on_error: stop}
  - {id: rules, uses: propose_rules, needs: [diagnosis], on_error: stop}
  - {id: rules_approval, uses: request_approval, needs: [rules]}
  - {id: apply_rules, uses: apply_rules, needs: [rules_approval], with: {allow_missing: true}, on_error: needs_person}
"""


def planted(made: World) -> list[History]:
    """What the world answers to its queries, as a server's past, every five minutes."""
    found = []
    for query, (one,) in made.answers.items():
        at = np.arange(one.times[0], ALERT_AT.timestamp() + 4 * 3600, 300.0)
        found.append(History(query, {}, at, one.values[np.searchsorted(one.times, at, side="right") - 1]))
    return found


@pytest.fixture
def story(tmp_path: Path) -> Iterator[tuple[Desk, str, str, Path]]:
    """An incident at its gate, a Prometheus that knows its past, and the folder whose rules that reads."""
    made = replace(world(per_hour=20), text=TEXT)
    with serving(tmp_path, planted(made)) as url:
        folder = tmp_path / "rules"
        text = TEXT.replace("http://127.0.0.1:9", url) + f"prevention: {{folder: rules, reload: '{url}/-/reload'}}\n"
        made = replace(made, text=text, metrics=PrometheusMetrics(url))

        def connect(catalog: object) -> Ports:
            rules = RuleFiles(folder, Reload(f"{url}/-/reload"))
            return replace(made.connect(catalog), rules=rules, rule_tester=Promtool())  # type: ignore[arg-type]

        (tmp_path / "playbooks").mkdir()
        (tmp_path / "playbooks" / "story.yaml").write_text(BOOK)
        desk = Desk(tmp_path / "home", made.clock, connect)
        name = desk.receive(ALERT, made.catalog(tmp_path), playbook="story").incident
        yield desk, name, url, folder


def listed(url: str) -> set[str]:
    groups = httpx.get(f"{url}/api/v1/rules", trust_env=False).json()["data"]["groups"]
    return {rule["name"] for group in groups for rule in group["rules"] if rule["type"] == "alerting"}


@needs_prometheus
def test_a_playbook_proposes_rules_waits_and_writes_exactly_those_that_were_approved(
    story: tuple[Desk, str, str, Path],
) -> None:
    desk, name, url, folder = story
    waits = desk.advance(name)
    assert waits.state is State.WAITING_FOR_APPROVAL, waits.state_reason
    assert waits.plan is not None
    assert waits.plan.covers == ("apply_rules",)
    assert "psi/place" in waits.plan.actions[0].after
    assert [*folder.iterdir()] == []
    desk.approve(name, waits.plan.digest, "ann")
    done = desk.advance(name)
    assert done.steps["apply_rules"].outcome is Outcome.DONE, done.state_reason
    written = done.steps["apply_rules"].outputs[WRITTEN]
    assert written["loaded"] is True
    assert written["by"] == "ann"
    assert "SUCCESS" in written["tests"]
    said = done.steps["apply_rules"].outputs["said"]
    assert said.startswith(f"{len(waits.plan.actions[0].after.split(', '))} alert rules written to ")
    assert said.endswith("; Prometheus has loaded them")
    assert "FeatureDrift" in listed(url)
    assert desk.advance(name).length == done.length


@needs_prometheus
def test_a_reload_that_prometheus_refuses_leaves_a_person_the_reason_and_the_rules_of_before(
    story: tuple[Desk, str, str, Path],
) -> None:
    desk, name, url, folder = story
    (folder / "theirs.yml").write_text("groups: [{name: theirs, rules: [{alert: Theirs, expr: vector(1)}]}]")
    httpx.post(f"{url}/-/reload", trust_env=False)
    waits = desk.advance(name)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    (folder / "broken.yml").write_text("groups: [{name: broken, rules: [{alert: B, expr: 'no (promql'}]}]")
    done = desk.advance(name)
    assert done.steps["apply_rules"].outcome is Outcome.REFUSED
    assert done.state is State.NEEDS_PERSON
    assert "refuses the reload" in done.state_reason
    assert not (folder / NAME).exists()
    assert listed(url) == {"Theirs"}


def _started(stack: ExitStack, folder: Path, spec: Spec) -> None:
    child = start(spec, folder / f"{spec.name}.log")
    stack.callback(stop, [child.pid], 5)
    eventually(lambda: answers(spec.ready_url), 60)


def hurried(text: str) -> str:
    """The rules as they were written, but for how long a breach has to last and how often that is asked."""
    return re.sub(r"for: \S+", "for: 2s", re.sub(r"interval: \S+", "interval: 1s", text))


@needs_prometheus
@pytest.mark.skipif(find("alertmanager") is None, reason="needs alertmanager: apt-get install prometheus-alertmanager")
@pytest.mark.timeout(300)
def test_the_same_drift_again_fires_the_written_alert_on_live_servers_and_starts_a_run(tmp_path: Path) -> None:
    made = replace(world(per_hour=20), text=TEXT)
    home = tmp_path / "first"
    first = made.run(home)
    rules = Rules(Journal(home / "journal.db", made.clock), made.connect, made.catalog(home))
    proposal, ctx = rules.propose(first.id, Choices({}))
    written = files(ctx, proposal).rules
    route = "  routes: [{match: {alertname: FeatureDrift}, model: shop, playbook: look}]\n"
    with ExitStack() as stack:
        (tmp_path / "home").mkdir()
        door = stack.enter_context(served(tmp_path / "home", route))
        shown = Shown()
        exposed = stack.enter_context(shown.served("127.0.0.1:0"))
        ports = free_ports(2)
        (tmp_path / "token").write_text(TOKEN)
        alertmanager.render(tmp_path / "am", f"{door.url}/alertmanager", tmp_path / "token")
        plan = prometheus.PrometheusPlan(
            tmp_path / "prometheus",
            ports[0],
            targets=[prometheus.Target("watch", "watch", int(exposed.split(":")[2].split("/")[0]))],
            alertmanager_port=ports[1],
            scrape_seconds=1,
        )
        plan.folder.mkdir()
        prometheus.render(plan)
        _started(stack, tmp_path, alertmanager.spec(tmp_path / "am", ports[1], find("alertmanager") or ""))
        _started(stack, tmp_path, prometheus.spec(plan, find("prometheus") or ""))
        catalog = made.catalog(tmp_path)

        def watched(at: timedelta) -> None:
            shown.show(look(catalog, made.connect(catalog), "shop", ALERT_AT + at, print), 0.1)

        watched(timedelta(days=-3))
        RuleFiles(plan.rules_folder, Reload(f"{plan.url}/-/reload")).write({NAME: hurried(written)}, "in a hurry")
        eventually(lambda: _state(plan.url, "FeatureDrift") is not None)
        time.sleep(5)  # several evaluations of a healthy window
        assert _state(plan.url, "FeatureDrift") == "inactive"
        watched(timedelta())
        eventually(lambda: _state(plan.url, "FeatureDrift") == "firing")
        eventually(lambda: any(one.alert.name == "FeatureDrift" for one in _incidents(tmp_path / "home")))
        (opened,) = (one for one in _incidents(tmp_path / "home") if one.alert.name == "FeatureDrift")
        assert opened.model == "shop"
        assert opened.alert.labels["feature"] == "place"
        assert opened.alert.labels["managed_by"] == "triage"


def _state(url: str, alert: str) -> str | None:
    groups = httpx.get(f"{url}/api/v1/rules", trust_env=False).json()["data"]["groups"]
    return next((rule["state"] for group in groups for rule in group["rules"] if rule["name"] == alert), None)


def _incidents(home: Path) -> list[Incident]:
    if not (home / "journal.db").exists():
        return []
    journal = Journal(home / "journal.db", SystemClock())
    found = [journal.read(one.id) for one in journal.summaries()]
    journal.close()
    return found
