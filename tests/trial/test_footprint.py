import numpy as np
import pytest

from triage.trial.footprint import Footprint, FootprintMargins, compare_footprints
from triage.trial.verdict import TrialVerdict


def _latency(scale=1.0, n=5_000, seed=0):
    return Footprint(np.random.default_rng(seed).gamma(4, 5 * scale, n), size_bytes=1_000_000)


def _compare(champion, challenger, **margins):
    return compare_footprints(champion, challenger, FootprintMargins(**margins), np.random.default_rng(1))


@pytest.mark.parametrize(
    ("scale", "verdict"),
    [(1.0, TrialVerdict.PASS), (0.5, TrialVerdict.PASS), (1.2, TrialVerdict.INCONCLUSIVE), (1.6, TrialVerdict.FAIL)],
)
def test_latency_is_judged_by_the_growth_of_its_99th_percentile(scale, verdict):
    found = _compare(_latency(), _latency(scale, seed=2))
    assert found.verdict is verdict
    assert found.latency_growth.low < scale - 1 < found.latency_growth.high


def test_a_slow_tail_is_seen_where_the_mean_does_not_move():
    tail = _latency(seed=2).latency_ms.copy()
    tail[:100] = 500.0
    assert _compare(_latency(), Footprint(tail)).verdict is TrialVerdict.FAIL


@pytest.mark.parametrize("unmeasured", [Footprint(), Footprint(np.ones(20))])
def test_latency_that_was_not_measured_is_no_data_and_not_a_pass(unmeasured):
    found = _compare(_latency(), unmeasured)
    assert found.verdict is TrialVerdict.NO_DATA
    assert "500" in found.reasons[0]


@pytest.mark.parametrize(
    ("size", "verdict"), [(1_100_000, TrialVerdict.PASS), (2_000_000, TrialVerdict.FAIL), (None, TrialVerdict.NO_DATA)]
)
def test_size_decides_only_where_it_has_a_margin(size, verdict):
    challenger = Footprint(_latency().latency_ms, size)
    assert _compare(_latency(), challenger, size_growth=0.5).verdict is verdict
    assert _compare(_latency(), challenger).verdict is TrialVerdict.PASS


def test_without_any_margin_the_footprint_is_only_shown():
    found = _compare(Footprint(), Footprint(), latency_growth=None)
    assert (found.verdict, found.reasons) == (TrialVerdict.PASS, ())


def test_the_interval_of_the_growth_covers_the_truth_at_its_rate():
    missed = 0
    for seed in range(200):
        growth = _compare(_latency(n=1_000, seed=seed), _latency(n=1_000, seed=10_000 + seed)).latency_growth
        missed += not growth.low <= 0 <= growth.high
    assert missed / 200 < 0.1
