"""What becomes of an alert that fires, decided from what is known."""

from datetime import UTC, datetime, timedelta

import pytest

from triage.catalog import Serve
from triage.codec import format_time
from triage.journal import Summary
from triage.webhook.admission import Hold, Join, Park, Start, admit

NOW = datetime(2026, 11, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
POLICY = Serve()


def one(state: str, updated: datetime, number: int = 1) -> Summary:
    at = format_time(updated)
    return Summary(
        f"shop-{number}", "shop", "A", at, at, state, "why", None, None, None, None, None, False, False, False, at
    )


def test_the_first_alert_of_a_model_starts_a_run() -> None:
    assert admit(NOW, [], POLICY, NOW) == Start()


def test_an_alert_joins_the_incident_that_is_at_work_on_its_model_however_old() -> None:
    assert isinstance(admit(NOW, [one("open", NOW - 900 * HOUR)], POLICY, NOW), Join)


@pytest.mark.parametrize("state", ["needs_person", "failed", "aborted", "closed"])
def test_an_alert_joins_an_incident_whose_challenger_is_live_whatever_its_state(state: str) -> None:
    live = one(state, NOW - 900 * HOUR)._replace(live=True)
    assert isinstance(admit(NOW, [one("closed", NOW, 2), live], POLICY, NOW), Join)


@pytest.mark.parametrize("state", ["needs_person", "waiting_for_approval"])
def test_an_alert_joins_an_incident_that_waits_but_not_for_ever_whatever_was_written_to_it_since(state: str) -> None:
    assert isinstance(admit(NOW, [one(state, NOW - 2 * HOUR)], POLICY, NOW), Join)
    waits = one(state, NOW - 25 * HOUR)
    assert admit(NOW, [waits], POLICY, NOW) == Start()
    assert admit(NOW, [waits._replace(updated=format_time(NOW))], POLICY, NOW) == Start()


@pytest.mark.parametrize("state", ["closed", "aborted", "failed"])
def test_after_an_incident_ended_an_alert_waits_for_the_cool_down(state: str) -> None:
    held = admit(NOW, [one(state, NOW - HOUR / 4)], POLICY, NOW)
    assert isinstance(held, Hold)
    assert held.until == NOW + 0.75 * HOUR
    assert admit(held.until, [one(state, NOW - HOUR / 4)], POLICY, held.until) == Start()


def test_after_failures_in_a_row_nothing_starts_by_itself_for_a_while() -> None:
    failed = [one("failed", NOW - 2 * HOUR, 3), one("failed", NOW - 4 * HOUR, 2), one("failed", NOW - 6 * HOUR, 1)]
    held = admit(NOW, failed, POLICY, NOW)
    assert isinstance(held, Hold)
    assert "the last 3 runs failed" in held.reason
    assert admit(held.until, failed, POLICY, held.until) == Start()
    assert admit(NOW, [*failed[:2], one("closed", NOW - 9 * HOUR)], POLICY, NOW) == Start()


def test_an_alert_from_the_future_is_left_for_a_person() -> None:
    assert isinstance(admit(NOW + 3 * HOUR, [], POLICY, NOW), Park)
    assert admit(NOW + timedelta(minutes=2), [], POLICY, NOW) == Start()
