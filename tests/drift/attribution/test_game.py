import numpy as np
import pandas as pd
import pytest

from triage.drift.attribution.game import Replay, populations, scores
from triage.drift.losses import squared_error
from triage.errors import Unmeasurable


def _frame(n: int, seed: int, shift: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(shift, 1, n)
    return pd.DataFrame({"x": x, "witness": x + rng.normal(0, 0.7, n), "other": rng.normal(0, 1, n)})


def test_a_model_that_raises_is_unmeasurable_with_its_own_words():
    def broken(rows):
        raise KeyError("feature 'x' expected")

    with pytest.raises(Unmeasurable, match=r"KeyError.*feature 'x' expected"):
        scores(broken, _frame(3, 0))


@pytest.mark.parametrize("answer", [np.zeros((3, 2)), np.zeros(2), np.array([1.0, np.nan, 0.0])])
def test_answers_of_the_wrong_shape_or_not_finite_are_unmeasurable(answer):
    with pytest.raises(Unmeasurable, match="answered"):
        scores(lambda rows: answer, _frame(3, 0))


def test_a_moved_population_is_told_from_a_corrupted_feature():
    healthy = _frame(4000, 0)
    moved = populations(healthy, _frame(3000, 1, shift=0.6), ["x", "witness", "other"], ["x"])["x"]
    corrupted_rows = _frame(3000, 1).assign(x=lambda f: f.x + 0.6)
    corrupted = populations(healthy, corrupted_rows, ["x", "witness", "other"], ["x"])["x"]
    assert moved.drifted
    assert not corrupted.drifted


def test_values_never_seen_speak_for_corruption_where_nothing_else_can():
    healthy = _frame(4000, 0)
    current = _frame(3000, 1).assign(other=lambda f: f.other.where(f.index % 3 > 0, 50.0))
    assert not populations(healthy, current, ["x", "witness", "other"], ["other"])["other"].drifted


def test_a_reweighted_coalition_has_the_weighted_mean_and_an_injected_one_the_new_loss():
    rows = _frame(1000, 0)
    truth = rows["x"].to_numpy()
    base = squared_error(truth, np.zeros(1000))
    replay = Replay(lambda frame: frame["other"].to_numpy(), squared_error, rows, truth, base)
    replay.injected["other"] = rows["x"]
    codes = (rows["x"] > 0).to_numpy().astype(np.int64)
    replay.targets["x"] = (codes, np.array([0.2, 0.8]))
    assert replay.worth(["other"]) == pytest.approx(np.zeros(1000))
    weights = np.where(codes == 1, 0.8 / codes.mean(), 0.2 / (1 - codes.mean()))
    assert replay.worth(["x"]).mean() == pytest.approx((weights * base).mean())
    assert replay.worth([]) is base
    assert replay.evaluations == 2
