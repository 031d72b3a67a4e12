"""What becomes of each alert that arrives."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.light_world import world
from tests.webhook.hub import TWO_MODELS, hub
from tests.webhook.payloads import alert, delivery
from triage.desk import MOST_JOINED
from triage.errors import JournalError, SourceUnavailable
from triage.incident import State
from triage.webhook.inbox import Decision
from triage.webhook.payload import Delivery
from triage.webhook.reception import MOST_TOGETHER


def test_an_alert_opens_one_incident_however_often_it_is_delivered(tmp_path: Path) -> None:
    at = hub(tmp_path)
    at.deliver(*[delivery(alert())] * 3)
    at.deliver(delivery(alert(), external="http://am-2:9093"))  # the other peer of a pair
    (found,) = at.desk.incidents()
    incident = at.desk.incident(found.id)
    assert (incident.alert.name, incident.alert.origin) == ("ModelQualityDrop", "alertmanager")
    assert incident.playbook == "model_quality_drop"
    (seen,) = at.alerts().values()
    assert (seen.decision, seen.incident, seen.deliveries) == (Decision.STARTED, found.id, 4)


def test_alerts_of_one_model_are_one_incident_and_of_two_models_two(tmp_path: Path) -> None:
    at = hub(tmp_path, catalog=TWO_MODELS)
    at.deliver(
        delivery(alert(instance="a"), alert(instance="b")),
        delivery(alert("ModelQualityDrop", "fraud")),
    )
    assert sorted(one.model for one in at.desk.incidents()) == ["fraud", "shop"]
    joined = at.alerts()["ModelQualityDrop b"]
    assert joined.decision is Decision.JOINED
    assert [one.labels["instance"] for one in at.desk.incident(joined.incident).joined] == ["b"]


def test_an_alert_that_the_catalogue_does_not_know_is_kept_and_shown(tmp_path: Path) -> None:
    at = hub(tmp_path)
    at.deliver(
        delivery(alert("Watchdog", "")),
        delivery(alert("ModelQualityDrop", "../../etc/passwd")),
        delivery(alert("<script>alert(1)</script>", "shop")),
    )
    assert at.desk.incidents() == ()
    reasons = {one.labels["alertname"]: one.reason for one in at.alerts().values()}
    assert "no label 'model'" in reasons["Watchdog"]
    assert "in no catalogue" in reasons["ModelQualityDrop"]
    assert "no playbook" in reasons["<script>alert(1)</script>"]
    assert {one.decision for one in at.alerts().values()} == {Decision.UNKNOWN}


def test_an_unknown_alert_starts_a_run_once_the_catalogue_knows_it(tmp_path: Path) -> None:
    hub(tmp_path).deliver(delivery(alert("OddThing")))
    known = "serve: {routes: [{match: {alertname: /Odd.*/}, model: shop, playbook: model_quality_drop}]}\n"
    again = hub(tmp_path, known)
    again.deliver(delivery(alert("OddThing")))
    assert [one.decision for one in again.alerts().values()] == [Decision.STARTED]


def test_a_resolved_alert_never_starts_anything(tmp_path: Path) -> None:
    at = hub(tmp_path)
    at.deliver(delivery(alert(firing=False)))
    assert at.desk.incidents() == ()
    assert [one.decision for one in at.alerts().values()] == [Decision.OVER]


def test_the_last_resolved_alert_is_written_to_the_incident_with_the_kpi_measured_again(tmp_path: Path) -> None:
    at = hub(tmp_path)
    at.deliver(delivery(alert(instance="a"), alert(instance="b")))
    (incident,) = [one.id for one in at.desk.incidents()]
    at.deliver(delivery(alert(instance="a", firing=False)))
    assert at.desk.incident(incident).cleared_at is None
    at.deliver(delivery(alert(instance="b", firing=False)), delivery(alert(instance="b", firing=False)))
    cleared = at.desk.incident(incident)
    assert cleared.cleared_at is not None
    assert cleared.cleared.startswith("conversion is ")
    assert [event.kind for event in at.desk.events(incident)].count("alerts_cleared") == 1
    at.deliver(delivery(alert(instance="a")))  # it fires again: Alertmanager kept its beginning
    assert at.desk.incident(incident).cleared_at is None
    assert len(at.desk.incidents()) == 1


def test_after_an_incident_ended_an_alert_waits_and_starts_if_it_still_fires(tmp_path: Path) -> None:
    at = hub(tmp_path)
    at.deliver(delivery(alert()))
    at.end("shop-1")
    at.later(0.2)
    again = "2026-11-04T00:10:00Z"
    at.deliver(delivery(alert(starts_at=again)), delivery(alert(starts_at=again, instance="b")))
    assert [one.decision for one in at.inbox.alerts()].count(Decision.HELD) == 2
    at.later(1.0)
    assert [one.id for one in at.desk.incidents()] == ["shop-2", "shop-1"]
    assert sorted(one.decision for one in at.inbox.alerts() if one.incident == "shop-2") == ["joined", "started"]


def test_an_alert_that_fires_on_after_its_incident_ended_starts_another_run_after_the_cool_down(tmp_path: Path) -> None:
    at = hub(tmp_path)
    at.deliver(delivery(alert(), alert(instance="b")))
    at.end("shop-1")
    at.later(0.2)
    assert {one.decision for one in at.inbox.alerts()} == {Decision.HELD}
    assert "it still fires after shop-1 ended" in at.alerts()["ModelQualityDrop"].reason
    assert len(at.desk.incidents()) == 1
    at.later(1.0)
    assert [one.id for one in at.desk.incidents()] == ["shop-2", "shop-1"]
    second = at.desk.incident("shop-2")
    assert second.alert.summary.endswith("(fires on after shop-1 ended)")
    assert second.window.end > at.desk.incident("shop-1").window.end
    assert sorted(one.decision for one in at.inbox.alerts() if one.incident == "shop-2") == ["joined", "started"]
    at.later(12)
    assert len(at.desk.incidents()) == 2  # it is at work


def test_an_alert_that_fires_on_starts_one_run_even_if_the_round_was_killed(tmp_path: Path, monkeypatch) -> None:
    at = hub(tmp_path)
    at.deliver(delivery(alert()))
    at.end("shop-1")
    at.later(0.2)
    with monkeypatch.context() as broken:
        broken.setattr(at.inbox, "settle", lambda *_: (_ for _ in ()).throw(JournalError("killed")))
        with pytest.raises(JournalError):
            at.later(1.0)
    at.work()
    assert [one.id for one in at.desk.incidents()] == ["shop-2", "shop-1"]


def test_an_alert_that_nobody_has_delivered_for_a_day_starts_nothing_anew(tmp_path: Path) -> None:
    at = hub(tmp_path)
    at.deliver(delivery(alert()))
    at.clock.sleep(25 * 3600)
    at.end("shop-1")
    at.later(3)
    assert len(at.desk.incidents()) == 1


def test_an_alert_that_fires_on_after_a_person_broke_its_incident_off_starts_nothing(tmp_path: Path) -> None:
    at = hub(tmp_path)
    at.deliver(delivery(alert()))
    at.end("shop-1", "aborted")
    at.later(48)
    assert len(at.desk.incidents()) == 1


def test_three_failures_in_a_row_stop_further_runs_for_a_while(tmp_path: Path) -> None:
    at = hub(tmp_path)
    for hour in range(0, 8, 2):
        at.deliver(delivery(alert(starts_at=f"2026-11-04T{hour:02d}:00:00Z")))
        if len(at.desk.incidents()) == hour // 2 + 1:
            at.end(at.desk.newest(), "failed")
        at.later(2)
    assert len(at.desk.incidents()) == 3
    (held,) = [one for one in at.inbox.alerts() if one.decision is Decision.HELD]
    assert "the last 3 runs failed" in held.reason
    at.later(6)
    assert len(at.desk.incidents()) == 4


def test_an_alert_from_the_future_is_parked_with_the_reason(tmp_path: Path) -> None:
    at = hub(tmp_path)
    at.deliver(delivery(alert(starts_at="2031-01-01T00:00:00Z")))
    (parked,) = at.alerts().values()
    assert parked.decision is Decision.PARKED
    assert "in the future" in parked.reason
    assert at.desk.incidents() == ()


def test_a_window_never_ends_in_the_future(tmp_path: Path) -> None:
    at = hub(tmp_path)
    at.deliver(delivery(alert(starts_at="2026-11-04T00:03:00Z")))
    assert at.desk.incident("shop-1").window.end <= at.clock.now()


def test_a_playbook_that_can_not_be_run_parks_the_alert(tmp_path: Path) -> None:
    at = hub(tmp_path, "serve: {routes: [{match: {alertname: A}, model: shop, playbook: nothing_here}]}\n")
    at.deliver(delivery(alert("A")))
    (parked,) = at.alerts().values()
    assert parked.decision is Decision.PARKED
    assert "no playbook 'nothing_here'" in parked.reason


def test_what_is_no_delivery_is_kept_with_the_reason_and_keeps_nobody_waiting(tmp_path: Path) -> None:
    at = hub(tmp_path)
    at.deliver(b"[" * 50_000, b"not json", delivery(alert()))
    assert len(at.desk.incidents()) == 1
    assert [one.reason[:30] for one in at.inbox.refusals()] == [
        "the body is no JSON: Expecting",
        "the body is nested too deeply",
    ]
    assert at.inbox.count_waiting() == 0


def test_a_truncated_delivery_is_completed_and_tried_again_while_nobody_answers(tmp_path: Path) -> None:
    answers: list[Any] = [SourceUnavailable("away"), [alert(instance="a"), alert(instance="b")]]

    def complete(asked: Delivery) -> list[Any]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        assert asked.group_labels == {"alertname": "ModelQualityDrop", "model": "shop"}
        return list(answer)

    at = hub(tmp_path, complete=complete)
    at.deliver(delivery(alert(instance="a"), truncatedAlerts=1))
    assert set(at.alerts()) == {"ModelQualityDrop a"}
    assert len(at.desk.incidents()) == 1
    at.later(0.01)
    assert set(at.alerts()) == {"ModelQualityDrop a", "ModelQualityDrop b"}
    assert at.alerts()["ModelQualityDrop a"].deliveries == 1
    assert at.inbox.count_waiting() == 0


@pytest.mark.parametrize("survives", [True, False])
def test_a_round_that_was_killed_before_it_was_settled_repeats_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, survives: bool
) -> None:
    at = hub(tmp_path)
    bodies = [delivery(alert(instance="a"), alert(instance="b")), delivery(alert(instance="c"))]
    if not survives:
        with monkeypatch.context() as patched:
            patched.setattr(at.inbox, "settle", _killed)
            with pytest.raises(KeyboardInterrupt):
                at.deliver(*bodies)
        at = hub(tmp_path)
        at.work()
    else:
        at.deliver(*bodies)
    (found,) = at.desk.incidents()
    kinds = [event.kind for event in at.desk.events(found.id)]
    assert kinds == ["received", "alert_joined", "stale_asked", "alert_joined"]
    assert sorted(one.decision for one in at.alerts().values()) == ["joined", "joined", "started"]


def _killed(*args: object, **named: object) -> None:
    raise KeyboardInterrupt


def test_a_journal_that_can_not_be_written_leaves_the_delivery_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = hub(tmp_path)

    def full(*args: object, **named: object) -> None:
        raise JournalError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(at.desk.journal, "receive", full)
        with pytest.raises(JournalError):
            at.deliver(delivery(alert()))
    assert at.inbox.count_waiting() == 1
    at.work()
    assert len(at.desk.incidents()) == 1


def test_more_deliveries_than_one_round_takes_are_all_worked_on(tmp_path: Path) -> None:
    at = hub(tmp_path)
    at.deliver(*[delivery(alert(instance=str(n % 7))) for n in range(MOST_TOGETHER * 2 + 3)])
    assert sum(one.deliveries for one in at.alerts().values()) == MOST_TOGETHER * 2 + 3
    assert len(at.desk.incidents()) == 1


def test_an_alert_that_joined_an_approved_incident_which_is_cleared_asks_for_the_approval_again(tmp_path: Path) -> None:
    at = hub(tmp_path, lived=world())
    at.deliver(delivery(alert()))
    incident = at.desk.advance("shop-1")
    assert incident.state is State.WAITING_FOR_APPROVAL
    assert incident.plan is not None
    at.clock.sleep(60)
    at.desk.approve("shop-1", incident.plan.digest, "ada")
    at.clock.sleep(60)
    at.deliver(delivery(alert(firing=False)))
    paused = at.desk.advance("shop-1")
    assert paused.state is State.WAITING_FOR_APPROVAL
    assert "resolved after ada approved: conversion is" in paused.state_reason
    at.clock.sleep(60)
    at.desk.approve("shop-1", incident.plan.digest, "ada")
    assert at.desk.advance("shop-1").approval is not None
    assert any(step.uses == "request_approval" and step.settled for step in at.desk.incident("shop-1").steps.values())


def test_an_incident_takes_in_so_many_alerts_and_no_more(tmp_path: Path) -> None:
    at = hub(tmp_path)
    at.deliver(*[delivery(*(alert(instance=f"{n}-{m}") for m in range(50))) for n in range(6)])
    assert len(at.desk.incident("shop-1").joined) == MOST_JOINED
    assert {one.decision for one in at.inbox.alerts(1000)} == {Decision.STARTED, Decision.JOINED}
    assert len(at.inbox.alerts(1000)) == 300


def test_the_log_is_one_object_a_line_without_control_characters(tmp_path: Path) -> None:
    at = hub(tmp_path)
    at.deliver(delivery(alert("A\x1b[2J\nB", "shop")))
    lines = at.log.getvalue().splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["alert"]
    assert "\x1b" not in at.log.getvalue()
