import numpy as np
import pandas as pd
import pytest

from triage.drift.attribution.surrogate import fit_surrogate
from triage.errors import Unmeasurable


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def _rows(n: int = 3000) -> pd.DataFrame:
    rng = _rng(1)
    rows = pd.DataFrame({"x": rng.normal(0, 1, n), "kind": rng.choice(["a", "b"], n), "idle": rng.normal(0, 1, n)})
    return rows.assign(empty=np.nan)


ROWS = _rows()
FEATURES = list(ROWS)
ANSWERS = 1 / (1 + np.exp(-2 * ROWS["x"].to_numpy() - (ROWS["kind"] == "a").to_numpy()))


def test_the_stand_in_answers_as_the_model_did_and_says_how_well():
    predict, quality = fit_surrogate(ROWS, ANSWERS, FEATURES, _rng())
    assert quality > 0.95
    assert np.corrcoef(predict(ROWS), ANSWERS)[0, 1] > 0.98


def test_unseen_categories_nulls_and_text_in_numbers_still_get_an_answer():
    predict, _ = fit_surrogate(ROWS, ANSWERS, FEATURES, _rng())
    odd = pd.DataFrame({"x": ["1.5", "n/a"], "kind": ["z", None], "idle": [np.nan, 1.0], "empty": [1.0, 2.0]})
    assert np.isfinite(predict(odd)).all()


def test_what_the_model_answered_at_random_is_not_learned_and_that_is_said():
    assert fit_surrogate(ROWS, _rng(5).random(3000), FEATURES, _rng())[1] < 0.2


def test_too_few_answers_are_unmeasurable():
    with pytest.raises(Unmeasurable, match="100 logged"):
        fit_surrogate(ROWS.head(100), ANSWERS[:100], FEATURES, _rng())
