import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from triage.trial.group_sequential import obrien_fleming


def test_five_equal_looks_reproduce_the_published_lan_demets_bounds():
    """The two-sided 5% values of the R package ldbounds, ldBounds(t = seq(0.2, 1, 0.2))."""
    found = obrien_fleming(np.arange(1, 6) / 5)
    assert found.z == pytest.approx([4.8769, 3.3569, 2.6803, 2.2898, 2.0310], abs=2e-4)


def test_one_look_is_the_ordinary_test():
    assert obrien_fleming(np.array([1.0])).z == pytest.approx([1.959964])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.02, 1.0), min_size=1, max_size=8), st.floats(0.005, 0.2))
def test_the_bounds_spend_exactly_the_error_by_the_last_look_and_fall_all_the_way(gaps, alpha):
    fractions = np.cumsum(gaps) / np.sum(gaps)
    found = obrien_fleming(fractions, alpha)
    assert found.spent[-1] == pytest.approx(alpha)
    assert np.all(np.diff(found.spent) >= 0)
    assert found.z[-1] >= stats.norm.ppf(1 - alpha / 2) - 1e-6


@pytest.mark.parametrize("fractions", [[], [0.5, 0.4, 1.0], [0.0, 1.0], [0.5, 1.2]])
def test_looks_out_of_order_are_refused(fractions):
    with pytest.raises(ValueError, match="ascending fractions"):
        obrien_fleming(np.array(fractions))


def test_48_looks_stop_falsely_at_most_5_percent_of_the_time():
    rng = np.random.default_rng(1)
    walks = rng.normal(size=(20_000, 48)).cumsum(axis=1) / np.sqrt(np.arange(1, 49))
    bounds = np.array(obrien_fleming(np.arange(1, 49) / 48).z)
    crossed = np.any(np.abs(walks) > bounds, axis=1).mean()
    assert crossed == pytest.approx(0.05, abs=0.006)
    assert np.any(np.abs(walks) > 1.96, axis=1).mean() > 0.25
