from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from triage.drift.concept.labels import LabelFaultKind, LabelReport, label_faults


def _world(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    odds = rng.normal(0, 1.5, n)
    return (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(float), 1 / (1 + np.exp(-odds))


LABELS, SCORES = _world(4000, 0)


def _run(labels: np.ndarray, scores: np.ndarray, **options) -> LabelReport:
    return label_faults(LABELS, SCORES, labels, scores, **options)


def _kinds(report: LabelReport) -> list[LabelFaultKind]:
    return [fault.kind for fault in report.faults]


def test_healthy_labels_have_no_fault():
    for seed in range(1, 11):
        report = _run(*_world(1000, seed))
        assert report.faults == ()
        assert report.ranking == pytest.approx(report.healthy_ranking, abs=0.06)


def test_labels_for_three_percent_of_rows_are_a_fault_of_coverage_and_their_values_unmeasured():
    labels, scores = _world(1000, 1)
    labels[30:] = np.nan
    report = _run(labels, scores)
    assert _kinds(report) == [LabelFaultKind.MISSING]
    assert report.coverage == 0.03
    assert [item.what for item in report.unmeasured] == ["label values"]


def test_labels_that_are_not_due_yet_are_unmeasured_and_no_fault():
    labels, scores = _world(1000, 1)
    labels[:] = np.nan
    report = _run(labels, scores, expected_delay=timedelta(days=7), age=timedelta(days=2))
    assert report.faults == ()
    assert "5 days" in report.unmeasured[0].reason


def test_one_constant_label_is_a_fault():
    labels, scores = _world(1000, 1)
    assert _kinds(_run(np.zeros_like(labels), scores)) == [LabelFaultKind.CONSTANT]


def test_flipped_and_unrelated_labels_are_faults_that_concept_drift_could_imitate():
    labels, scores = _world(1000, 1)
    flipped = _run(1 - labels, scores)
    shuffled = _run(np.random.default_rng(2).permutation(labels), scores)
    assert _kinds(flipped) == [LabelFaultKind.FLIPPED]
    assert _kinds(shuffled) == [LabelFaultKind.UNRELATED]
    assert flipped.ambiguous
    assert shuffled.ambiguous


def test_numeric_labels_joined_to_the_wrong_rows_are_unrelated():
    rng = np.random.default_rng(0)
    scores = rng.normal(100, 20, 2000)
    labels = scores + rng.normal(0, 10, 2000)
    report = label_faults(labels, scores, rng.permutation(labels), scores)
    assert _kinds(report) == [LabelFaultKind.UNRELATED]


def test_labels_that_take_twice_as_long_are_late():
    labels, scores = _world(1000, 1)
    rng = np.random.default_rng(0)
    usual = pd.Series(pd.to_timedelta(rng.normal(24, 2, 4000), unit="h"))
    slow = pd.Series(pd.to_timedelta(rng.normal(48, 4, 1000), unit="h"))
    report = _run(labels, scores, delays=usual, current_delays=slow)
    assert _kinds(report) == [LabelFaultKind.LATE]
    assert report.faults[0].current == pytest.approx(48 * 3600, rel=0.02)


def test_an_empty_window_is_unmeasured():
    report = _run(np.empty(0), np.empty(0))
    assert report.unmeasured
    assert report.ranking is None
