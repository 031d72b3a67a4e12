from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.drift.quality.arrivals import Arrivals, find_row_faults
from triage.drift.quality.fault import DataFault, FaultKind

HOUR = 3600.0
START = datetime(2026, 11, 2, tzinfo=UTC).timestamp()


def window(day: int, hours: int = 24, *, counted: bool = True, repeated: int | None = 0) -> Arrivals:
    """A log that keeps a tenth of the requests; traffic has a daily course, and ``day`` its own level."""
    start = START + day * 24 * HOUR
    hour = np.arange(hours)
    traffic = (1 + 0.6 * np.sin(2 * np.pi * hour / 24)) * (1 + 0.1 * (day % 3))
    counts = np.random.default_rng(day + 100).poisson(traffic * 0.1 * HOUR)
    known = traffic if counted else np.full(hours, np.nan)
    return Arrivals(start, HOUR, counts, known, int(counts.sum()), repeated)


def faults(now: Arrivals, *, counted: bool = True, repeated: int | None = 0) -> tuple[DataFault, ...]:
    return find_row_faults([window(day, counted=counted, repeated=repeated) for day in range(-8, 0)], now)


def without(now: Arrivals, hours: slice, kept: float = 0.0) -> Arrivals:
    counts = now.counts.copy()
    counts[hours] = (counts[hours] * kept).astype(np.int64)
    return replace(now, counts=counts, rows=int(counts.sum()))


@pytest.mark.parametrize("counted", [True, False])
@given(day=st.integers(0, 60))
def test_a_whole_log_has_no_fault(counted: bool, day: int) -> None:
    assert faults(window(day, 48, counted=counted), counted=counted) == ()


@pytest.mark.parametrize("counted", [True, False])
def test_a_hole_is_found_with_its_ends_and_its_share(counted: bool) -> None:
    (found,) = faults(without(window(0, 48, counted=counted), slice(20, 23)), counted=counted)
    assert found.kind is FaultKind.MISSING_ROWS
    assert found.onset == datetime(2026, 11, 2, 20, tzinfo=UTC)
    assert found.until == datetime(2026, 11, 2, 23, tzinfo=UTC)
    assert 0.01 < found.share < 0.06
    assert ("that the service counted" in found.statement) is counted


def test_rows_that_have_not_arrived_are_late_and_the_last_few_are_always_on_their_way() -> None:
    (found,) = faults(without(window(0, 48), slice(40, 48)))
    assert found.kind is FaultKind.LATE
    assert "since 2026-11-03 16:00 have not arrived" in found.statement
    assert faults(without(window(0, 48), slice(46, 48))) == ()


def test_a_log_thinned_all_over_is_missing_rows_only_where_the_service_counted_more() -> None:
    (found,) = faults(without(window(0, 48), slice(None), kept=0.65))
    assert found.kind is FaultKind.MISSING_ROWS
    assert found.share == pytest.approx(0.35, abs=0.05)
    fewer = without(window(0, 48, counted=False), slice(None), kept=0.65)
    assert faults(fewer, counted=False) == ()


def test_fewer_visitors_are_no_missing_rows() -> None:
    now = window(0, 48)
    traffic = now.traffic.copy()
    traffic[20:30] *= 0.1
    half = without(now, slice(20, 30), kept=0.1)
    assert faults(replace(half, traffic=traffic)) == ()


@pytest.mark.parametrize(
    "level", [lambda hour: np.ones(len(hour)), lambda hour: 1 + 0.6 * np.cos(2 * np.pi * hour / 24)]
)
def test_traffic_that_never_went_with_the_log_says_nothing_of_missing_rows(level) -> None:
    def elsewhere(one: Arrivals) -> Arrivals:
        return replace(one, traffic=level(np.arange(len(one.counts))))

    healthy = [elsewhere(window(day)) for day in range(-8, 0)]
    quieter = without(elsewhere(window(0, 48)), slice(None), kept=0.7)
    assert find_row_faults(healthy, elsewhere(window(0, 48))) == ()
    assert find_row_faults(healthy, quieter) == ()
    (found,) = find_row_faults(healthy, without(elsewhere(window(0, 48)), slice(20, 23)))
    assert "that healthy days have at the same time" in found.statement


def test_rows_that_came_twice_are_found_where_keys_did_not_repeat_before() -> None:
    now = window(0, 48)
    (found,) = faults(replace(now, repeated=now.rows // 10))
    assert found.kind is FaultKind.DUPLICATES
    assert found.share == pytest.approx(0.1, abs=0.001)
    assert faults(replace(now, repeated=now.rows // 1000)) == ()
    assert faults(replace(now, repeated=now.rows // 10), repeated=800) == ()
    assert faults(replace(now, repeated=None), repeated=None) == ()


def test_without_healthy_windows_or_rows_nothing_is_claimed() -> None:
    now = without(window(0, 48), slice(10, 20))
    assert find_row_faults([], now) == ()
    empty = Arrivals(START, HOUR, np.zeros(0, np.int64), np.zeros(0), 0, 0)
    assert faults(empty) == ()
    assert find_row_faults([empty], now) == ()


@given(
    st.lists(st.lists(st.integers(0, 2_000), min_size=24, max_size=24), max_size=5),
    st.lists(st.integers(0, 2_000), min_size=0, max_size=48),
    st.sampled_from([0.0, 1.0, np.nan]),
)
def test_any_counts_are_judged_without_an_error(healthy: list[list[int]], now: list[int], traffic: float) -> None:
    def made(counts: list[int], day: int) -> Arrivals:
        values = np.array(counts, np.int64)
        return Arrivals(START + day * 24 * HOUR, HOUR, values, np.full(len(counts), traffic), int(values.sum()), 0)

    for fault in find_row_faults([made(counts, -1 - day) for day, counts in enumerate(healthy)], made(now, 0)):
        assert 0 < fault.share <= 1
