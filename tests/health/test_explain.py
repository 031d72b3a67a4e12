from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from tests.health.conftest import END
from triage.health.compare import Limits, Worse, judge
from triage.health.explain import Order, Signal, explain
from triage.incident import Verdict, Window
from triage.ports import Series

WINDOW = Window(datetime.fromtimestamp(END - 7_200, tz=UTC), datetime.fromtimestamp(END, tz=UTC))
BEGAN = END - 4_500


def signal(name: str, times: np.ndarray, values: np.ndarray) -> Signal:
    series = Series({}, times, values)
    return Signal(series, judge(series, WINDOW, name=name, worse=Worse.HIGHER))


@pytest.fixture
def world(times, rng):
    """A KPI that healthy history ties to latency; what latency and the KPI do besides is for the test."""

    def build(latency_from: float | None = None, kpi_drop: float = 0.0):
        latency = 0.1 + rng.normal(0, 0.005, times.size) + (rng.random(times.size) < 0.02) * 0.05
        if latency_from is not None:
            latency = latency + 0.3 * (times >= latency_from)
        kpi = 0.8 - 0.2 * latency + rng.normal(0, 0.004, times.size) - kpi_drop * (times >= BEGAN)
        series = Series({}, times, kpi)
        verdict = judge(series, WINDOW, name="accuracy", worse=Worse.LOWER, limits=Limits(relative=0.02))
        return series, signal("latency", times, latency), verdict

    return build


def test_latency_that_rose_with_the_kpi_and_explains_it_supports(world):
    kpi, latency, verdict = world(latency_from=BEGAN)
    found = explain(kpi, [latency], WINDOW, kpi_verdict=verdict)
    assert found.verdict is Verdict.SUPPORTS
    assert found.share_low <= found.share <= found.share_high
    assert found.share == pytest.approx(1.0, abs=0.4)


def test_latency_that_rose_after_the_kpi_fell_refutes(world):
    kpi, latency, verdict = world(latency_from=BEGAN + 2_400, kpi_drop=0.06)
    found = explain(kpi, [latency], WINDOW, kpi_verdict=verdict)
    assert found.suspects[0].order is Order.AFTER
    assert found.verdict is Verdict.REFUTES


def test_where_no_share_is_known_a_broken_promise_leads(world, times):
    kpi, _, verdict = world(kpi_drop=0.06)
    noise = np.random.default_rng(2)
    slower = signal("latency", times, 0.04 + noise.normal(0, 1e-4, times.size) + 0.02 * (times >= BEGAN))
    failing = signal("errors", times, 1e-3 * noise.random(times.size) + 0.002 * (times >= BEGAN))
    assert slower.verdict.z > failing.verdict.z
    found = explain(kpi, [slower, replace(failing, broken=True)], WINDOW, kpi_verdict=verdict)
    assert [suspect.name for suspect in found.suspects] == ["errors", "latency"]
    assert found.statement.startswith("errors")


def test_a_kpi_by_the_hour_does_not_tell_that_it_fell_some_minutes_before(world, times):
    _, _, verdict = world(kpi_drop=0.06)
    noise = np.random.default_rng(2)
    failing = signal("errors", times, 1e-3 * noise.random(times.size) + 0.3 * (times >= BEGAN))
    hours = np.arange(times[0] // 3600 * 3600, END, 3600.0)
    fell = BEGAN // 3600 * 3600
    kpi = Series({}, hours, 0.8 + noise.normal(0, 0.004, hours.size) - 0.2 * (hours >= fell))
    at = datetime.fromtimestamp(fell, tz=UTC)
    seen = replace(verdict, onset=replace(verdict.onset, at=at, low=at - (WINDOW.end - WINDOW.start) / 2, high=at))
    (suspect,) = explain(kpi, [failing], WINDOW, kpi_verdict=seen).suspects
    assert suspect.order is not Order.AFTER


def test_steady_infrastructure_refutes(world):
    kpi, latency, verdict = world(kpi_drop=0.06)
    assert explain(kpi, [latency], WINDOW, kpi_verdict=verdict).verdict is Verdict.REFUTES


def test_one_unmeasured_signal_forbids_an_all_clear(world):
    kpi, latency, verdict = world(kpi_drop=0.06)
    gone = signal("queue", np.zeros(0), np.zeros(0))
    found = explain(kpi, [latency, gone], WINDOW, kpi_verdict=verdict)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.unmeasured == ("queue",)


def test_nothing_measured_is_unmeasured(world):
    kpi, _, verdict = world()
    gone = signal("queue", np.zeros(0), np.zeros(0))
    assert explain(kpi, [gone], WINDOW, kpi_verdict=verdict).verdict is Verdict.UNMEASURED
    assert explain(kpi, [], WINDOW, kpi_verdict=verdict).verdict is Verdict.UNMEASURED


def errors(times: np.ndarray, ill: np.ndarray) -> Signal:
    return signal("errors", times, 1e-3 * np.random.default_rng(2).random(times.size) + 0.02 * ill)


@pytest.mark.parametrize(("lasted", "expected"), [(600, Verdict.REFUTES), (100_000, Verdict.INCONCLUSIVE)])
def test_what_was_over_before_the_kpi_lost_anything_explains_nothing(world, times, lasted, expected):
    kpi, _, verdict = world(kpi_drop=0.06)
    rose = END - 7_000
    failing = errors(times, (times >= rose) & (times < rose + lasted))
    assert (failing.verdict.until is not None) is (expected is Verdict.REFUTES)
    found = explain(kpi, [failing], WINDOW, kpi_verdict=verdict, kpi_worse=Worse.LOWER)
    assert found.verdict is expected
    assert ("of what the KPI lost was lost while it lasted" in found.statement) is (expected is Verdict.REFUTES)
    assert (found.lost_meanwhile is not None) is (expected is Verdict.REFUTES)


def lost(world, times, *, kpi_at=None, also_ill_from: float = np.inf):
    """What is said of errors at the window's start, where the KPI falls later; ``kpi_at`` changes its values."""
    kpi, _, _ = world(kpi_drop=0.06)
    values = kpi.values.copy()
    ill = (times >= END - 7_000) & (times < END - 6_400)
    if kpi_at is not None:
        kpi_at(values, ill)
    again = (times >= also_ill_from) & (times < also_ill_from + 300)
    found = explain(Series({}, times, values), [errors(times, ill | again)], WINDOW, kpi_worse=Worse.LOWER)
    return found.lost_meanwhile


def test_a_kpi_that_fell_silent_meanwhile_clears_nobody(world, times):
    assert lost(world, times) < 0.2
    assert lost(world, times, kpi_at=lambda values, ill: values.__setitem__(ill, np.nan)) is None


def test_what_the_kpi_gains_later_does_not_hide_what_it_lost_meanwhile(world, times):
    def fell_then_rose(values: np.ndarray, ill: np.ndarray) -> None:
        values[times >= END - 7_200] = 0.78
        values[ill] = 0.6
        values[times >= END - 4_500] = 0.9

    assert lost(world, times, kpi_at=fell_then_rose) > 0.8


def test_errors_that_come_and_go_have_not_passed(world, times):
    assert lost(world, times, also_ill_from=END - 3_000) is None


@pytest.mark.parametrize(("broken", "expected"), [(True, Verdict.SUPPORTS), (False, Verdict.INCONCLUSIVE)])
def test_a_promise_broken_all_the_while_is_suspect_where_the_kpi_has_no_onset(world, times, broken, expected):
    kpi, _, _ = world()
    noise = np.random.default_rng(2).normal(0, 1e-4, times.size)
    slow = signal("latency", times, 0.04 + noise + 0.02 * (times >= BEGAN))
    found = explain(kpi, [replace(slow, broken=broken)], WINDOW, kpi_worse=Worse.LOWER)
    assert found.verdict is expected
    assert ("to the window's end, and the KPI's onset was not found" in found.statement) is broken
