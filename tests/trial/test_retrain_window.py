from datetime import timedelta

import numpy as np
import pytest

from triage.trial.retrain_window import Blocker, FreshRows, WindowLimits, judge_window

LIMITS = WindowLimits()
DAY = timedelta(days=1)


def _rows(n=10_000, labelled=0.95, positives=0.2, new=None, shift=0.0, drift_category=False, seed=0):
    """Half of the window's change of ``amount`` comes after its middle when ``shift`` is not 0."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(n) < positives).astype(float)
    truth[rng.random(n) > labelled] = np.nan
    late = np.arange(n) >= n // 2
    city = rng.choice(["a", "b", "c"], n)
    if drift_category:
        city = np.where(late & (rng.random(n) < 0.4), "d", city)
    columns = {"income": rng.normal(size=n) + shift * late, "city": city, "constant": np.ones(n)}
    region = None if new is None else rng.random(n) < new
    return FreshRows(truth, columns, 7 * DAY, region)


def test_a_week_of_settled_labelled_rows_is_ready():
    found = judge_window(_rows(), LIMITS)
    assert found.ready
    assert found.blockers == ()
    assert found.wait == timedelta(0)


@pytest.mark.parametrize(
    ("rows", "blocker"),
    [
        ({"n": 1_000}, Blocker.TOO_FEW_LABELS),
        ({"labelled": 0.6}, Blocker.TOO_FEW_LABELS),
        ({"labelled": 0.0}, Blocker.TOO_FEW_LABELS),
        ({"positives": 0.001}, Blocker.ONE_CLASS),
        ({"new": 0.02}, Blocker.TOO_FEW_NEW_ROWS),
        ({"shift": 0.5}, Blocker.STILL_MOVING),
        ({"drift_category": True}, Blocker.STILL_MOVING),
    ],
)
def test_each_blocker_is_named_with_a_reason(rows, blocker):
    found = judge_window(_rows(**rows), LIMITS)
    assert not found.ready
    assert blocker in found.blockers
    assert len(found.reasons) == len(found.blockers)


def test_the_wait_follows_from_the_windows_own_pace():
    found = judge_window(_rows(new=0.05), LIMITS)
    assert found.blockers == (Blocker.TOO_FEW_NEW_ROWS,)
    assert found.wait / DAY == pytest.approx(7 * (1_000 / found.n_new_labelled - 1))


def test_waiting_for_what_never_comes_has_no_end():
    assert judge_window(_rows(labelled=0.0), LIMITS).wait is None
    assert judge_window(_rows(shift=0.5, new=0.05), LIMITS).wait is None


def test_a_small_movement_is_acceptable_however_significant():
    assert judge_window(_rows(n=200_000, shift=0.05), LIMITS).ready


def test_the_feature_that_moves_is_named_first():
    found = judge_window(_rows(shift=2.0, drift_category=True), LIMITS)
    assert [feature.name for feature in found.moving] == ["income", "city"]
    assert "income" in found.reasons[-1]


def test_a_regression_needs_no_classes():
    assert judge_window(_rows(positives=0.0), LIMITS, binary=False).ready


def test_settled_windows_are_rarely_called_moving():
    called = sum(bool(judge_window(_rows(n=2_000, seed=seed), LIMITS).moving) for seed in range(60))
    assert called <= 2


def test_an_empty_window_is_not_ready():
    rows = FreshRows(np.array([]), {"income": np.array([])}, DAY)
    assert not judge_window(rows, LIMITS).ready


def test_missing_values_do_not_read_as_movement():
    rows = _rows()
    rows.columns["income"][::3] = np.nan
    assert judge_window(rows, LIMITS).ready
