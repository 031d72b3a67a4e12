from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from triage.drift.concept.stream import Detector, find_rise
from triage.errors import Unmeasurable


def _errors(n: int = 4000, at: int = 2500, rise: float = 0.2, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.random(n) < np.where(np.arange(n) < at, 0.2, 0.2 + rise)).astype(float)


@pytest.mark.parametrize("detector", list(Detector))
def test_a_rise_is_dated_close_to_where_it_began(detector):
    found = find_rise(_errors(), detector=detector)
    assert abs(found.index - 2500) < 200
    assert found.index <= found.detected
    assert found.after - found.before == pytest.approx(0.2, abs=0.05)


@pytest.mark.parametrize("detector", list(Detector))
def test_a_steady_error_and_one_that_falls_have_no_rise(detector):
    assert find_rise(_errors(rise=0.0), detector=detector) is None
    assert find_rise(_errors(rise=-0.15), detector=detector) is None


def test_times_are_given_in_utc_whatever_order_the_rows_come_in():
    times = pd.Series(pd.date_range("2026-01-01", periods=4000, freq="min"))
    shuffled = np.random.default_rng(1).permutation(4000)
    found = find_rise(_errors()[shuffled], times.iloc[shuffled].reset_index(drop=True))
    expected = datetime(2026, 1, 2, 17, 40, tzinfo=UTC)
    assert abs((found.onset - expected).total_seconds()) < 200 * 60


def test_a_long_stream_is_averaged_and_still_dated_in_rows():
    found = find_rise(_errors(100_000, 60_000))
    assert found.rows_per_point == 5
    assert abs(found.index - 60_000) < 1000


def test_losses_beyond_one_are_scaled():
    rng = np.random.default_rng(0)
    losses = rng.exponential(np.where(np.arange(3000) < 2000, 10.0, 30.0))
    assert abs(find_rise(losses).index - 2000) < 200


def test_fewer_than_a_hundred_labels_are_unmeasurable():
    errors = _errors()
    errors[50:] = np.nan
    with pytest.raises(Unmeasurable, match="50 errors"):
        find_rise(errors)
