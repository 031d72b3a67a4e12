import numpy as np
import pandas as pd

from triage.drift.quality.swap import find_swaps


def _frame(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    n = 800
    return pd.DataFrame(
        {
            "age": rng.normal(40, 10, n),
            "income": rng.lognormal(10, 0.5, n),
            "city": rng.choice(["york", "leeds"], n),
            "plan": rng.choice(["free", "paid"], n),
            "height": rng.normal(170, 8, n),
        }
    )


def test_swapped_numbers_and_swapped_categories_are_found_and_nothing_else():
    now = _frame(1).rename(columns={"age": "income", "income": "age", "city": "plan", "plan": "city"})
    assert set(find_swaps(_frame(0), now, list(_frame(0)))) == {("age", "income"), ("city", "plan")}


def test_two_features_that_both_drift_are_not_swapped():
    now = _frame(1).assign(age=lambda f: f.age + 30, height=lambda f: f.height + 30)
    assert find_swaps(_frame(0), now, list(now)) == ()


def test_a_window_against_itself_has_no_swaps():
    assert find_swaps(_frame(0), _frame(0), list(_frame(0))) == ()
