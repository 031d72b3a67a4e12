import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from triage.drift.codes import NULL, OTHER, UNSEEN, as_labels, encode, evenly, fit_coding


def test_nulls_infinities_and_values_far_outside_get_codes_of_their_own():
    coding = fit_coding(pd.Series(np.arange(100.0), name="x"))
    codes = encode(coding, pd.Series([50.0, np.nan, np.inf, 1e6, -1e6], name="x"))
    assert codes[1] == codes[2] == NULL
    assert codes[3] == codes[4] == UNSEEN
    assert codes[0] > OTHER


def test_a_rare_known_category_is_other_and_an_unknown_one_is_unseen():
    coding = fit_coding(pd.Series(["a"] * 9 + ["b"] * 5 + ["c"], name="x"), max_categories=2)
    assert encode(coding, pd.Series(["a", "c", "z", None], name="x")).tolist()[1:] == [OTHER, UNSEEN, NULL]


def test_ten_thousand_categories_stay_within_the_bound():
    coding = fit_coding(pd.Series([f"id{i}" for i in range(10_000)], name="x"), max_categories=50)
    assert coding.size == 53


def test_text_in_a_number_column_is_unseen_or_null_and_never_raises():
    coding = fit_coding(pd.Series([1.0, 2.0, 3.0], name="x"))
    assert encode(coding, pd.Series(["2", "two", None], name="x"))[1] == NULL


def test_an_all_null_baseline_has_one_bin():
    coding = fit_coding(pd.Series([np.nan, np.nan], name="x"))
    assert encode(coding, pd.Series([1.0], name="x")).tolist() == [3]
    assert coding.name(3) == "any value"


def test_integers_that_became_floats_keep_their_label():
    assert as_labels(pd.Series([1.0, 2.5, None], dtype=object))[1] == ["1", "2.5"]


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=60))
def test_codes_are_always_within_the_coding(values):
    series = pd.Series(values, name="x", dtype=float)
    coding = fit_coding(series)
    codes = encode(coding, series)
    assert codes.min() >= 0
    assert codes.max() < coding.size
    assert all(coding.name(code) for code in set(codes.tolist()))


def test_evenly_keeps_the_first_and_the_last_row():
    kept = evenly(pd.DataFrame({"x": range(1000)}), 10)
    assert kept.x.tolist()[0] == 0
    assert kept.x.tolist()[-1] == 999
    assert len(kept) == 10
