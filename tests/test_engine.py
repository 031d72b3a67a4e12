from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from triage.engine import Run, Settle, Skip, Wait, next_move
from triage.incident import (
    Action,
    Alert,
    Cause,
    CauseKind,
    Diagnosis,
    Effect,
    Evidence,
    Incident,
    Outcome,
    Plan,
    State,
    StepRecord,
    Verdict,
    Window,
)
from triage.playbook import Playbook

NOW = datetime(2026, 11, 4, tzinfo=UTC)
BOOK = Playbook.parse(
    """
name: test
title: A test
steps:
  - {id: stale, uses: mark_stale}
  - {id: kpi, uses: measure_kpi, on_error: stop}
  - {id: drift, uses: check_feature_drift, needs: [kpi]}
  - {id: diagnosis, uses: diagnose, needs: [drift]}
  - id: plan
    uses: propose_plan
    needs: [diagnosis]
    on_error: needs_person
    when: [{check: cause_is, kinds: [feature_drift], min_probability: 0.6}]
""",
    "test.yaml",
)
DONE = {"outcome": Outcome.DONE, "started_at": NOW, "finished_at": NOW, "attempts": 1}
DRIFT = Diagnosis("drift", (Cause(CauseKind.FEATURE_DRIFT, "user_location", 0.9, 0.8, "it moved"),))


def incident(steps: dict[str, dict[str, object]], **changes: object) -> Incident:
    records = {name: StepRecord(name, name, **record) for name, record in steps.items()}  # type: ignore[arg-type]
    fields = {
        "id": "m-1",
        "model": "m",
        "alert": Alert("A", "m", NOW),
        "window": Window(NOW - timedelta(days=2), NOW),
        "playbook": "test",
        "playbook_digest": "",
        "catalog_digest": "",
        "received_at": NOW,
        "updated_at": NOW,
        "steps": records,
    }
    return Incident(**{**fields, **changes})  # type: ignore[arg-type]


def test_the_first_step_comes_first() -> None:
    move = next_move(incident({}), BOOK, NOW)
    assert isinstance(move, Run)
    assert (move.step.id, move.attempt, move.probe) == ("stale", 1, False)


def test_a_finished_step_is_not_repeated() -> None:
    move = next_move(incident({"stale": DONE, "kpi": DONE}), BOOK, NOW)
    assert isinstance(move, Run)
    assert move.step.id == "drift"


def test_an_interrupted_read_is_simply_read_again() -> None:
    move = next_move(incident({"stale": DONE, "kpi": {"started_at": NOW, "attempts": 1}}), BOOK, NOW)
    assert isinstance(move, Run)
    assert (move.step.id, move.attempt, move.probe) == ("kpi", 2, False)


def test_an_interrupted_change_is_looked_for_before_it_is_done_again() -> None:
    move = next_move(incident({"stale": {"started_at": NOW, "attempts": 1}}), BOOK, NOW)
    assert isinstance(move, Run)
    assert (move.step.id, move.probe) == ("stale", True)


def test_a_retry_waits_for_its_time_while_independent_steps_go_on() -> None:
    later = NOW + timedelta(seconds=4)
    waiting = {"started_at": NOW, "attempts": 1, "retry_at": later, "reason": "down"}
    move = next_move(incident({"stale": waiting}), BOOK, NOW)
    assert isinstance(move, Run)
    assert move.step.id == "kpi"
    move = next_move(incident({"stale": DONE, "kpi": waiting}), BOOK, NOW)
    assert move == Wait(later, "kpi: down")
    move = next_move(incident({"stale": DONE, "kpi": waiting}), BOOK, later)
    assert isinstance(move, Run)
    assert (move.step.id, move.attempt) == ("kpi", 2)


@pytest.mark.parametrize(("step", "state"), [("kpi", State.FAILED), ("plan", State.NEEDS_PERSON)])
def test_a_failed_step_ends_the_run_as_its_playbook_says(step: str, state: State) -> None:
    steps = dict.fromkeys(("stale", "kpi", "drift", "diagnosis"), DONE)
    steps[step] = {**DONE, "outcome": Outcome.FAILED, "reason": "broken"}
    assert next_move(incident(steps, diagnosis=DRIFT), BOOK, NOW) == Settle(state, f"{step}: broken")


def test_a_failure_that_may_be_passed_over_is_passed_over() -> None:
    steps = {"stale": {**DONE, "outcome": Outcome.FAILED}, "kpi": DONE}
    move = next_move(incident(steps), BOOK, NOW)
    assert isinstance(move, Run)
    assert move.step.id == "drift"


def test_a_step_whose_check_does_not_hold_is_skipped_with_the_reason() -> None:
    steps = dict.fromkeys(("stale", "kpi", "drift", "diagnosis"), DONE)
    unsure = Diagnosis("?", (Cause(CauseKind.FEATURE_DRIFT, "user_location", 0.5, None, ""),))
    move = next_move(incident(steps, diagnosis=unsure), BOOK, NOW)
    assert isinstance(move, Skip)
    assert (move.step.id, move.reason) == ("plan", "cause_is does not hold")
    move = next_move(incident(steps, diagnosis=DRIFT), BOOK, NOW)
    assert isinstance(move, Run)


def test_what_needs_a_skipped_step_is_skipped_too() -> None:
    move = next_move(incident({"stale": DONE, "kpi": {"skipped": True}}), BOOK, NOW)
    assert isinstance(move, Skip)
    assert move.reason == "needs kpi, which was skipped"


ALL = dict.fromkeys(("stale", "kpi", "drift", "diagnosis", "plan"), DONE)


def test_a_plan_that_changes_something_waits_for_a_person() -> None:
    plan = Plan("retrain", (Action("retrain", "Retrain", Effect.CHANGE, "it drifted"),))
    assert next_move(incident(ALL, diagnosis=DRIFT, plan=plan), BOOK, NOW) == Settle(State.NEEDS_PERSON, "retrain")


WATCH = Plan("watch", (Action("watch", "Watch", Effect.READ, ""),))
STEADY = Evidence("feature_drift", "drift", CauseKind.FEATURE_DRIFT, Verdict.REFUTES, "nothing moved")
FELL = Evidence("kpi", "kpi", CauseKind.UNKNOWN, Verdict.INCONCLUSIVE, "conversion is as expected")


def test_a_plan_that_changes_nothing_closes_the_incident() -> None:
    move = next_move(incident(ALL, diagnosis=DRIFT, plan=WATCH, evidence=(STEADY,)), BOOK, NOW)
    assert move == Settle(State.CLOSED, "watch")


def test_no_data_is_no_all_clear() -> None:
    lost = replace(STEADY, verdict=Verdict.UNMEASURED)
    fine = Diagnosis("conversion has not got worse", ())
    move = next_move(incident(ALL, diagnosis=fine, plan=WATCH, evidence=(FELL, lost)), BOOK, NOW)
    assert isinstance(move, Settle)
    assert move.state is State.NEEDS_PERSON
    assert next_move(incident(ALL, diagnosis=fine, plan=WATCH, evidence=(FELL, STEADY)), BOOK, NOW) == Settle(
        State.CLOSED, "watch"
    )


def test_a_cause_whose_cure_has_to_wait_is_not_closed() -> None:
    later = Plan("do not retrain yet", (Action("wait", "Wait for fresh rows", Effect.READ, ""),))
    move = next_move(incident(ALL, diagnosis=DRIFT, plan=later, evidence=(STEADY,)), BOOK, NOW)
    assert move == Settle(State.NEEDS_PERSON, "do not retrain yet")


def test_a_drop_that_can_not_be_told_yet_needs_a_person() -> None:
    unsure = Diagnosis("can't be told yet", (), next_check="a longer window")
    look = Plan("look again", (Action("investigate", "Look again", Effect.READ, ""),))
    move = next_move(incident(ALL, diagnosis=unsure, plan=look, evidence=(FELL, STEADY)), BOOK, NOW)
    assert move == Settle(State.NEEDS_PERSON, "look again")


def test_a_cause_that_is_not_likely_enough_needs_a_person() -> None:
    unsure = Diagnosis("?", (Cause(CauseKind.CONCEPT_DRIFT, "", 0.4, None, ""),))
    look = Plan("look further", (Action("investigate", "Look further", Effect.READ, ""),))
    move = next_move(incident(ALL, diagnosis=unsure, plan=look, evidence=(STEADY,)), BOOK, NOW)
    assert move == Settle(State.NEEDS_PERSON, "look further")


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.REFUSED, Outcome.UNKNOWN])
def test_a_change_that_did_not_come_about_keeps_the_incident_open(outcome: Outcome) -> None:
    steps = {**ALL, "stale": {**DONE, "uses": "mark_stale", "outcome": outcome, "reason": "registry down"}}
    records = {name: StepRecord(**{"id": name, "uses": name, **record}) for name, record in steps.items()}  # type: ignore[arg-type]
    stood = replace(incident({}, diagnosis=DRIFT, plan=WATCH, evidence=(STEADY,)), steps=records)
    move = next_move(stood, BOOK, NOW)
    assert move == Settle(State.NEEDS_PERSON, "stale: registry down")


def test_a_change_is_looked_for_before_it_is_tried_again() -> None:
    waiting = {"started_at": NOW, "attempts": 1, "retry_at": NOW, "reason": "gave no answer"}
    move = next_move(incident({"stale": waiting}), BOOK, NOW)
    assert isinstance(move, Run)
    assert (move.attempt, move.probe) == (2, True)


def test_a_clock_that_was_set_back_makes_no_retry_wait_for_it() -> None:
    waiting = {"started_at": NOW, "attempts": 1, "retry_at": NOW + timedelta(seconds=2), "reason": "down"}
    move = next_move(incident({"stale": DONE, "kpi": waiting}), BOOK, NOW - timedelta(days=2))
    assert isinstance(move, Run)
    assert move.step.id == "kpi"


def test_a_run_without_a_diagnosis_is_no_all_clear() -> None:
    move = next_move(incident(ALL), BOOK, NOW)
    assert isinstance(move, Settle)
    assert move.state is State.NEEDS_PERSON


def test_an_aborted_incident_does_nothing_more() -> None:
    move = next_move(incident({}, state=State.ABORTED, state_reason="by ann"), BOOK, NOW)
    assert move == Settle(State.ABORTED, "by ann")
