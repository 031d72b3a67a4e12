import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.trial.sequential import Arm, difference_sequence

LOOKS = 48


def _worlds(base, harm, worlds, seed=0, champion=900, challenger=900):
    """Cumulative events at each of 48 looks, for both arms: (worlds, looks)."""
    rng = np.random.default_rng(seed)
    events = (
        rng.binomial(champion, base, (worlds, LOOKS)).cumsum(axis=1),
        rng.binomial(challenger, base + harm, (worlds, LOOKS)).cumsum(axis=1),
    )
    looks = np.arange(1, LOOKS + 1)
    return events, (champion * looks, challenger * looks)


def _ever(base, harm, stops, worlds=250):
    """In what share of worlds ``stops`` is true at one look at least."""
    events, sizes = _worlds(base, harm, worlds)
    stopped = 0
    for world in range(worlds):
        stopped += any(
            stops(
                Arm.from_count(int(events[0][world, look]), int(sizes[0][look])),
                Arm.from_count(int(events[1][world, look]), int(sizes[1][look])),
            )
            for look in range(LOOKS)
        )
    return stopped / worlds


def _sequence_stops(champion, challenger):
    interval = difference_sequence(champion, challenger, effect=0.02).difference
    return interval.low > 0 or interval.high < 0


def _msprt_stops(champion, challenger):
    return difference_sequence(champion, challenger, effect=0.02).p_value < 0.05


def _z_test_stops(champion, challenger):
    error = np.sqrt(champion.variance / champion.n + challenger.variance / challenger.n)
    return abs(challenger.mean - champion.mean) > 1.96 * error


def test_a_z_test_at_each_of_48_looks_stops_falsely_several_times_too_often():
    assert _ever(0.2, 0.0, _z_test_stops) > 0.2


@pytest.mark.parametrize("stops", [_sequence_stops, _msprt_stops])
def test_an_always_valid_test_at_each_of_48_looks_keeps_its_error_rate(stops):
    assert _ever(0.2, 0.0, stops) <= 0.05


@pytest.mark.parametrize("stops", [_sequence_stops, _msprt_stops])
def test_a_harm_of_two_points_is_found(stops):
    assert _ever(0.2, 0.02, stops, worlds=100) > 0.95


arms = st.builds(
    lambda n, mean, variance: Arm(n, mean, variance),
    st.integers(2, 10_000),
    st.floats(-10, 10),
    st.floats(1e-4, 100),
)


@given(arms, arms, st.floats(0.001, 1), st.floats(0.8, 0.999))
def test_the_interval_excludes_zero_exactly_when_the_p_value_is_below_alpha(champion, challenger, effect, confidence):
    found = difference_sequence(champion, challenger, effect=effect, confidence=confidence)
    excluded = found.difference.low > 0 or found.difference.high < 0
    assert excluded == (found.p_value < 1 - confidence) or found.p_value == pytest.approx(1 - confidence)


@given(arms, arms, st.floats(0.001, 1))
def test_swapping_the_arms_turns_the_interval_around(champion, challenger, effect):
    there = difference_sequence(champion, challenger, effect=effect).difference
    back = difference_sequence(challenger, champion, effect=effect).difference
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


@given(arms, arms, st.floats(0.001, 1))
def test_the_sequence_is_wider_than_the_interval_of_a_single_look(champion, challenger, effect):
    found = difference_sequence(champion, challenger, effect=effect).difference
    error = np.sqrt(champion.variance / champion.n + challenger.variance / challenger.n)
    assert found.high - found.low > 2 * 1.96 * error


@given(arms, arms, st.floats(0.01, 1), st.floats(1.5, 20))
def test_correlated_requests_widen_the_sequence(champion, challenger, effect, design_effect):
    plain = difference_sequence(champion, challenger, effect=effect).difference
    clustered = difference_sequence(champion, challenger, effect=effect, design_effect=design_effect).difference
    assert clustered.high > plain.high


def test_an_arm_without_events_is_not_perfectly_known():
    assert Arm.from_count(0, 50).variance > 0
    found = difference_sequence(Arm.from_count(0, 50), Arm.from_count(0, 50), effect=0.01)
    assert found.difference.low < 0 < found.difference.high


@pytest.mark.parametrize("n", [0, 1])
def test_an_arm_that_has_barely_been_seen_says_nothing(n):
    found = difference_sequence(Arm.from_values(np.ones(n)), Arm.from_count(5, 100), effect=0.01)
    assert (found.difference.low, found.difference.high, found.p_value) == (-np.inf, np.inf, 1.0)


def test_the_same_arm_comes_from_values_and_from_sums():
    values = np.random.default_rng(0).normal(3, 2, 100)
    ours, theirs = Arm.from_sums(100, values.sum(), (values**2).sum()), Arm.from_values(values)
    assert (ours.mean, ours.variance) == pytest.approx((theirs.mean, theirs.variance))


@pytest.mark.parametrize(("events", "n"), [(6, 5), (-1, 5), (0, -1)])
def test_more_events_than_requests_are_refused(events, n):
    with pytest.raises(ValueError, match="among the requests"):
        Arm.from_count(events, n)


@pytest.mark.parametrize("effect", [0.0, -0.1, float("nan")])
def test_a_mixture_without_an_effect_is_refused(effect):
    with pytest.raises(ValueError, match="effect"):
        difference_sequence(Arm.from_count(1, 9), Arm.from_count(1, 9), effect=effect)
