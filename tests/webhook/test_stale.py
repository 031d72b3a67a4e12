"""The second law under the server: no drift alert leaves neither a run nor the stale tag."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.light_world import CATALOG, World, world
from tests.test_release_troubles import Failing
from tests.webhook.at_hand import Server
from tests.webhook.hub import Hub, hub
from tests.webhook.payloads import alert, delivery
from triage.codec import format_time
from triage.desk import Desk
from triage.errors import SourceUnavailable
from triage.incident import State
from triage.staleness import incidents, marks
from triage.webhook.inbox import Decision

AWAY = SourceUnavailable("the registry does not answer", hint="start it")
WEEKLY = "serve: {routes: [{match: {alertname: Weekly}, model: shop, playbook: scheduled_retraining}]}\n"


def tagged(lived: World) -> tuple[str, ...]:
    return incidents(lived.registry.champion("shop", "champion").tags)


def waiting_for_its_yes(home: Path, lived: World) -> Hub:
    """A weekly retrain that nobody has answered yet."""
    at = hub(home, WEEKLY, lived=lived)
    at.deliver(delivery(alert("Weekly")))
    assert at.desk.advance("shop-1").state is State.WAITING_FOR_APPROVAL
    assert tagged(lived) == ()
    return at


def serving(at: Hub, lived: World, monkeypatch: pytest.MonkeyPatch) -> Server:
    return Server(lambda: Desk(at.home, at.clock, lived.connect), at.clock, monkeypatch)


def drifts(at: Hub, **labels: str) -> None:
    at.deliver(delivery(alert(starts_at=format_time(at.clock.now()), **labels)))


def test_an_alert_that_joins_a_retrain_which_waits_has_the_champion_tagged_as_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lived = world()
    at = waiting_for_its_yes(tmp_path, lived)
    plan = at.desk.incident("shop-1").plan
    drifts(at)
    assert at.desk.incident("shop-1").tag_owed
    serving(at, lived, monkeypatch).goes_on(minutes=1)
    assert tagged(lived) == ("shop-1",)
    left = at.desk.incident("shop-1")
    assert (left.state, left.plan, left.tag_owed) == (State.WAITING_FOR_APPROVAL, plan, None)
    seen = marks(lived.registry.champion("shop", "champion").tags)["shop-1"]
    assert datetime.fromisoformat(seen) == left.joined[0].starts_at
    assert "Version 1 is tagged as stale: an alert joined" in at.desk.report("shop-1", "md")
    drifts(at, instance="b")
    kinds = [event.kind for event in at.desk.events("shop-1")]
    assert (kinds.count("stale_asked"), kinds.count("alert_joined")) == (2, 2)


@pytest.mark.parametrize("state", ["aborted", "closed"])
def test_a_tag_that_is_owed_is_put_on_although_the_incident_ended_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    lived = world()
    at = waiting_for_its_yes(tmp_path, lived)
    drifts(at)
    at.end("shop-1", state)
    serving(at, lived, monkeypatch).goes_on(minutes=1)
    assert tagged(lived) == ("shop-1",)
    assert at.desk.incident("shop-1").state == state


def test_a_tag_that_the_registry_does_not_take_is_told_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lived = world()
    at = waiting_for_its_yes(tmp_path, lived)
    away = lived.registry = Failing(lived.registry, "tag", AWAY, times=4)  # type: ignore[assignment]
    drifts(at)
    server = serving(at, lived, monkeypatch)
    server.goes_on(minutes=1)
    assert at.desk.incident("shop-1").tag_owed
    assert (
        "could not be tagged as stale for an alert that joined: the registry does not answer" in server.said.getvalue()
    )
    server.goes_on(minutes=3)
    assert away.left == 0  # type: ignore[attr-defined]
    assert tagged(lived) == ("shop-1",)
    given = server.given()
    assert given <= 5 + 1
    server.goes_on(minutes=10)
    assert server.given() == given


def test_an_alert_whose_playbook_marks_nothing_asks_for_no_tag(tmp_path: Path) -> None:
    at = hub(tmp_path, WEEKLY)
    at.deliver(delivery(alert("Weekly")))
    at.deliver(delivery(alert("Weekly", starts_at=format_time(at.clock.now()))))
    assert len(at.desk.incident("shop-1").joined) == 1
    assert not at.desk.incident("shop-1").tag_owed


def test_a_retrain_that_nobody_answers_does_not_take_in_alerts_for_ever(tmp_path: Path) -> None:
    at = hub(tmp_path, WEEKLY)
    at.deliver(delivery(alert("Weekly")))
    at.end("shop-1", "waiting_for_approval")
    for hour in range(1, 26):
        at.clock.sleep(3600)
        drifts(at, instance=str(hour))  # what joins does not make it younger
    assert [one.id for one in at.desk.incidents()] == ["shop-2", "shop-1"]
    assert at.desk.incident("shop-2").playbook == "model_quality_drop"


def held(home: Path, lived: World, catalog: str = CATALOG) -> Hub:
    """An incident has just ended, and an alert of its model waits for the cool-down; then it is resolved."""
    at = hub(home, catalog=catalog, lived=lived)
    at.deliver(delivery(alert(instance="a"), alert(instance="a", firing=False)))
    at.end("shop-1")
    again = format_time(at.clock.now())
    at.deliver(delivery(alert(starts_at=again)))
    at.clock.sleep(600)
    at.deliver(delivery(alert(starts_at=again, firing=False)))
    assert [one.decision for one in at.inbox.alerts() if one.incident == ""] == [Decision.HELD]
    return at


def test_a_held_alert_that_is_resolved_has_its_run_which_measures_and_changes_nothing(tmp_path: Path) -> None:
    lived = world()
    text = CATALOG + "    approval: {auto_approve: [retrain, shadow]}\n"
    at = held(tmp_path, lived, text)
    assert len(at.desk.incidents()) == 1
    at.later(1)
    assert [one.id for one in at.desk.incidents()] == ["shop-2", "shop-1"]
    assert at.desk.incident("shop-2").cleared_at is not None
    done = at.desk.advance("shop-2")
    assert done.diagnosis is not None
    assert tagged(lived) == ("shop-2",)
    assert done.plan is not None
    assert "retrain" in done.plan.covers
    assert (done.state, done.approval) == (State.WAITING_FOR_APPROVAL, None)
    assert "its alert was resolved since: it was resolved before its run began" in done.state_reason


def test_a_held_alert_that_is_resolved_joins_a_run_without_taking_back_that_all_is_clear(tmp_path: Path) -> None:
    at = held(tmp_path, world(per_hour=2))
    other = format_time(at.clock.now() + timedelta(minutes=55))
    at.clock.sleep(55 * 60)
    at.deliver(delivery(alert(starts_at=other, instance="b")))
    at.deliver(delivery(alert(starts_at=other, instance="b", firing=False)))
    (second, first) = at.desk.incidents()
    assert (second.id, first.id) == ("shop-2", "shop-1")
    found = at.desk.incident("shop-2")
    assert found.cleared_at is not None
    assert found.alert.labels.get("instance", "") == "" or found.joined


def test_a_held_alert_that_never_called_the_model_stale_is_over_when_it_is_resolved(tmp_path: Path) -> None:
    at = hub(tmp_path, WEEKLY)
    at.deliver(delivery(alert()), delivery(alert(firing=False)))
    at.end("shop-1")
    again = format_time(at.clock.now())
    for firing in (True, False):
        at.deliver(delivery(alert("Weekly", starts_at=again, firing=firing)))
    assert at.alerts()["Weekly"].decision is Decision.OVER
    at.later(3)
    assert len(at.desk.incidents()) == 1


def test_an_alert_that_went_on_after_its_incident_is_over_when_it_is_resolved(tmp_path: Path) -> None:
    at = hub(tmp_path)
    at.deliver(delivery(alert()))
    at.end("shop-1")
    at.later(0.2)
    assert at.alerts()["ModelQualityDrop"].decision is Decision.HELD
    at.deliver(delivery(alert(firing=False)))
    at.later(3)
    assert len(at.desk.incidents()) == 1


@pytest.mark.parametrize("name", ["OddThing", "Unplayable"])
def test_an_alert_without_a_playbook_stays_to_be_seen_when_it_is_resolved_and_is_taken_up_once_there_is_one(
    tmp_path: Path, name: str
) -> None:
    at = hub(tmp_path, "serve: {routes: [{match: {alertname: Unplayable}, model: shop, playbook: nothing_here}]}\n")
    at.deliver(delivery(alert(name)), delivery(alert(name, firing=False)))
    (seen,) = at.alerts().values()
    assert seen.decision is (Decision.UNKNOWN if name == "OddThing" else Decision.PARKED)
    again = hub(
        tmp_path, f"serve: {{routes: [{{match: {{alertname: {name}}}, model: shop, playbook: model_quality_drop}}]}}\n"
    )
    again.deliver(delivery(alert(name, firing=False)))
    assert [one.decision for one in again.alerts().values()] == [Decision.STARTED]
    assert again.desk.incident("shop-1").cleared_at is not None
