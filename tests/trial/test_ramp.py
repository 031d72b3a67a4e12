from dataclasses import replace
from datetime import timedelta

import pytest

from triage.trial.ramp import Strategy, Traffic, Watched, choose_strategy, plan_ramp

BUSY = Traffic(requests_per_hour=20_000, label_delay=timedelta(hours=6), answer_changes_outcome=False)
WRONG = Watched("wrong answers", share=0.2, margin=0.01, needs_labels=True)
FAILED = Watched("failed answers", share=0.002, margin=0.005)


def test_shadow_comes_first_where_a_copy_can_be_judged():
    choice = choose_strategy(BUSY)
    assert choice.strategy is Strategy.SHADOW
    assert {strategy for strategy, _ in choice.not_chosen} == {Strategy.CANARY, Strategy.AB}


@pytest.mark.parametrize(
    ("change", "strategy", "word"),
    [
        ({"answer_changes_outcome": True}, Strategy.AB, "at random"),
        ({"can_mirror": False}, Strategy.CANARY, "mirrored"),
        ({"capacity_for_copy": False}, Strategy.CANARY, "capacity"),
        ({"label_delay": None}, Strategy.CANARY, "labels never come"),
    ],
)
def test_what_forbids_a_shadow_is_the_reason_given(change, strategy, word):
    choice = choose_strategy(replace(BUSY, **change))
    assert choice.strategy is strategy
    assert word in choice.reason
    assert len(choice.not_chosen) == 2


def test_the_plan_goes_from_shadow_to_everyone_and_says_how_long():
    plan = plan_ramp(BUSY, [FAILED], shadow=WRONG, disagreement=0.06)
    assert [stage.name for stage in plan.stages] == ["shadow", "10%", "50%", "100%"]
    assert plan.duration == sum((stage.duration for stage in plan.stages), timedelta(0))
    assert plan.feasible
    assert "at 20,000 requests an hour" in plan.statement


def test_shadow_waits_for_labels_and_a_stage_that_needs_none_does_not():
    plan = plan_ramp(BUSY, [FAILED], shadow=WRONG, disagreement=0.06)
    assert plan.stages[0].duration >= timedelta(hours=6)
    assert plan.stages[1].duration < timedelta(hours=6)


def test_a_stage_lasts_as_long_as_its_slowest_guardrail():
    alone, both = (plan_ramp(BUSY, guardrails) for guardrails in ([FAILED], [FAILED, WRONG]))
    assert both.stages[0].duration > alone.stages[0].duration
    assert "wrong answers" in both.stages[0].reason


def test_unknown_disagreement_is_planned_for_cautiously():
    known, unknown = (plan_ramp(BUSY, [FAILED], shadow=WRONG, disagreement=d).stages[0] for d in (0.06, None))
    assert unknown.requests > known.requests
    assert "at most" in unknown.reason


def test_half_the_traffic_takes_twice_the_time():
    fast, slow = (plan_ramp(replace(BUSY, requests_per_hour=r), [WRONG]) for r in (2_000, 1_000))
    waits = [plan.stages[0].duration - timedelta(hours=6) for plan in (fast, slow)]
    assert waits[1] / waits[0] == pytest.approx(2)


def test_a_plan_that_takes_too_long_says_so_before_it_starts():
    plan = plan_ramp(replace(BUSY, requests_per_hour=200), [WRONG], shadow=WRONG)
    assert not plan.feasible
    assert "longer than 14.0 days, most of it in stage 10%" in plan.statement


def test_correlated_requests_take_more_of_them():
    plain, clustered = (plan_ramp(BUSY, [WRONG], design_effect=d).stages[0].requests for d in (1.0, 4.0))
    assert clustered == pytest.approx(4 * plain, rel=1e-3)


@pytest.mark.parametrize("weights", [(), (0.5, 0.1, 1.0), (0.1, 0.5), (0.0, 1.0), (0.5, 0.5, 1.0)])
def test_weights_that_do_not_ascend_to_one_are_refused(weights):
    with pytest.raises(ValueError, match="ascend"):
        plan_ramp(BUSY, [FAILED], weights=weights)


def test_no_guardrail_no_traffic_and_no_labels_are_refused():
    with pytest.raises(ValueError, match="without guardrails"):
        plan_ramp(BUSY, [])
    with pytest.raises(ValueError, match="without traffic"):
        plan_ramp(replace(BUSY, requests_per_hour=0), [FAILED])
    with pytest.raises(ValueError, match="labels never come"):
        plan_ramp(replace(BUSY, label_delay=None), [WRONG])


def test_straight_to_everyone_is_one_stage():
    assert [stage.name for stage in plan_ramp(BUSY, [FAILED], weights=(1.0,)).stages] == ["100%"]
