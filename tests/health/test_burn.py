import numpy as np
import pytest

from triage.health.burn import Burn, assess, burn_rate
from triage.ports import Series

AT = 1_700_000_000.0
TIMES = np.arange(AT - 3 * 86_400 + 60, AT + 1, 60.0)


def level(value: float) -> Series:
    return Series({}, TIMES, np.full(TIMES.size, value))


def test_errors_within_the_objective_burn_nothing():
    assert assess(level(0.0005), level(1.0), 0.999, AT).burn is Burn.WITHIN_BUDGET


def test_an_hour_of_two_percent_errors_pages():
    bad = Series({}, TIMES, np.where(TIMES > AT - 3_600, 0.02, 0.0))
    verdict = assess(bad, level(1.0), 0.999, AT)
    assert verdict.burn is Burn.BURNING
    assert verdict.severity == "page"
    assert verdict.pairs[0].short_rate == pytest.approx(20)


def test_no_traffic_is_unmeasured_and_says_so():
    verdict = assess(level(0.0), level(0.0), 0.999, AT)
    assert verdict.burn is Burn.UNMEASURED
    assert "no traffic" in verdict.pairs[0].reason


def test_a_series_that_vanished_is_unmeasured():
    assert assess(Series({}, TIMES[:5], np.zeros(5)), level(1.0), 0.999, AT).burn is Burn.UNMEASURED


def test_an_objective_outside_0_and_1_is_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        burn_rate(1, 2, 1.0)
