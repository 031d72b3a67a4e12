from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from triage.trial.guardrail import Guardrail, GuardrailKind, Look, Tally, judge_guardrail, judge_split
from triage.trial.verdict import TrialVerdict

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
ERRORS = Guardrail("errors", margin=0.005)


def _looks(champion_share, challenger_share, intervals=20, champion=1_800, challenger=200, seed=0):
    rng = np.random.default_rng(seed)
    return [
        Look(
            START + timedelta(minutes=minute + 1),
            Tally(champion, int(rng.binomial(champion, champion_share))),
            Tally(challenger, int(rng.binomial(challenger, challenger_share))),
        )
        for minute in range(intervals)
    ]


def _judge(guardrail, looks, **options):
    now = looks[-1].at if looks else START
    return judge_guardrail(guardrail, looks, stage_started_at=START, now=options.pop("now", now), **options)


def test_a_challenger_with_ten_times_the_errors_fails_within_minutes():
    found = _judge(ERRORS, _looks(0.002, 0.02, intervals=6))
    assert found.verdict is TrialVerdict.FAIL
    assert found.harm.low > 0


def test_harm_may_be_shown_before_the_minimum_of_requests_but_never_its_absence():
    terrible = _judge(ERRORS, _looks(0.0, 0.9, intervals=4, challenger=40))
    assert terrible.n_challenger < ERRORS.min_requests
    assert terrible.verdict is TrialVerdict.FAIL
    perfect = _judge(Guardrail("errors", margin=0.9), _looks(0.0, 0.0, intervals=4, challenger=40))
    assert perfect.verdict is TrialVerdict.INCONCLUSIVE
    assert "300 in each are needed" in perfect.statement


def test_an_equal_challenger_passes_once_the_margin_is_ruled_out():
    looks = _looks(0.002, 0.002, intervals=40)
    assert _judge(ERRORS, looks[:3]).verdict is TrialVerdict.INCONCLUSIVE
    found = _judge(ERRORS, looks)
    assert found.verdict is TrialVerdict.PASS
    assert found.harm.high <= ERRORS.margin


def test_the_statement_shows_statistic_interval_and_n():
    found = _judge(ERRORS, _looks(0.002, 0.002, intervals=40))
    assert "0.002" in found.statement
    assert "[" in found.statement
    assert "n 72,000 and 8,000" in found.statement


def test_where_higher_is_better_harm_is_turned_around():
    conversions = Guardrail("conversion", margin=0.05, higher_is_worse=False)
    assert _judge(conversions, _looks(0.2, 0.08)).verdict is TrialVerdict.FAIL
    assert _judge(conversions, _looks(0.2, 0.3)).verdict is TrialVerdict.PASS


def test_harm_that_is_tolerated_does_not_roll_back():
    looks = _looks(0.002, 0.02, intervals=30)
    assert _judge(Guardrail("errors", margin=0.05, tolerated=0.03), looks).verdict is TrialVerdict.PASS


@pytest.mark.parametrize("missing", [None, Tally(0, 0)])
def test_an_interval_without_requests_is_no_data_however_much_came_before(missing):
    looks = _looks(0.002, 0.002, intervals=40)
    silent = Look(looks[-1].at + timedelta(minutes=1), Tally(1_800, 3), missing)
    found = _judge(ERRORS, [*looks, silent])
    assert found.verdict is TrialVerdict.NO_DATA
    assert "challenger had no requests" in found.statement


def test_no_look_at_all_is_no_data():
    assert _judge(ERRORS, []).verdict is TrialVerdict.NO_DATA


def test_a_failed_query_is_an_error_and_says_which():
    looks = _looks(0.002, 0.002)
    found = _judge(ERRORS, [*looks, Look(START, None, None, error="the server answered 503")])
    assert found.verdict is TrialVerdict.ERROR
    assert "503" in found.statement


def test_an_earlier_failed_query_is_forgotten_once_data_come_again():
    looks = _looks(0.002, 0.002, intervals=40)
    assert _judge(ERRORS, [Look(START, None, None, error="503"), *looks]).verdict is TrialVerdict.PASS


def test_impossible_counts_are_an_error_and_not_a_verdict():
    found = _judge(ERRORS, [Look(START, Tally(100, 1), Tally(100, 120))])
    assert found.verdict is TrialVerdict.ERROR


def test_labels_that_are_not_due_are_awaited():
    quality = Guardrail("wrong answers", margin=0.02, label_delay=timedelta(hours=6))
    found = _judge(quality, [], now=START + timedelta(hours=1))
    assert (found.verdict, found.due_at) == (TrialVerdict.NO_DATA, START + timedelta(hours=6))
    late = _judge(quality, [], now=START + timedelta(hours=7))
    assert (late.verdict, late.due_at) == (TrialVerdict.NO_DATA, None)


def _value_looks(shift, intervals=20, seed=1):
    rng = np.random.default_rng(seed)
    looks = []
    for minute in range(intervals):
        a, b = rng.normal(40, 10, 500), rng.normal(40 + shift, 10, 100)
        tallies = [Tally(len(v), float(v.sum()), float((v**2).sum())) for v in (a, b)]
        looks.append(Look(START + timedelta(minutes=minute), *tallies))
    return looks


@pytest.mark.parametrize(
    ("shift", "verdict"), [(0.0, TrialVerdict.PASS), (4.0, TrialVerdict.FAIL), (-4.0, TrialVerdict.PASS)]
)
def test_a_mean_is_judged_by_its_margin(shift, verdict):
    latency = Guardrail("latency", margin=2.0, kind=GuardrailKind.MEAN, unit=" ms")
    assert _judge(latency, _value_looks(shift)).verdict is verdict


def test_a_mean_fails_only_on_enough_requests_since_its_limits_are_approximate():
    latency = Guardrail("latency", margin=2.0, kind=GuardrailKind.MEAN, min_requests=5_000)
    assert _judge(latency, _value_looks(20.0)).verdict is TrialVerdict.INCONCLUSIVE


@pytest.mark.parametrize("margin", [0.0, -0.1, float("nan")])
def test_a_guardrail_without_a_margin_is_refused(margin):
    with pytest.raises(ValueError, match="margin"):
        Guardrail("errors", margin=margin)


def test_tolerating_as_much_as_the_margin_is_refused():
    with pytest.raises(ValueError, match="tolerates"):
        Guardrail("errors", margin=0.01, tolerated=0.01)


def test_a_router_that_sends_half_of_what_was_declared_is_an_error():
    assert judge_split(9_500, 500, weight=0.1).verdict is TrialVerdict.ERROR
    assert judge_split(0, 5_000, weight=0.5).verdict is TrialVerdict.ERROR
    assert judge_split(9_010, 990, weight=0.1).verdict is TrialVerdict.PASS
    assert judge_split(9, 3, weight=0.1).verdict is TrialVerdict.PASS
    assert judge_split(0, 0, weight=0.1).verdict is TrialVerdict.NO_DATA
