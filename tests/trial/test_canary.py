from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.trial.canary import CanaryStep, Limits, Move, decide, judge_step
from triage.trial.guardrail import Guardrail, Look, Tally
from triage.trial.serving import ServiceLevel
from triage.trial.verdict import TrialVerdict

P, F, I, N, E = (  # noqa: E741
    TrialVerdict.PASS,
    TrialVerdict.FAIL,
    TrialVerdict.INCONCLUSIVE,
    TrialVerdict.NO_DATA,
    TrialVerdict.ERROR,
)
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
LIMITS = Limits(min_steps=3, horizon_steps=10)
histories = st.lists(st.sampled_from(TrialVerdict), max_size=30)


# --- what to do next


@pytest.mark.parametrize(
    ("history", "move"),
    [
        ([], Move.CONTINUE),
        ([P, P], Move.CONTINUE),
        ([P, P, P], Move.PROMOTE),
        ([I, I, P], Move.PROMOTE),
        ([P, P, F], Move.ROLL_BACK),
        ([I] * 9, Move.CONTINUE),
        ([I] * 10, Move.HOLD),
        ([N, N], Move.CONTINUE),
        ([N, N, N], Move.HOLD),
        ([E] * 4, Move.CONTINUE),
        ([E] * 5, Move.HOLD),
        ([N, N, N, P], Move.PROMOTE),
    ],
)
def test_each_verdict_has_its_own_limit(history, move):
    assert decide(history, LIMITS).move is move


def test_an_unmeasured_canary_may_be_rolled_back_where_the_limits_say_so():
    assert decide([N] * 3, Limits(after_no_data=Move.ROLL_BACK)).move is Move.ROLL_BACK
    assert decide([E] * 5, Limits(after_errors=Move.ROLL_BACK)).move is Move.ROLL_BACK


def test_an_inconclusive_row_holds_where_it_has_a_limit():
    assert decide([I] * 4, Limits(inconclusive=4)).move is Move.HOLD


def test_a_gap_in_measuring_does_not_clear_a_failure():
    limits = Limits(fails=2)
    assert decide([F, N, E, F], limits).move is Move.ROLL_BACK
    assert decide([F, P, F], limits).move is Move.CONTINUE


def test_no_data_and_errors_in_turn_do_not_evade_both_limits():
    assert decide([N, E, N, E, N, E, N, E], Limits(horizon_steps=40)).move is Move.HOLD


def test_while_a_gate_waits_a_failure_still_rolls_back():
    assert decide([P, P, P, P, P, F], LIMITS).move is Move.ROLL_BACK


def test_a_promotion_waits_past_the_horizon_but_does_not_begin_there():
    assert decide([P] * 15, LIMITS).move is Move.PROMOTE
    assert decide([P] * 10 + [N] + [P], LIMITS).move is Move.PROMOTE
    assert decide([I] * 10 + [P] * 5, LIMITS).move is Move.HOLD


def test_harm_found_past_the_horizon_still_rolls_back():
    assert decide([I] * 20 + [F], LIMITS).move is Move.ROLL_BACK


@given(histories, histories)
def test_a_roll_back_is_final(history, later):
    if decide(history, LIMITS).move is Move.ROLL_BACK:
        assert decide(history + later, LIMITS).move is Move.ROLL_BACK


@given(histories)
def test_only_a_pass_promotes_and_never_after_a_failure(history):
    if decide(history, LIMITS).move is Move.PROMOTE:
        assert history[-1] is P
        assert F not in history
        assert len(history) >= LIMITS.min_steps


@given(histories)
def test_one_failure_is_enough_by_default(history):
    assert (decide(history, LIMITS).move is Move.ROLL_BACK) == (F in history)


@given(histories.filter(lambda history: not {P, F} & set(history)), st.integers(0, 10))
def test_a_canary_that_never_passed_never_goes_on_past_its_horizon(history, extra):
    assert decide([*history, *[I] * (10 + extra)], LIMITS).move is Move.HOLD


@given(histories)
def test_the_same_history_gives_the_same_decision_with_a_reason(history):
    assert decide(history, LIMITS) == decide(tuple(history), LIMITS)
    assert decide(history, LIMITS).reason


@pytest.mark.parametrize(
    "options", [{"fails": 0}, {"inconclusive": 0}, {"min_steps": 50}, {"after_no_data": Move.PROMOTE}]
)
def test_limits_that_make_no_sense_are_refused(options):
    with pytest.raises(ValueError):
        Limits(**options)


# --- the verdict of one interval


def _story(champion_share, challenger_share, intervals, seed=0, weight=0.1, requests=2_000):
    rng = np.random.default_rng(seed)
    looks = []
    for minute in range(intervals):
        b = int(rng.binomial(requests, weight))
        arms = [Tally(n, int(rng.binomial(n, s))) for n, s in ((requests - b, champion_share), (b, challenger_share))]
        looks.append(Look(START + timedelta(minutes=minute + 1), *arms))
    return looks


ERRORS = Guardrail("errors", margin=0.01)
SLOW = Guardrail("slow", margin=0.02)


def _step(looks, guardrails=(ERRORS,), **options):
    intervals = max((len(own) for own in looks.values()), default=0)
    now = options.pop("now", START + timedelta(minutes=intervals))
    return judge_step(guardrails, looks, stage_started_at=START, now=now, weight=0.1, **options)


def test_one_failing_guardrail_fails_the_interval_and_is_named():
    step = _step({"errors": _story(0.005, 0.005, 30), "slow": _story(0.02, 0.12, 30)}, (ERRORS, SLOW))
    assert step.verdict is F
    assert [reason.split(":")[0] for reason in step.reasons] == ["slow"]


def test_all_guardrails_must_be_measured_to_pass():
    assert _step({"errors": _story(0.005, 0.005, 30)}, (ERRORS, SLOW)).verdict is N
    both = {"errors": _story(0.005, 0.005, 30), "slow": _story(0.02, 0.02, 40)}
    assert _step(both, (ERRORS, SLOW)).verdict is P


def test_without_any_guardrail_there_is_no_data_and_not_a_pass():
    step = _step({}, ())
    assert step.verdict is N
    assert step.reasons == ("no guardrail is declared",)


@pytest.mark.parametrize(
    ("level", "verdict"),
    [
        (ServiceLevel("availability", 20.0, 16.0), F),
        (ServiceLevel("availability", 20.0, 1.0), P),
        (ServiceLevel("availability", 1.0, 20.0), P),
        (ServiceLevel("availability", None, 1.0), N),
        (ServiceLevel("availability", 1.0, 1.0, error="503"), E),
    ],
)
def test_a_service_level_that_burns_fails_whatever_the_arms_say(level, verdict):
    assert _step({"errors": _story(0.005, 0.005, 30)}, service_levels=[level]).verdict is verdict


def test_labels_that_are_awaited_hold_back_a_pass_but_not_a_failure():
    quality = Guardrail("wrong", margin=0.02, label_delay=timedelta(hours=6))
    good, bad = {"errors": _story(0.005, 0.005, 30)}, {"errors": _story(0.005, 0.1, 30)}
    assert _step(good, (ERRORS, quality)).verdict is I
    assert any("not due before 2026-03-02 15:00" in reason for reason in _step(good, (ERRORS, quality)).reasons)
    assert _step(bad, (ERRORS, quality)).verdict is F


def test_a_guardrail_that_is_not_needed_to_promote_can_only_stop():
    watched = Guardrail("kpi", margin=0.001, needed_to_promote=False)
    unsure = {"errors": _story(0.005, 0.005, 30), "kpi": _story(0.2, 0.2, 30)}
    assert _step(unsure, (ERRORS, watched)).verdict is P
    assert _step(unsure, (watched,)).verdict is I
    assert _step(unsure | {"kpi": _story(0.2, 0.4, 30)}, (ERRORS, watched)).verdict is F


def test_a_router_that_does_not_split_as_declared_is_an_error_and_not_a_pass():
    step = _step({"errors": _story(0.005, 0.005, 30)}, requests=(59_000, 1_000))
    assert step.verdict is E
    assert "declared" in step.reasons[0]


# --- the whole story, many times


def _run(challenger_share, seed, guardrail=ERRORS, intervals=48):
    """The decision of one canary with a look every interval."""
    looks = _story(0.005, challenger_share, intervals, seed, requests=1_500)
    limits, verdicts = Limits(horizon_steps=intervals), []
    for end in range(1, intervals + 1):
        verdicts.append(_step({"errors": looks[:end]}, (guardrail,)).verdict)
        decision = decide(verdicts, limits)
        if decision.move is not Move.CONTINUE:
            return decision
    return decision


def test_an_equal_challenger_is_promoted_and_hardly_ever_rolled_back():
    moves = [_run(0.005, seed).move for seed in range(15)]
    assert moves.count(Move.ROLL_BACK) <= 1
    assert moves.count(Move.PROMOTE) >= 13


def test_a_harmful_challenger_is_rolled_back_and_never_promoted():
    decisions = [_run(0.03, seed) for seed in range(10)]
    assert {decision.move for decision in decisions} == {Move.ROLL_BACK}
    assert np.median([decision.steps for decision in decisions]) < 20


def test_a_challenger_beyond_its_margin_is_not_promoted():
    assert [_run(0.016, seed).move for seed in range(12)].count(Move.PROMOTE) == 0


def test_a_step_remembers_everything_it_rests_on():
    step = _step({"errors": _story(0.005, 0.005, 30)}, requests=(54_000, 6_000))
    assert isinstance(step, CanaryStep)
    assert [result.name for result in step.results] == ["errors", "traffic split"]
    assert step.results[0].looks == 30
