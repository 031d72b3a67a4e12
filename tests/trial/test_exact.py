import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triage.trial.exact import proportion_sequence

LOOKS = 16


def _last_look(base, difference, champion, challenger, rng):
    """Running limits remember every earlier exclusion: the last look tells whether any look was wrong."""
    return proportion_sequence(
        rng.binomial(champion, base, LOOKS),
        np.full(LOOKS, champion),
        rng.binomial(challenger, base + difference, LOOKS),
        np.full(LOOKS, challenger),
        points=120,
    )


@pytest.mark.parametrize(
    ("base", "difference", "champion", "challenger"),
    [(0.2, 0.0, 900, 100), (0.001, 0.0, 4_000, 500), (0.001, 0.01, 900, 100), (0.5, -0.1, 20, 20)],
)
def test_the_truth_is_inside_at_every_look_also_when_events_are_rare(base, difference, champion, challenger):
    rng = np.random.default_rng(3)
    missed = 0
    for _ in range(40):
        found = _last_look(base, difference, champion, challenger, rng).difference
        missed += not found.low <= difference <= found.high
    assert missed / 40 <= 0.05


def test_a_tenfold_error_rate_in_the_small_arm_is_found():
    rng = np.random.default_rng(4)
    assert all(_last_look(0.001, 0.009, 4_000, 500, rng).difference.low > 0 for _ in range(20))


def test_the_last_look_remembers_what_earlier_looks_excluded():
    rng = np.random.default_rng(5)
    new = rng.binomial(500, 0.1, 30), np.full(30, 500), rng.binomial(500, 0.15, 30), np.full(30, 500)
    lows = [proportion_sequence(*(array[:k] for array in new), points=400).difference.low for k in range(2, 31, 4)]
    p_values = [proportion_sequence(*(array[:k] for array in new)).p_value for k in range(2, 31, 4)]
    assert np.all(np.diff(p_values) <= 1e-12)
    assert lows[-1] >= max(lows) - 0.01


def test_the_p_value_and_the_interval_agree():
    rng = np.random.default_rng(6)
    for harm in (0.0, 0.02, 0.04, 0.08):
        found = _last_look(0.1, harm, 400, 400, rng)
        assert (found.difference.low >= 0) == (found.p_value <= 0.05)


def test_one_look_only_teaches():
    found = proportion_sequence(np.array([1]), np.array([100]), np.array([90]), np.array([100]))
    assert (found.difference.low, found.difference.high, found.p_value) == (-1.0, 1.0, 1.0)


def test_an_arm_never_seen_says_nothing():
    found = proportion_sequence(np.array([1, 2]), np.array([100, 100]), np.array([0, 0]), np.array([0, 0]))
    assert (found.difference.low, found.difference.high, found.n_challenger) == (-1.0, 1.0, 0)


def test_a_look_without_requests_changes_nothing():
    new = np.array([3, 4, 2]), np.array([90, 95, 99]), np.array([9, 8, 7]), np.array([90, 91, 92])
    padded = [np.insert(array, 1, 0) for array in new]
    assert proportion_sequence(*padded).difference == proportion_sequence(*new).difference


counts = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(counts, counts), min_size=2, max_size=6))
def test_limits_are_in_order_within_bounds_and_turn_around_with_the_arms(looks):
    a, b = np.array([look[0] for look in looks]).T, np.array([look[1] for look in looks]).T
    there = proportion_sequence(*a, *b, points=60).difference
    back = proportion_sequence(*b, *a, points=60).difference
    assert -1 <= there.low <= there.high <= 1
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low), abs=1e-6)


def test_a_difference_that_turns_between_looks_spans_what_is_disputed():
    found = proportion_sequence(
        np.array([0, 0, 0, 1]), np.array([1, 1, 3, 36]), np.array([0, 0, 85, 52]), np.array([1, 4, 85, 52])
    )
    assert found.difference.low < found.difference.high


def test_correlated_requests_widen_the_interval():
    rng = np.random.default_rng(7)
    new = rng.binomial(500, 0.1, 20), np.full(20, 500), rng.binomial(500, 0.1, 20), np.full(20, 500)
    plain, clustered = (proportion_sequence(*new, design_effect=d).difference for d in (1.0, 5.0))
    assert clustered.high - clustered.low > 1.8 * (plain.high - plain.low)


def test_cumulative_counts_given_as_new_ones_are_refused_when_they_cannot_be():
    with pytest.raises(ValueError, match="new at each look"):
        proportion_sequence(np.array([5]), np.array([3]), np.array([0]), np.array([3]))
