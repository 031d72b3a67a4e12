import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triage.trial.power import rows_for_paired_shares, rows_for_shares, rows_to_rule_out
from triage.trial.sequential import Arm, difference_sequence


def test_65_against_60_percent_takes_the_tabulated_1471_in_each_group():
    """Fleiss, Levin, Paik (2003): 1,471 a group without continuity correction, two-sided 5%, power 80%."""
    assert rows_for_shares(0.60, 0.05, alpha=0.025) / 2 == pytest.approx(1_471, rel=0.002)


def test_one_point_on_twenty_percent_takes_fewer_paired_rows_by_far():
    unpaired, paired = rows_for_shares(0.2, 0.01), rows_for_paired_shares(0.06, 0.01)
    assert unpaired / 2 == pytest.approx(20_149, rel=0.001)
    assert paired == 3_708


@settings(max_examples=40, deadline=None)
@given(st.floats(0.01, 0.5), st.floats(0.005, 0.1), st.floats(0.05, 0.5))
def test_an_uneven_split_never_takes_fewer_requests(share, difference, weight):
    assert rows_for_shares(share, difference, weight=weight) >= 0.93 * rows_for_shares(share, difference)
    assert rows_to_rule_out(0.4, difference, weight=weight) >= rows_to_rule_out(0.4, difference)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.02, 0.5), st.floats(0.002, 0.01))
def test_a_smaller_difference_takes_more_rows(disagreement, difference):
    assert rows_for_paired_shares(disagreement, difference / 2) > rows_for_paired_shares(disagreement, difference)
    assert rows_to_rule_out(0.3, difference / 2) > rows_to_rule_out(0.3, difference)


def test_looking_at_any_time_has_a_price_of_about_twice_one_planned_look():
    price = rows_to_rule_out(0.4, 0.01) / rows_for_shares(0.2, 0.01, alpha=0.025)
    assert 1.5 < price < 2.5


def test_the_promised_power_is_kept_in_simulation():
    rng = np.random.default_rng(0)
    n = rows_to_rule_out(0.4, 0.02, power=0.8) // 2
    proved = 0
    for _ in range(500):
        arms = [Arm.from_count(int(rng.binomial(n, 0.2)), n) for _ in range(2)]
        proved += difference_sequence(*arms, effect=0.02).difference.high <= 0.02
    assert proved / 500 == pytest.approx(0.8, abs=0.06)


def test_the_promised_power_of_paired_rows_is_kept_in_simulation():
    rng = np.random.default_rng(0)
    n = rows_for_paired_shares(0.1, 0.02)
    only_champion, only_challenger = rng.multinomial(n, [0.06, 0.04, 0.9], size=2_000).T[:2]
    z = (only_champion - only_challenger) / np.sqrt(only_champion + only_challenger)
    assert np.mean(z > 1.645) == pytest.approx(0.8, abs=0.04)


def test_a_difference_larger_than_the_disagreement_is_refused():
    with pytest.raises(ValueError, match="can't differ"):
        rows_for_paired_shares(0.01, 0.02)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.2, float("nan")])
def test_shares_outside_0_and_1_are_refused(share):
    with pytest.raises(ValueError, match="between 0 and 1"):
        rows_for_shares(share, 0.01)
    with pytest.raises(ValueError, match="between 0 and 1"):
        rows_to_rule_out(0.4, 0.01, weight=share)


def test_a_deviation_of_nothing_is_refused():
    with pytest.raises(ValueError, match="above 0"):
        rows_to_rule_out(0.0, 0.1)
