from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from triage.approval import names_plan, objection
from triage.codec import encode
from triage.incident import (
    Action,
    Alert,
    Approval,
    CauseKind,
    Effect,
    Event,
    Evidence,
    Incident,
    Plan,
    Rejection,
    State,
    StepRecord,
    Verdict,
    Window,
    Withdrawal,
    fold,
)

NOW = datetime(2026, 11, 4, tzinfo=UTC)
DIGEST = "sha256:" + "ab" * 32
PLAN = Plan(
    "retrain",
    (Action("retrain", "Retrain", Effect.CHANGE, "it drifted"),),
    digest=DIGEST,
    champion="2",
    covers=("retrain", "shadow"),
)
GIVEN = Approval(DIGEST, "ann", NOW, NOW + timedelta(hours=4), "ann@desk")


def incident(**changes: object) -> Incident:
    alert = Alert("A", "m", NOW, requested_by="bob")
    window = Window(NOW - timedelta(days=2), NOW)
    return replace(Incident("m-1", "m", alert, window, "p", "", "", NOW, NOW, plan=PLAN, approval=GIVEN), **changes)  # type: ignore[arg-type]


def test_an_approval_of_this_plan_in_time_opens_the_gate() -> None:
    assert objection(incident(), NOW, four_eyes=True) == ""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"plan": None}, "no plan"),
        ({"approval": None}, "not approved"),
        ({"plan": replace(PLAN, digest="sha256:" + "cd" * 32)}, "another plan"),
        ({"approval": replace(GIVEN, until=NOW)}, "expired"),
        ({"approval": replace(GIVEN, at=NOW + timedelta(minutes=1))}, "expired"),
        (
            {"approval": replace(GIVEN, used_by=("first",)), "steps": {"first": StepRecord("first", "retrain")}},
            "by 'first'",
        ),
        ({"plan": replace(PLAN, covers=("shadow",))}, "does not cover 'retrain'"),
        ({"withdrawal": Withdrawal("eve", NOW, "it burns")}, "rolled back by eve"),
        ({"approval": replace(GIVEN, by=" BOB ")}, "another person"),
        ({"rejection": Rejection(DIGEST, "eve", NOW, "too risky")}, "rejected by eve"),
    ],
)
def test_anything_less_keeps_it_shut(changes: dict[str, object], words: str) -> None:
    assert words in objection(incident(**changes), NOW, four_eyes=True, step="second", uses="retrain")


def test_the_step_that_used_an_approval_may_go_on_after_it_expired() -> None:
    used = replace(GIVEN, used_by=("retrain",), until=NOW)
    assert objection(incident(approval=used), NOW, four_eyes=False, step="retrain", uses="retrain") == ""


def test_not_even_the_step_that_used_it_goes_on_with_the_requesters_own() -> None:
    used = replace(GIVEN, used_by=("retrain",), by="bob")
    assert "another person" in objection(incident(approval=used), NOW, four_eyes=True, step="retrain", uses="retrain")


@pytest.mark.parametrize("typed", ["", "ab", "ab" * 5, "cd" * 6, "ab" * 33])
def test_a_plan_is_named_by_enough_of_its_own_digits(typed: str) -> None:
    assert not names_plan(typed, DIGEST)
    assert names_plan("ab" * 6, DIGEST)
    assert names_plan(DIGEST, DIGEST)


def told(*events: tuple[str, dict[str, object], datetime]) -> Incident:
    received = {
        "alert": Alert("A", "m", NOW),
        "window": Window(NOW - timedelta(days=2), NOW),
        "playbook": "p",
        "playbook_digest": "",
        "catalog_digest": "",
    }
    lines = [("received", received, NOW), ("planned", {"plan": PLAN}, NOW), *events]
    read = fold(Event("m-1", seq, at, kind, encode(data)) for seq, (kind, data, at) in enumerate(lines, 1))
    assert read is not None
    return read


APPROVED = ("approved", {"approval": GIVEN}, NOW)
STARTED = {"step": "retrain", "uses": "retrain", "attempt": 1, "gated": True}
FOUND = Evidence("e", "s", CauseKind.UNKNOWN, Verdict.SUPPORTS, "something new")


def test_a_gated_step_uses_the_approval_up() -> None:
    read = told(APPROVED, ("step_started", STARTED, NOW))
    assert read.approval is not None
    assert read.approval.used_by == ("retrain",)


def test_an_expired_approval_is_not_used_by_merely_starting_a_step() -> None:
    read = told(APPROVED, ("step_started", STARTED, NOW + timedelta(hours=5)))
    assert "expired" in objection(read, NOW + timedelta(hours=5), four_eyes=False, step="retrain", uses="retrain")


def test_an_approval_of_before_the_alert_was_resolved_is_not_used_by_merely_starting_a_step() -> None:
    later = NOW + timedelta(minutes=1)
    read = told(APPROVED, ("alerts_cleared", {"statement": "it is over"}, later), ("step_started", STARTED, later))
    assert read.approval is not None
    assert read.approval.used_by == ()
    assert "it is over" in objection(read, later, four_eyes=False, step="retrain", uses="retrain")


@pytest.mark.parametrize(("state", "by"), [("open", "ann"), ("waiting_for_approval", "eve")])
def test_a_second_yes_counts_only_where_a_gate_waits_once_more(state: str, by: str) -> None:
    used = ("step_started", STARTED, NOW)
    stands = ("state_changed", {"state": state, "reason": ""}, NOW)
    read = told(APPROVED, used, stands, ("approved", {"approval": replace(GIVEN, by="eve")}, NOW))
    assert read.approval is not None
    assert read.approval.by == by


@pytest.mark.parametrize(
    "event",
    [
        ("planned", {"plan": PLAN}, NOW),
        ("rejected", {"rejection": Rejection(DIGEST, "eve", NOW, "no")}, NOW),
        ("step_finished", {"step": "s", "outcome": "done", "evidence": [FOUND]}, NOW),
    ],
)
def test_a_new_plan_new_evidence_or_a_no_voids_an_approval(event: tuple[str, dict[str, object], datetime]) -> None:
    assert told(APPROVED).approval is not None
    assert told(APPROVED, event).approval is None


def test_an_approval_of_another_plan_is_passed_over() -> None:
    other = replace(GIVEN, plan_digest="sha256:" + "cd" * 32)
    assert told(("approved", {"approval": other}, NOW)).approval is None


def test_no_yes_after_a_no() -> None:
    assert told(("rejected", {"rejection": Rejection(DIGEST, "eve", NOW, "no")}, NOW), APPROVED).approval is None


def test_an_executor_that_settles_later_does_not_undo_an_abort() -> None:
    aborted = ("state_changed", {"state": "aborted", "reason": "by ann"}, NOW)
    late = ("state_changed", {"state": "closed", "reason": "done"}, NOW)
    assert told(aborted, late).state is State.ABORTED
