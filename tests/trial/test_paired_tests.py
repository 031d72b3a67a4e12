import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from triage.trial.paired_tests import delong, mcnemar


def _right(both, only_champion, only_challenger, neither):
    counts = [both, only_champion, only_challenger, neither]
    return np.repeat([True, True, False, False], counts), np.repeat([True, False, True, False], counts)


def test_mcnemar_reproduces_the_mid_p_of_fagerland_lydersen_and_laake():
    """Their airway hyper-responsiveness before and after stem cell transplantation: b = 1, c = 7; mid-p 0.0391."""
    found = mcnemar(*_right(1, 1, 7, 12))
    assert (found.only_champion, found.only_challenger, found.n) == (1, 7, 21)
    assert found.p_value == pytest.approx(0.0391, abs=5e-5)


def test_mcnemar_looks_only_at_the_rows_on_which_the_models_disagree():
    assert mcnemar(*_right(0, 30, 12, 0)).p_value == mcnemar(*_right(5_000, 30, 12, 900)).p_value


def test_models_that_never_disagree_are_not_told_apart():
    assert mcnemar(*_right(50, 0, 0, 10)).p_value == 1.0
    assert mcnemar(*_right(50, 0, 0, 10), np.arange(60)).p_value == 1.0


def test_clustered_mcnemar_with_clusters_of_one_row_is_mcnemars_own_statistic():
    found = mcnemar(*_right(40, 30, 12, 5), np.arange(87))
    assert found.p_value == pytest.approx(stats.chi2.sf((30 - 12) ** 2 / 42, 1))


def test_repeating_every_row_tricks_the_plain_mcnemar_but_not_the_clustered_one():
    champion, challenger = _right(40, 24, 14, 5)
    entity = np.tile(np.arange(len(champion)), 10)
    repeated = np.tile(champion, 10), np.tile(challenger, 10)
    assert mcnemar(*repeated).p_value < 1e-4
    assert mcnemar(*repeated, entity).p_value == pytest.approx(
        mcnemar(champion, challenger, np.arange(len(champion))).p_value
    )


def _naive_delong(truth, champion, challenger):
    """The paper's own formulas: every pair compared, covariance of the structural components."""
    above, below = [], []
    for scores in (champion, challenger):
        pairs = np.array(
            [[(x > y) + 0.5 * (x == y) for y in scores[truth == 0]] for x in scores[truth == 1]], dtype=float
        )
        above.append(pairs.mean(axis=1))
        below.append(pairs.mean(axis=0))
    covariance = np.cov(above) / len(above[0]) + np.cov(below) / len(below[0])
    contrast = np.array([-1.0, 1.0])
    return [v.mean() for v in above], float(np.sqrt(contrast @ covariance @ contrast))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 25), st.integers(2, 25), st.integers(2, 12))
def test_delong_by_midranks_is_delong_by_all_pairs_ties_included(seed, n_pos, n_neg, levels):
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.repeat([1, 0], [n_pos, n_neg]))
    champion, challenger = rng.integers(0, levels, (2, n_pos + n_neg)).astype(float)
    found = delong(truth, champion, challenger)
    areas, error = _naive_delong(truth, champion, challenger)
    assert [found.champion, found.challenger] == pytest.approx(areas)
    assert found.standard_error == pytest.approx(error, abs=1e-12)


def test_the_areas_are_those_of_scikit_learn():
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 2, 500)
    scores = rng.normal(size=500) + truth
    assert delong(truth, scores, -scores).champion == pytest.approx(roc_auc_score(truth, scores))


@given(st.integers(0, 1_000))
@settings(max_examples=25, deadline=None)
def test_areas_do_not_change_when_scores_are_stretched(seed):
    rng = np.random.default_rng(seed)
    truth = np.repeat([0, 1], 30)
    champion, challenger = rng.random((2, 60))
    plain, stretched = delong(truth, champion, challenger), delong(truth, np.exp(champion), challenger**3)
    assert plain.difference.low == pytest.approx(stretched.difference.low)


def test_one_class_alone_has_no_area():
    assert delong(np.ones(10), np.arange(10.0), np.arange(10.0)) is None


def test_a_model_compared_with_itself_differs_by_nothing():
    rng = np.random.default_rng(0)
    truth, scores = np.repeat([0, 1], 20), rng.random(40)
    found = delong(truth, scores, scores)
    assert (found.difference.value, found.standard_error, found.p_value) == (0.0, 0.0, 1.0)


def test_clusters_of_one_row_give_delong_its_own_standard_error():
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 2, 2_000)
    champion, challenger = rng.normal(size=(2, 2_000)) + truth
    plain, clustered = delong(truth, champion, challenger), delong(truth, champion, challenger, np.arange(2_000))
    assert clustered.standard_error == pytest.approx(plain.standard_error, rel=2e-3)


def test_repeating_every_row_does_not_shrink_the_clustered_standard_error():
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 2, 400)
    champion, challenger = rng.normal(size=(2, 400)) + truth
    tiled = [np.tile(values, 9) for values in (truth, champion, challenger, np.arange(400))]
    assert delong(*tiled).standard_error == pytest.approx(delong(truth, champion, challenger).standard_error, rel=0.01)
    assert delong(*tiled[:3]).standard_error < 0.4 * delong(*tiled).standard_error


@pytest.mark.parametrize(("shift", "low", "high"), [(0.0, 0.0, 0.09), (0.8, 0.9, 1.0)])
def test_delong_rejects_at_its_nominal_rate_and_sees_a_real_difference(shift, low, high):
    rng = np.random.default_rng(8)
    rejected = 0
    for _ in range(200):
        truth = np.repeat([0, 1], 100)
        common = rng.normal(size=200) + truth
        champion, challenger = common + rng.normal(size=(2, 200))
        rejected += delong(truth, champion, challenger + shift * truth).p_value < 0.05
    assert low <= rejected / 200 <= high


def test_every_split_of_four_rows_has_an_area_between_0_and_1():
    for scores in itertools.permutations([0.1, 0.2, 0.3, 0.4]):
        found = delong(np.array([0, 0, 1, 1]), np.array(scores), np.array(scores))
        assert 0 <= found.champion <= 1
