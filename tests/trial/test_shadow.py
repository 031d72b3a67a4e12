from dataclasses import replace

import numpy as np
import pytest

from triage.trial.comparison import Margins, Task
from triage.trial.shadow import ShadowLimits, ShadowRows, judge_shadow
from triage.trial.verdict import TrialVerdict

LIMITS = ShadowLimits()


def _rows(n=6_000, noise=0.5, failing=0.0, slower=1.0, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    champion, challenger = (1 / (1 + np.exp(-(x + s * rng.normal(size=n)))) for s in (0.5, noise))
    truth = (rng.random(n) < 1 / (1 + np.exp(-x))).astype(float)
    challenger[rng.random(n) < failing] = np.nan
    return ShadowRows(
        champion,
        challenger,
        truth,
        champion_latency_ms=rng.gamma(4, 5, n),
        challenger_latency_ms=rng.gamma(4, 5 * slower, n),
    )


def _judge(rows, limits=LIMITS, **options):
    return judge_shadow(rows, limits, np.random.default_rng(1), **options)


def test_a_challenger_that_answers_as_fast_and_as_often_passes_without_labels():
    report = _judge(replace(_rows(), truth=None))
    assert report.verdict is TrialVerdict.PASS
    assert report.quality is None
    assert report.n_labelled == 0


@pytest.mark.parametrize(("change", "word"), [({"failing": 0.02}, "failed answers"), ({"slower": 2.0}, "latency")])
def test_failures_and_latency_fail_it(change, word):
    report = _judge(_rows(**change))
    assert report.verdict is TrialVerdict.FAIL
    assert any(reason.startswith(word) and "fail" in reason for reason in report.reasons)


def test_where_labels_are_asked_for_their_absence_is_no_data_and_not_a_pass():
    limits = ShadowLimits(quality=Margins({"log_loss": 0.02}))
    assert _judge(replace(_rows(), truth=None), limits).verdict is TrialVerdict.NO_DATA
    assert _judge(_rows(), limits).verdict is TrialVerdict.PASS
    assert _judge(_rows(noise=2.0), limits).verdict is TrialVerdict.FAIL


def test_quality_carries_the_paired_comparison():
    report = _judge(_rows(noise=2.0), ShadowLimits(quality=Margins({"log_loss": 0.02})))
    assert report.quality.windows[0].mcnemar.p_value < 0.01
    assert report.n_labelled == 6_000


def test_too_few_mirrored_requests_are_no_data():
    assert _judge(_rows(n=500)).verdict is TrialVerdict.NO_DATA


def test_disagreement_is_shown_and_decides_only_where_it_is_limited():
    report = _judge(_rows(noise=1.5))
    assert report.disagreement.value > 0.15
    assert report.verdict is TrialVerdict.PASS
    assert _judge(_rows(noise=1.5), ShadowLimits(max_disagreement=0.05)).verdict is TrialVerdict.FAIL


def test_a_challenger_that_never_fails_is_bounded_and_not_assumed_perfect():
    report = _judge(_rows())
    assert report.failures.value == 0
    assert 0 < report.failures.high < 0.001
    small = _judge(_rows(n=2_500))
    assert small.failures.high > 0.001
    assert small.verdict is TrialVerdict.INCONCLUSIVE


def test_rows_on_which_both_fail_do_not_count_against_the_challenger():
    rows = _rows()
    for answers in (rows.champion, rows.challenger):
        answers[:600] = np.nan
    assert _judge(rows).failures.value == 0


def test_disagreement_of_one_entity_is_not_counted_many_times():
    rows = _rows()
    plain = _judge(rows).disagreement
    entity = np.argsort(np.argsort((rows.champion >= 0.5) != (rows.challenger >= 0.5), kind="stable")) // 60
    clustered = _judge(replace(rows, cluster=entity)).disagreement
    assert clustered.high - clustered.low > 3 * (plain.high - plain.low)


def test_regression_has_no_decisions_to_disagree_on():
    report = _judge(_rows(), task=Task.REGRESSION)
    assert report.disagreement is None
    assert report.shift == pytest.approx(0, abs=0.02)
