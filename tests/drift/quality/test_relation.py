import numpy as np
import pandas as pd
import pytest

from triage.drift.quality.relation import find_affine, find_copy

X = np.random.default_rng(0).normal(50, 10, 1000)


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize(("slope", "intercept"), [(1.1508, 0.0), (5 / 9, -160 / 9), (-1.0, 0.0), (1.0, 7.5)])
def test_an_affine_relation_is_found_among_outliers(slope, intercept):
    y = slope * X + intercept
    y[::10] = _rng().normal(0, 100, 100)
    found = find_affine(X, y, _rng())
    assert found.slope == pytest.approx(slope, rel=1e-3)
    assert found.intercept == pytest.approx(intercept, abs=0.05)
    assert found.explained == pytest.approx(0.9, abs=0.02)


def test_unrelated_constant_and_few_values_have_no_relation():
    assert find_affine(X, _rng().permutation(X), _rng()) is None
    assert find_affine(X, np.full(1000, 3.0), _rng()) is None
    assert find_affine(X[:5], X[:5], _rng()) is None


def test_a_column_copied_from_another_is_found_and_one_that_always_was_is_not():
    wind, gust = X, _rng().normal(60, 5, 1000)
    reference = pd.DataFrame({"wind": wind, "gust": gust, "knots": wind * 0.869})
    served = reference.assign(gust=wind * 1.1508)
    found = find_copy("gust", ["wind", "knots"], served, reference, _rng())
    assert (found.of, found.slope) == ("wind", pytest.approx(1.1508))
    assert str(found) == "wind × 1.1508"
    assert find_copy("knots", ["wind"], reference, reference, _rng()) is None
