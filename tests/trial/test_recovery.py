from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triage.trial.recovery import Followed, Recovery, RecoveryLimits, judge_recovery

RELEASED = datetime(2026, 3, 2, 12, tzinfo=UTC)
LIMITS = RecoveryLimits(deadline=timedelta(hours=24), settle=timedelta(hours=1))


def _followed(after_level, hours=24.0, seed=0, noise=0.01, correlation=0.0, higher_is_better=True):
    """A KPI of 0.80 that fell to 0.70, in intervals of 15 minutes."""
    rng = np.random.default_rng(seed)

    def series(level, n):
        values = rng.normal(size=n)
        for i in range(1, n):
            values[i] = correlation * values[i - 1] + np.sqrt(1 - correlation**2) * values[i]
        return (level + noise * values) * (1 if higher_is_better else -1)

    n = int(hours * 4)
    times = tuple(RELEASED + timedelta(minutes=15 * (i + 1)) for i in range(n))
    return Followed(series(0.8, 200), series(0.7, 40), series(after_level, n), times, higher_is_better)


def _judge(followed, hours=24.0, limits=LIMITS):
    return judge_recovery(followed, limits, released_at=RELEASED, now=RELEASED + timedelta(hours=hours))


@pytest.mark.parametrize(
    ("level", "verdict"),
    [
        (0.80, Recovery.RECOVERED),
        (0.85, Recovery.RECOVERED),
        (0.74, Recovery.NOT_RECOVERED),
        (0.70, Recovery.NOT_RECOVERED),
        (0.66, Recovery.WORSE),
    ],
)
@pytest.mark.parametrize("higher_is_better", [True, False])
def test_at_the_deadline_the_level_decides(level, verdict, higher_is_better):
    found = _judge(_followed(level, higher_is_better=higher_is_better))
    assert found.verdict is verdict
    assert found.closed
    assert found.next_look_at is None


def test_recovery_and_harm_may_be_told_early_but_failure_to_recover_may_not():
    assert _judge(_followed(0.8), hours=12).verdict is Recovery.RECOVERED
    assert _judge(_followed(0.6), hours=6).verdict is Recovery.WORSE
    waiting = _judge(_followed(0.74), hours=12)
    assert (waiting.verdict, waiting.closed) == (Recovery.CANNOT_TELL_YET, False)
    assert waiting.next_look_at == RELEASED + timedelta(hours=24)


def test_what_cannot_be_told_by_the_deadline_is_closed_and_never_called_recovered():
    found = _judge(_followed(0.78, noise=0.03))
    assert (found.verdict, found.closed) == (Recovery.CANNOT_TELL_YET, True)
    assert "a person must look" in found.reason


def test_values_whose_labels_have_not_come_are_not_used_and_move_the_deadline():
    limits = RecoveryLimits(deadline=timedelta(hours=24), label_delay=timedelta(hours=10))
    early = _judge(_followed(0.8), hours=11, limits=limits)
    assert early.verdict is Recovery.CANNOT_TELL_YET
    assert early.n_points == 4
    assert early.next_look_at == RELEASED + timedelta(hours=34)
    assert not _judge(_followed(0.74), hours=30, limits=limits).closed
    assert _judge(_followed(0.74), hours=34, limits=limits).verdict is Recovery.NOT_RECOVERED


def test_the_time_to_settle_is_left_out():
    followed = _followed(0.8)
    followed.after[:4] = 0.2
    assert _judge(followed).verdict is Recovery.RECOVERED
    no_settling = RecoveryLimits(deadline=timedelta(hours=24))
    assert _judge(followed, limits=no_settling).verdict is not Recovery.RECOVERED


def test_silence_after_the_release_is_not_a_recovery():
    followed = _followed(0.8)
    followed.after[:] = np.nan
    found = _judge(followed)
    assert (found.verdict, found.closed, found.n_points) == (Recovery.CANNOT_TELL_YET, True, 0)


def test_the_share_regained_is_shown_with_its_interval():
    found = _judge(_followed(0.75))
    assert found.regained.value == pytest.approx(0.5, abs=0.05)
    assert found.regained.low < 0.5 < found.regained.high


@settings(max_examples=40, deadline=None)
@given(st.floats(0.6, 0.9), st.floats(0.1, 30), st.integers(0, 100))
def test_no_verdict_is_closed_before_the_deadline_unless_recovered_or_worse(level, hours, seed):
    found = _judge(_followed(level, seed=seed), hours=hours)
    if hours < 24 and found.closed:
        assert found.verdict in (Recovery.RECOVERED, Recovery.WORSE)
    if hours >= 24:
        assert found.closed


def _ever_called(verdict, level, correlation, worlds=40):
    called = 0
    for seed in range(worlds):
        followed = _followed(level, seed=seed, correlation=correlation, noise=0.015)
        called += any(_judge(followed, hours=h).verdict is verdict for h in range(4, 25, 2))
    return called / worlds


@pytest.mark.parametrize("correlation", [0.0, 0.6])
def test_looking_every_two_hours_does_not_find_a_recovery_that_is_not_there(correlation):
    assert _ever_called(Recovery.RECOVERED, 0.78, correlation) <= 0.15
    assert _ever_called(Recovery.WORSE, 0.70, correlation) <= 0.1


def test_no_drop_means_nothing_to_recover_from():
    values = np.full(20, 0.8)
    with pytest.raises(ValueError, match="nothing to recover"):
        _judge(Followed(values, values, values[:1], (RELEASED,)))


def test_values_and_times_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="3 values after the release but 1 times"):
        Followed(np.ones(3), np.ones(3), np.ones(3), (RELEASED,))


def test_a_demand_that_can_never_be_proven_is_refused():
    with pytest.raises(ValueError, match="provable"):
        RecoveryLimits(required_share=1.0)
    with pytest.raises(ValueError, match="settle"):
        RecoveryLimits(deadline=timedelta(hours=1), settle=timedelta(hours=1))
