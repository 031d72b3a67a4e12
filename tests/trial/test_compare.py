from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triage.trial.compare import compare
from triage.trial.comparison import Margins, PairedRows, Task
from triage.trial.footprint import Footprint
from triage.trial.verdict import TrialVerdict

MARGINS = Margins({"log_loss": 0.01})


def _rows(n=4_000, noise=0.5, name="current", seed=0, flipped=0.0, segments=5):
    """Two models that see the truth through noise, the champion 0.5; the challenger's turned in segment 0."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    truth = (rng.random(n) < _sigmoid(x - 1)).astype(float)
    champion, challenger = (_sigmoid(x - 1 + s * rng.normal(size=n)) for s in (0.5, noise))
    group = rng.integers(0, segments, n)
    challenger = np.where((group == 0) & (rng.random(n) < flipped), 1 - challenger, challenger)
    return PairedRows(name, truth, champion, challenger, segments={f"group {g}": group == g for g in range(segments)})


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _compare(*windows, margins=MARGINS, seed=1, **options):
    by_name = margins if isinstance(margins, dict) else {rows.name: margins for rows in windows}
    options.setdefault("replicates", 400)
    return compare(windows, by_name, np.random.default_rng(seed), **options)


def test_a_better_challenger_passes_everywhere():
    report = _compare(_rows(noise=0.1, n=10_000))
    assert report.verdict is TrialVerdict.PASS
    assert {scope.verdict for scope in report.windows[0].scopes} == {TrialVerdict.PASS}


def test_a_worse_challenger_fails_with_the_figures_as_reason():
    report = _compare(_rows(noise=1.5))
    assert report.verdict is TrialVerdict.FAIL
    assert report.reasons[0].startswith("current window: log_loss 0.5")
    assert "margin 0.01" in report.reasons[0]


def test_a_win_overall_that_harms_one_segment_is_a_fail():
    report = _compare(_rows(noise=0.0, n=10_000, flipped=0.25, segments=10))
    whole, harmed, *others = report.windows[0].scopes
    assert whole.verdict is TrialVerdict.PASS
    assert harmed.verdict is TrialVerdict.FAIL
    assert TrialVerdict.FAIL not in {scope.verdict for scope in others}
    assert report.verdict is TrialVerdict.FAIL


def test_a_segment_may_have_a_wider_margin_of_its_own():
    rows = _rows(noise=0.0, n=10_000, flipped=0.25, segments=10)
    wide = Margins({"log_loss": 0.01}, segments={"group 0": {"log_loss": 2.0}})
    assert _compare(rows, margins=wide).verdict is TrialVerdict.PASS


def test_too_few_rows_to_tell_are_inconclusive_and_say_so():
    report = _compare(replace(_rows(n=400, noise=0.5), segments={}))
    assert report.verdict is TrialVerdict.INCONCLUSIVE
    assert "more labelled rows are needed" in report.reasons[0]


@pytest.mark.parametrize("n", [0, 1, 150])
def test_a_window_or_segment_below_the_minimum_is_no_data(n):
    report = _compare(replace(_rows(n=n), segments={}))
    assert report.verdict is TrialVerdict.NO_DATA
    assert "200 rows" in report.reasons[0]
    assert report.windows[0].scopes[0].metrics == ()


def test_a_small_segment_keeps_the_whole_from_passing():
    rows = _rows(noise=0.1, n=10_000)
    rows = replace(rows, segments={"rare": np.arange(10_000) < 100})
    assert _compare(rows).verdict is TrialVerdict.NO_DATA


def test_every_named_window_must_hold():
    current, healthy = _rows(noise=0.1, n=10_000), _rows(noise=1.5, name="healthy")
    report = _compare(current, healthy)
    assert [window.name for window in report.windows] == ["current", "healthy"]
    assert report.windows[0].scopes[0].verdict is TrialVerdict.PASS
    assert report.verdict is TrialVerdict.FAIL


def test_a_window_without_margins_is_refused():
    with pytest.raises(ValueError, match="no margins for window current"):
        _compare(_rows(n=10), margins={})


def test_a_negative_margin_demands_a_gain_of_the_whole_but_not_of_each_segment():
    demand = Margins({"log_loss": -0.01})
    assert _compare(_rows(noise=0.0, n=10_000), margins=demand).windows[0].scopes[0].verdict is TrialVerdict.PASS
    equal = _compare(_rows(noise=0.5, n=10_000), margins=demand)
    assert equal.windows[0].scopes[0].verdict is TrialVerdict.FAIL
    assert equal.windows[0].scopes[1].metric("log_loss").margin == 0.0


def test_several_metrics_may_decide_and_the_others_are_only_shown():
    report = _compare(_rows(noise=0.1, n=10_000), margins=Margins({"log_loss": 0.01, "auc": 0.01}))
    scope = report.windows[0].scopes[0]
    assert {metric.metric for metric in scope.metrics} == {"log_loss", "brier", "accuracy", "auc"}
    assert [metric.metric for metric in scope.metrics if metric.verdict] == ["log_loss", "auc"]
    assert scope.metric("auc").method == "DeLong"
    assert len(scope.reasons) == 2


def test_a_deciding_metric_that_cannot_be_measured_is_no_data():
    report = _compare(_rows(), margins=Margins({"kpi": 0.1}))
    assert report.verdict is TrialVerdict.NO_DATA
    assert "kpi decides but could not be measured here" in report.reasons[0]
    one_class = replace(_rows(), truth=np.zeros(4_000), segments={})
    assert _compare(one_class, margins=Margins({"auc": 0.1})).verdict is TrialVerdict.NO_DATA


def test_the_kpi_proxy_is_compared_where_it_is_given():
    rows = replace(_rows(n=6_000), champion_kpi=np.full(6_000, 1.0), challenger_kpi=np.full(6_000, 0.7), segments={})
    report = _compare(rows, margins=Margins({"kpi": 0.1}))
    assert report.verdict is TrialVerdict.FAIL
    assert report.windows[0].scopes[0].metric("kpi").harm.value == pytest.approx(0.3)


def test_rows_that_only_the_champion_can_score_fail_the_challenger():
    rows = _rows(noise=0.1, n=10_000)
    challenger = rows.challenger.copy()
    challenger[::200] = np.nan
    report = _compare(replace(rows, challenger=challenger))
    assert report.verdict is TrialVerdict.FAIL
    assert report.windows[0].n_unscored == 50
    assert "no score for 0.5% of the rows" in report.reasons[0]


@pytest.mark.parametrize(
    ("lost", "labelled", "travels", "expected"),
    [
        (50, 1.0, True, TrialVerdict.INCONCLUSIVE),
        (50, 0.5, True, TrialVerdict.INCONCLUSIVE),
        (50, 1.0, False, TrialVerdict.FAIL),
        (2_000, 1.0, True, TrialVerdict.FAIL),
    ],
)
def test_one_lost_request_neither_fails_nor_passes_a_challenger_whose_answers_travel(lost, labelled, travels, expected):
    rows = _rows(noise=0.1, n=10_000)
    challenger, truth = rows.challenger.copy(), rows.truth.astype(float)
    challenger[400 : 400 + lost] = np.nan
    truth[np.random.default_rng(1).random(len(truth)) >= labelled] = np.nan
    report = _compare(replace(rows, challenger=challenger, truth=truth), may_be_lost=travels)
    assert report.verdict is expected
    assert "the challenger has no score for" in report.reasons[0]


def test_rows_without_truth_are_left_out_and_counted():
    rows = _rows(n=6_000, noise=0.1)
    truth = rows.truth.copy()
    truth[:1_000] = np.nan
    window = _compare(replace(rows, truth=truth)).windows[0]
    assert (window.n_without_truth, window.scopes[0].n_rows) == (1_000, 5_000)


def test_regression_is_judged_by_its_own_metrics():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=3_000)
    rows = PairedRows("current", truth, truth + rng.normal(0, 0.5, 3_000), truth + rng.normal(0, 0.4, 3_000))
    report = _compare(rows, margins=Margins({"rmse": 0.0, "mae": 0.0}), task=Task.REGRESSION)
    assert report.verdict is TrialVerdict.PASS
    rmse = report.windows[0].scopes[0].metric("rmse")
    assert rmse.champion == pytest.approx(0.5, abs=0.03)
    assert rmse.difference.low < -0.1 < rmse.difference.high
    assert report.windows[0].mcnemar is None


def test_repeating_each_row_does_not_make_it_surer_when_clusters_are_named():
    rows = replace(_rows(n=500), segments={})
    tiled = replace(
        rows,
        truth=np.tile(rows.truth, 10),
        champion=np.tile(rows.champion, 10),
        challenger=np.tile(rows.challenger, 10),
        cluster=np.tile(np.arange(500), 10),
    )
    once, naive, clustered = (
        _compare(item, replicates=2_000).windows[0].scopes[0] for item in (rows, replace(tiled, cluster=None), tiled)
    )
    width = [
        s.metric("log_loss").difference.high - s.metric("log_loss").difference.low for s in (once, naive, clustered)
    ]
    assert width[2] == pytest.approx(width[0], rel=0.1)
    assert width[1] < 0.5 * width[0]
    assert clustered.n_units == 500
    assert clustered.metric("auc").method == "DeLong, clustered"


def test_calibration_and_mcnemar_stand_beside_the_verdict():
    rows = _rows(noise=1.5, n=6_000)
    window = _compare(rows).windows[0]
    assert window.challenger_calibration.error > window.champion_calibration.error
    assert window.challenger_calibration.beyond_chance
    assert window.mcnemar.only_champion > window.mcnemar.only_challenger
    assert window.mcnemar.p_value < 0.001


def test_a_slower_challenger_fails_although_it_is_better():
    rng = np.random.default_rng(0)
    fast, slow = (Footprint(rng.gamma(4, scale, 2_000)) for scale in (5, 20))
    assert _compare(_rows(noise=0.1, n=10_000), footprints=(fast, slow)).verdict is TrialVerdict.FAIL
    assert _compare(_rows(noise=0.1, n=10_000), footprints=(slow, fast)).verdict is TrialVerdict.PASS


def test_the_same_seed_gives_the_same_report():
    assert _compare(_rows(n=1_000), seed=3) == _compare(_rows(n=1_000), seed=3)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1_000), st.floats(0.0, 1.5))
def test_swapping_the_models_turns_every_difference_around(seed, noise):
    rows = replace(_rows(n=600, noise=noise, seed=seed), segments={})
    there = _compare(rows, replicates=100).windows[0].scopes[0]
    back = _compare(replace(rows, champion=rows.challenger, challenger=rows.champion), replicates=100)
    for metric in there.metrics:
        other = back.windows[0].scopes[0].metric(metric.metric)
        assert other.difference.value == pytest.approx(-metric.difference.value)
        assert other.difference.high == pytest.approx(-metric.difference.low, abs=0.02)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1_000))
def test_a_model_against_itself_differs_by_nothing_and_is_never_a_fail(seed):
    rows = _rows(n=600, seed=seed, segments=2)
    report = _compare(replace(rows, challenger=rows.champion), replicates=100)
    assert report.verdict is TrialVerdict.PASS
    assert all(m.difference.value == 0 for s in report.windows[0].scopes for m in s.metrics)


def test_looking_at_many_segments_does_not_find_harm_by_chance():
    """An equal challenger, 20 segments, a margin of nothing: how often is some segment said to be harmed?"""
    naive = corrected = 0
    for seed in range(20):
        rows = _rows(n=4_400, seed=seed, segments=20)
        scopes = _compare(rows, margins=Margins({"brier": 0.0}, min_rows=100), replicates=150).windows[0].scopes[1:]
        naive += any(scope.metric("brier").harm.low > 0 for scope in scopes)
        corrected += any(scope.verdict is TrialVerdict.FAIL for scope in scopes)
    assert naive >= 5
    assert corrected <= 2


@pytest.mark.parametrize("column", ["champion", "challenger", "cluster", "champion_kpi"])
def test_columns_of_different_lengths_are_refused(column):
    with pytest.raises(ValueError, match="the same rows"):
        replace(_rows(n=10), **{column: np.ones(9)})


def test_a_kpi_of_one_model_alone_is_refused():
    with pytest.raises(ValueError, match="both models or for neither"):
        replace(_rows(n=10), champion_kpi=np.ones(10))
