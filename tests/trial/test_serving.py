"""What ends a copy of the traffic, or a canary, though the challenger is no worse than the champion beside it."""

import pytest

from triage.trial.guardrail import Tally
from triage.trial.serving import ServiceLevel, judge_level, judge_rise
from triage.trial.verdict import TrialVerdict


def test_a_level_that_broke_before_the_challenger_was_asked_ends_nothing() -> None:
    level = ServiceLevel("availability", 20.0, 16.0, broke_before=True)
    found = judge_level(level)
    assert found.verdict is TrialVerdict.INCONCLUSIVE
    assert not found.needed_to_promote
    assert judge_level(ServiceLevel("availability", 20.0, 16.0)).verdict is TrialVerdict.FAIL


def test_a_level_that_is_no_share_of_requests_is_told_in_its_own_measure() -> None:
    found = judge_level(ServiceLevel("latency_p99", 1.3, 1.1, 1.0, "times its target"))
    assert found.verdict is TrialVerdict.FAIL
    assert found.statement == "service level latency_p99: 1.3 (short) and 1.1 (long) times its target, limit 1"


@pytest.mark.parametrize(
    ("before", "now", "verdict"),
    [
        (Tally(10_000, 10), Tally(10_000, 12), TrialVerdict.PASS),
        (Tally(10_000, 10), Tally(10_000, 400), TrialVerdict.FAIL),
        (Tally(50, 0), Tally(50, 0), TrialVerdict.INCONCLUSIVE),
        (None, Tally(50, 0), TrialVerdict.NO_DATA),
        (Tally(50, 0), None, TrialVerdict.NO_DATA),
        (Tally(0, 0), Tally(50, 0), TrialVerdict.NO_DATA),
    ],
)
def test_a_rise_is_shown_ruled_out_undecided_or_not_measured(
    before: Tally | None, now: Tally | None, verdict: TrialVerdict
) -> None:
    assert judge_rise("errors", before, now, margin=0.01, confidence=0.999, min_requests=30).verdict is verdict


def test_counts_that_are_no_whole_numbers_and_more_events_than_requests_are_taken_as_they_can_be() -> None:
    found = judge_rise("slow", Tally(99.6, 0.3), Tally(1.1, 1.4), margin=0.01, confidence=0.95, min_requests=30)
    assert found.verdict is TrialVerdict.INCONCLUSIVE
