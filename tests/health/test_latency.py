import numpy as np
import pytest

from triage.health.latency import from_cumulative, quantile, share_above, total


def buckets(*counts: float):
    return from_cumulative({0.1: np.array(counts[0]), 0.5: np.array(counts[1]), float("inf"): np.array(counts[2])})


def test_buckets_are_summed_before_the_quantile_is_read():
    assert float(quantile(total(buckets(100.0, 100.0, 100.0), buckets(0.0, 100.0, 100.0)), 0.75)) == pytest.approx(0.3)


def test_no_traffic_has_no_quantile_and_no_share():
    assert np.isnan(quantile(buckets(0.0, 0.0, 0.0), 0.5))
    assert share_above(buckets(0.0, 0.0, 0.0), 0.1) is None


def test_an_objective_between_bounds_is_bracketed():
    found = share_above(buckets(50.0, 90.0, 100.0), 0.3)
    assert (found.low, found.high) == pytest.approx((0.1, 0.5))
    assert found.share == pytest.approx(0.3)


def test_a_histogram_without_infinity_or_with_other_bounds_is_refused():
    with pytest.raises(ValueError, match=r"\+Inf"):
        from_cumulative({0.1: np.array(1.0)})
    with pytest.raises(ValueError, match="different bounds"):
        total(buckets(1.0, 1.0, 1.0), from_cumulative({float("inf"): np.array(1.0)}))
