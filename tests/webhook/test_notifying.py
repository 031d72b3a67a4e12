"""Who is told what, when, and how often."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.webhook.hub import NOW, Hub, hub
from tests.webhook.payloads import alert, delivery
from triage.catalog import Channel
from triage.errors import ConfigError, Refused, SourceUnavailable
from triage.incident import CauseKind, Diagnosis, Evidence, Verdict
from triage.journal import Entry
from triage.ports import Notice
from triage.webhook.log import Log
from triage.webhook.notifying import MOST_TRIES, Notifying

CHANNELS = (
    Channel(name="all", kind="command", command=("x",)),
    Channel(name="late", kind="command", command=("x",), at=("done",)),
)


class Telling:
    """Keeps what it is told; raises what ``fails`` says, first."""

    def __init__(self) -> None:
        self.told: list[Notice] = []
        self.fails: list[Exception] = []
        self.tries = 0

    def send(self, notice: Notice) -> None:
        self.tries += 1
        if self.fails:
            raise self.fails.pop(0)
        self.told.append(notice)


@pytest.fixture
def at(tmp_path: Path) -> Hub:
    here = hub(tmp_path)
    here.deliver(delivery(alert()))
    return here


def notifying(at: Hub, telling: Telling) -> Notifying:
    named = {channel.name: telling for channel in CHANNELS}
    return Notifying(
        at.desk,
        CHANNELS,
        named,
        ["shop"],
        at.clock,
        NOW - timedelta(hours=1),
        open_with="ssh box triage show {incident}",
        log=Log(at.log),
        figures=at.figures,
    )


def stand(at: Hub, state: str, reason: str = "why") -> None:
    at.desk.journal.append("shop-1", [Entry("state_changed", {"state": state, "reason": reason})])


def test_each_channel_is_told_once_of_each_moment_it_wants(at: Hub) -> None:
    telling = Telling()
    stand(at, "waiting_for_approval", "plan x is not approved")
    for _ in range(3):
        notifying(at, telling).tick()  # also after a restart
    stand(at, "closed")
    notifying(at, telling).tick()
    assert [(one.moment, one.command) for one in telling.told] == [
        ("needs_approval", "ssh box triage show shop-1"),
        ("done", "ssh box triage show shop-1"),
        ("done", "ssh box triage show shop-1"),
    ]
    kinds = [event.kind for event in at.desk.events("shop-1")]
    assert kinds.count("notified") == 3
    at.desk.verify("shop-1")


def test_an_open_incident_and_one_from_before_are_not_told_of(at: Hub, tmp_path: Path) -> None:
    telling = Telling()
    notifying(at, telling).tick()
    stand(at, "needs_person")
    at.clock.sleep(3600)
    later = Notifying(
        at.desk, CHANNELS, {"all": telling, "late": telling}, ["shop"], at.clock, at.clock.now(),
        open_with="triage show {incident}", log=Log(at.log), figures=at.figures,
    )  # fmt: skip
    later.tick()
    assert telling.told == []


def test_a_state_that_was_left_before_anybody_could_be_told_is_not_told(at: Hub) -> None:
    telling = Telling()
    stand(at, "waiting_for_approval")
    stand(at, "aborted")
    notifying(at, telling).tick()
    assert {one.moment for one in telling.told} == {"done"}


@pytest.mark.parametrize("error", [lambda: SourceUnavailable("away")])
def test_a_failed_notice_is_tried_again_later_a_bounded_number_of_times(
    at: Hub, error: Callable[[], Exception]
) -> None:
    telling = Telling()
    telling.fails = [error() for _ in range(100)]
    stand(at, "needs_person")
    working = notifying(at, telling)
    for _ in range(200):
        working.tick()
        at.clock.sleep(10)
    assert telling.tries == MOST_TRIES
    (given_up,) = [event for event in at.desk.events("shop-1") if event.kind == "not_notified"]
    assert given_up.data["reason"] == "away"
    notifying(at, telling).tick()
    assert telling.tries == MOST_TRIES


def test_one_that_is_refused_is_given_up_at_once(at: Hub) -> None:
    telling = Telling()
    telling.fails = [Refused("gone")]
    stand(at, "needs_person")
    notifying(at, telling).tick()
    assert telling.tries == 1
    assert "gone" in at.desk.report("shop-1", "md")


def test_a_notice_sent_again_has_the_same_id(at: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    telling = Telling()
    stand(at, "needs_person")
    with monkeypatch.context() as patched:
        patched.setattr(at.desk, "record", lambda *arguments: None)  # killed before it was written down
        notifying(at, telling).tick()
    notifying(at, telling).tick()
    first, second = telling.told
    assert first.id == second.id


SECRETIVE = 'report: {redact: [{pattern: Basel, by: "[region]"}], hide_values_of: [place]}\n'
SAID = "Basel fell: location=ZH; ask ann@example.com, token=abc12345"


def told_of(at: Hub) -> list[Notice]:
    telling = Telling()
    notifying(at, telling).tick()
    return telling.told


def test_a_notice_shows_no_more_than_the_report_does(tmp_path: Path) -> None:
    at = hub(tmp_path, SECRETIVE)
    bare = alert()
    bare["annotations"]["summary"] = SAID
    at.deliver(delivery(bare))
    chart = {"categories": ["BE", "ZH"]}
    seen = Evidence("e", "feature_drift", CauseKind.FEATURE_DRIFT, Verdict.SUPPORTS, "ZH", subject="place", chart=chart)
    finished = {"step": "feature_drift", "outcome": "done", "outputs": {}, "evidence": [seen]}
    at.desk.journal.append("shop-1", [Entry("step_finished", finished)])
    stand(at, "needs_person", f"feature_drift: {SAID}")
    (notice,) = told_of(at)
    for text in (notice.cause, notice.reason):
        assert "[region] fell: location=[hidden]; ask [e-mail], token=[redacted]" in text
    diagnosis = Diagnosis(SAID, ())
    at.desk.journal.append("shop-1", [Entry("diagnosed", {"diagnosis": diagnosis})])
    stand(at, "needs_person", "again")
    (notice,) = told_of(at)
    assert notice.cause.startswith("[region] fell: location=[hidden]")


def test_where_nobody_can_say_what_is_hidden_nothing_is_shown_and_somebody_is_told_all_the_same(
    at: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(incident: str) -> object:
        raise ConfigError("the catalogue of the run can't be read")

    monkeypatch.setattr(at.desk, "told", faulty)
    stand(at, "needs_person", SAID)
    (notice,) = told_of(at)
    assert (notice.reason, notice.command) == ("[hidden]", "ssh box triage show shop-1")
    assert "ModelQualityDrop" not in notice.cause
