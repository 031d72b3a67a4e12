import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.trial.verdict import Interval, TrialVerdict, combine, judge_margin

VERDICTS = st.lists(st.sampled_from(TrialVerdict))


@given(VERDICTS)
def test_the_whole_passes_only_if_every_part_does(verdicts):
    passed = bool(verdicts) and all(verdict is TrialVerdict.PASS for verdict in verdicts)
    assert (combine(verdicts) is TrialVerdict.PASS) == passed


@given(VERDICTS)
def test_one_failure_fails_the_whole(verdicts):
    assert (combine(verdicts) is TrialVerdict.FAIL) == (TrialVerdict.FAIL in verdicts)


def test_nothing_judged_is_no_data_not_a_pass():
    assert combine([]) is TrialVerdict.NO_DATA


def test_the_order_of_parts_does_not_matter():
    for verdicts in itertools.permutations(TrialVerdict, 3):
        assert combine(verdicts) is combine(sorted(verdicts))


@pytest.mark.parametrize(
    ("low", "high", "margin", "verdict"),
    [
        (-0.02, 0.004, 0.005, TrialVerdict.PASS),
        (-0.02, 0.02, 0.005, TrialVerdict.INCONCLUSIVE),
        (0.006, 0.02, 0.005, TrialVerdict.FAIL),
        (0.001, 0.004, 0.005, TrialVerdict.PASS),
        (-0.02, -0.001, -0.005, TrialVerdict.INCONCLUSIVE),
        (-0.02, -0.006, -0.005, TrialVerdict.PASS),
        (-0.004, 0.02, -0.005, TrialVerdict.FAIL),
    ],
)
def test_a_margin_is_judged_by_the_interval_and_never_by_the_estimate(low, high, margin, verdict):
    assert judge_margin(Interval((low + high) / 2, low, high), margin) is verdict


def test_an_interval_turned_around_keeps_its_order():
    turned = Interval(1.0, -2.0, 3.0).negated
    assert (turned.low, turned.value, turned.high) == (-3.0, -1.0, 2.0)
