"""Which incidents are worked on now."""

from datetime import UTC, datetime, timedelta

import pytest

from triage.codec import format_time
from triage.journal import Summary
from triage.webhook.runs import wanted

NOW = datetime(2026, 11, 4, 12, tzinfo=UTC)


def one(number: int, state: str, model: str = "shop", *, live: bool = False) -> Summary:
    at = format_time(NOW)
    return Summary(
        f"{model}-{number}", model, "A", at, at, state, "", None, None, None, None, None, False, live, False, at
    )


def test_the_oldest_active_incident_of_each_model_is_worked_on() -> None:
    newest = [one(3, "open"), one(2, "waiting_for_approval"), one(1, "closed"), one(1, "open", "fraud")]
    assert wanted(newest, set(), {}, NOW, lambda summary: True) == [("fraud-1", "fraud"), ("shop-2", "shop")]


def test_a_model_has_one_run_at_a_time() -> None:
    assert wanted([one(2, "open"), one(1, "open", "fraud")], {"shop"}, {}, NOW, lambda summary: True) == [
        ("fraud-1", "fraud")
    ]


def test_what_has_nothing_to_do_gives_way_to_a_younger_one() -> None:
    newest = [one(2, "open"), one(1, "waiting_for_approval")]
    assert wanted(newest, set(), {}, NOW, lambda summary: summary.state == "open") == [("shop-2", "shop")]


def test_one_that_met_trouble_is_left_alone_for_a_while() -> None:
    waits = {"shop-1": (1, NOW + timedelta(seconds=5))}
    assert wanted([one(1, "open")], set(), waits, NOW, lambda summary: True) == []
    later = NOW + timedelta(seconds=6)
    assert wanted([one(1, "open")], set(), waits, later, lambda summary: True) == [("shop-1", "shop")]


STILL = ("needs_person", "failed", "aborted", "closed")


def test_what_waits_for_a_person_or_is_over_is_not_worked_on() -> None:
    assert wanted([one(n, state) for n, state in enumerate(STILL)], set(), {}, NOW, lambda summary: True) == []


@pytest.mark.parametrize("state", STILL)
def test_a_live_challenger_is_worked_on_in_any_state_and_before_all_else(state: str) -> None:
    newest = [one(3, "open"), one(2, state, live=True), one(1, "open"), one(9, "open", "fraud")]
    assert wanted(newest, set(), {}, NOW, lambda summary: True) == [("shop-2", "shop"), ("fraud-9", "fraud")]
