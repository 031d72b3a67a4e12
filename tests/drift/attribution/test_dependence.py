import numpy as np
import pandas as pd

from triage.drift.attribution.dependence import broken_dependence


def _frame(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    size = rng.normal(0, 1, n)
    frame = pd.DataFrame({f"x{i}": size + rng.normal(0, 0.8, n) for i in range(4)})
    return frame.assign(noise=rng.normal(0, 1, n), kind=np.where(size > 0, "large", "small"))


BASELINE = _frame(5000, 0)
FEATURES = list(BASELINE)


def test_a_shuffled_feature_is_named_and_its_partners_are_not():
    current = _frame(2000, 1)
    current["x2"] = np.random.default_rng(2).permutation(current["x2"])
    (broken,) = broken_dependence(BASELINE, current, FEATURES).broken
    assert broken.feature == "x2"
    assert broken.kept < 0.1
    assert broken.broken_ties == 4


def test_a_shuffled_category_is_named():
    current = _frame(2000, 1)
    current["kind"] = np.random.default_rng(2).permutation(current["kind"])
    assert [item.feature for item in broken_dependence(BASELINE, current, FEATURES).broken] == ["kind"]


def test_two_shuffled_features_are_both_named():
    current = _frame(2000, 1)
    for seed, name in enumerate(["x0", "x3"]):
        current[name] = np.random.default_rng(seed).permutation(current[name])
    assert {item.feature for item in broken_dependence(BASELINE, current, FEATURES).broken} == {"x0", "x3"}


def test_a_monotone_change_nulls_and_a_stuck_noise_break_nothing():
    current = _frame(2000, 1)
    current["x0"] = np.exp(current["x0"])
    current.loc[::3, "x1"] = np.nan
    current["noise"] = 0.0
    assert broken_dependence(BASELINE, current, FEATURES).broken == ()


def test_ties_that_come_and_go_in_the_baseline_raise_the_limit():
    parts = []
    for seed in range(6):
        part = _frame(800, seed)
        if seed % 2:
            part["x1"] = np.random.default_rng(seed).permutation(part["x1"])
        parts.append(part)
    current = _frame(800, 9)
    current["x1"] = np.random.default_rng(9).permutation(current["x1"])
    steady = broken_dependence(_frame(4800, 0), current, FEATURES)
    assert [item.feature for item in steady.broken] == ["x1"]
    assert broken_dependence(pd.concat(parts, ignore_index=True), current, FEATURES).broken == ()


def test_fifty_rows_or_one_feature_are_unmeasured():
    assert broken_dependence(BASELINE, BASELINE.head(50), FEATURES).unmeasured
    assert broken_dependence(BASELINE, BASELINE, ["x0"]).unmeasured


def test_all_null_constant_and_ten_thousand_categories_do_no_harm():
    n = 10_000
    frame = _frame(n, 3).assign(empty=np.nan, constant=1, key=[f"id{i}" for i in range(n)])
    assert broken_dependence(frame, frame.iloc[::-1], list(frame)).broken == ()


def test_of_two_thousand_features_those_left_out_are_named():
    rng = np.random.default_rng(0)
    wide = pd.DataFrame(rng.normal(size=(200, 2000)), columns=[f"f{i}" for i in range(2000)])
    result = broken_dependence(wide, wide, list(wide))
    assert result.features_checked == 400
    assert "2000 features" in result.unmeasured[0].reason
