import numpy as np
import pytest

from triage.health.burn import Burn, assess, bad_events, burn_rate
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


def test_of_no_traffic_nothing_went_wrong_and_a_gap_in_the_share_stays_one():
    share = Series({}, TIMES[:4], np.array([0.1, np.nan, np.nan, 0.5]))
    traffic = Series({}, TIMES[:5], np.array([10.0, 0.0, 10.0, 2.0, 2.0]))
    assert bad_events(share, traffic).values == pytest.approx([1.0, 0.0, np.nan, 1.0, np.nan], nan_ok=True)


def test_traffic_that_went_away_is_no_traffic_and_not_a_kept_promise():
    traffic = Series({}, TIMES, np.where(TIMES > AT - 7_200, 0.0, 5.0))
    share = Series({}, TIMES, np.where(TIMES > AT - 7_200, np.nan, 0.0))
    verdict = assess(bad_events(share, traffic), traffic, 0.999, AT)
    assert verdict.burn is Burn.UNMEASURED
    assert (
        "not measured over 5 min and 1 h: no traffic in the last 5 min; no traffic in the last 1 h" in verdict.statement
    )


def test_the_statement_names_rate_windows_and_severity():
    bad = Series({}, TIMES, np.where(TIMES > AT - 3_600, 0.02, 0.0))
    said = assess(bad, level(1.0), 0.999, AT).statement
    assert said == (
        "burns its error budget 20 times as fast as 0.999 allows over 1 h (20 times over 5 min): worth a page"
    )
    assert assess(level(0.0), level(1.0), 0.999, AT).statement.startswith("burns none")
    assert "at most 0.5 times" in assess(level(0.0005), level(1.0), 0.999, AT).statement
