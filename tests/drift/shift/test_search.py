import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triage.drift.shift.cells import axis_of, cells_of
from triage.drift.shift.search import Found, search

near = st.integers(0, 40).map(lambda ticks: 1.0 + ticks * 2.0**-40)
finite = st.floats(allow_nan=False, width=64, min_value=-1e12, max_value=1e12)
samples = st.lists(st.one_of(near, finite, st.integers(-3, 3).map(float)), min_size=1, max_size=60)


def found(a: np.ndarray, b: np.ndarray, parts: int = 10) -> Found:
    axis = axis_of(a)
    columns = (pa.chunked_array([pa.array(values)]) for values in (a, b))
    return search(*(cells_of(column, axis) for column in columns), parts)


def by_sorting(a: np.ndarray, b: np.ndarray) -> float:
    points = np.concatenate((a, b))
    ranks = [np.searchsorted(np.sort(values), points, side="right") / len(values) for values in (a, b)]
    return float(np.abs(ranks[0] - ranks[1]).max())


def bins_by_sorting(a: np.ndarray, b: np.ndarray, parts: int) -> tuple[list[int], list[int]]:
    quantiles = np.sort(a)[np.ceil(np.arange(1, parts) / parts * len(a)).astype(int) - 1]
    edges, repeats = np.unique(quantiles, return_counts=True)
    edges = np.sort(np.concatenate((edges, np.nextafter(edges[repeats > 1], np.inf))))
    counts = [np.bincount(np.searchsorted(edges, x, side="right"), minlength=len(edges) + 1).tolist() for x in (a, b)]
    return counts[0], counts[1]


@settings(max_examples=200, deadline=None)
@given(samples, samples, st.sampled_from([0.0, 0.5, 1.0]))
def test_distance_and_bins_equal_those_by_sorting(baseline: list[float], current: list[float], many: float) -> None:
    a, b = np.array(baseline) + 0.0, np.array(current) + 0.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("triage.drift.shift.search._MANY", many)
        result = found(a, b)
    assert result.distance == pytest.approx(by_sorting(a, b), abs=1e-12)
    assert (result.baseline.tolist(), result.current.tolist()) == bins_by_sorting(a, b, 10)


@pytest.mark.parametrize("shift", [0.0, 0.02, 1.0])
@pytest.mark.parametrize("digits", [0, 1, 3, 15])
def test_large_columns_are_exact_as_well(shift: float, digits: int) -> None:
    rng = np.random.default_rng(digits)
    a = np.round(rng.normal(0, 3, 60_000), digits) + 0.0
    b = np.round(rng.normal(shift, 3, 50_000), digits) + 0.0
    result = found(a, b, 20)
    assert result.distance == pytest.approx(by_sorting(a, b), abs=1e-12)
    assert (result.baseline.tolist(), result.current.tolist()) == bins_by_sorting(a, b, 20)


def test_a_value_that_takes_several_quantiles_has_a_bin_of_its_own() -> None:
    a = np.concatenate((np.zeros(500), np.arange(1, 501)))
    result = found(a, a)
    assert 500 in result.baseline.tolist()
    assert result.baseline.sum() == 1000


def test_infinities_are_the_largest_values_and_do_not_hide_the_finite_ones() -> None:
    a, b = np.array([-np.inf, 1.0, 1e200, np.inf]), np.array([1.0, 1e200, 1e300, np.inf])
    assert found(a, b).distance == pytest.approx(by_sorting(a, b))
