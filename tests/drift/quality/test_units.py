import numpy as np
import pytest

from triage.drift.quality.units import CONVERSIONS, find_unit_change

DISTANCES = np.random.default_rng(0).lognormal(6, 0.7, 5000)
TEMPERATURES = np.random.default_rng(0).normal(55, 12, 5000)


@pytest.fixture
def rng() -> np.random.Generator:
    """The same draws for every test, in whatever order they run."""
    return np.random.default_rng(1)


@pytest.mark.parametrize("conversion", [c for c in CONVERSIONS if not c.offset and c.factor > 0], ids=lambda c: c.name)
def test_every_known_factor_is_recognised(conversion, rng):
    change = find_unit_change(DISTANCES, rng.lognormal(6, 0.7, 3000) * conversion.factor)
    assert change.conversion.factor == pytest.approx(conversion.factor, rel=0.06)
    assert change.share == 1.0


def test_fahrenheit_that_became_celsius_is_recognised(rng):
    change = find_unit_change(TEMPERATURES, (rng.normal(55, 12, 3000) - 32) * 5 / 9)
    assert change.conversion.name == "Fahrenheit to Celsius"


def test_a_third_of_the_rows_times_ten_is_a_share_of_a_third(rng):
    now = rng.lognormal(6, 0.7, 6000)
    now[:2000] *= 10
    change = find_unit_change(DISTANCES, now)
    assert change.conversion.factor == 10
    assert change.share == pytest.approx(1 / 3, abs=0.05)


@pytest.mark.parametrize("scale", [1.0, 1.05, 1.25])
def test_the_same_distribution_or_a_little_drift_is_no_unit_change(scale, rng):
    assert find_unit_change(DISTANCES, rng.lognormal(6, 0.7, 3000) * scale) is None


def test_a_change_of_shape_is_no_unit_change(rng):
    assert find_unit_change(TEMPERATURES, rng.normal(75, 4, 3000)) is None


def test_too_few_rows_or_too_few_values_tell_nothing():
    assert find_unit_change(DISTANCES[:10], DISTANCES[:10] * 10) is None
    assert find_unit_change(np.ones(500), np.full(500, 10.0)) is None
