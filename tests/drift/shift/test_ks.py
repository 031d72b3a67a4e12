import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from triage.drift.profiles.scan import plan_edges, profile_batch
from triage.drift.shift.ks import ks_p_value, ks_test

samples = st.lists(st.floats(-1e6, 1e6), min_size=5, max_size=200)


@settings(max_examples=60, deadline=None)
@given(samples, samples)
def test_the_exact_distance_lies_within_the_stated_bound(baseline: list[float], current: list[float]) -> None:
    edges = plan_edges(pa.table({"x": baseline}))
    p, q = (profile_batch(pa.table({"x": values}), edges)["x"].counts for values in (baseline, current))
    test = ks_test(p, q)
    exact = ks_2samp(baseline, current, method="asymp").statistic
    assert test.effect - 1e-9 <= exact <= test.effect + test.error + 1e-9


def test_an_atom_hides_nothing() -> None:
    p, q = np.array([10, 80, 10]), np.array([10, 80, 10])
    assert ks_test(p, q).error == pytest.approx(0.8)
    assert ks_test(p, q, atoms=np.array([False, True, False])).error == pytest.approx(0.1)


def test_the_p_value_is_the_asymptotic_one() -> None:
    assert ks_p_value(0.05, 2_000, 2_000) == pytest.approx(0.0135, abs=2e-4)


def test_without_rows_there_is_no_distance() -> None:
    assert ks_test(np.zeros(3, int), np.array([1, 2, 3])).p_value == 1
