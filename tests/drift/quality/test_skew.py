from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from triage.drift.quality.skew import Skew, row_parity
from triage.errors import Unmeasurable

WEATHER = ["temp", "humid", "wind", "gust"]
SOURCES = dict.fromkeys(WEATHER, "weather")


def _reference(hours: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    parts = []
    for origin in ("EWR", "JFK"):
        wind = rng.gamma(3, 3, hours).round(2)
        parts.append(
            pd.DataFrame(
                {
                    "origin": origin,
                    "hour": pd.date_range("2026-01-01", periods=hours, freq="h"),
                    "temp": np.cumsum(rng.normal(0, 1, hours)).round(2),
                    "humid": rng.uniform(20, 100, hours).round(1),
                    "wind": wind,
                    "gust": np.where(rng.random(hours) < 0.7, np.nan, wind + rng.gamma(2, 4, hours)),
                    "sky": rng.choice(["clear", "cloud"], hours),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


REFERENCE = _reference()
FEATURES = [*WEATHER, "sky"]


def _run(served: pd.DataFrame, reference: pd.DataFrame = REFERENCE, **options) -> Skew:
    options = {"on": ["origin", "hour"], "time": "hour", "sources": SOURCES} | options
    return row_parity(served, reference, FEATURES, np.random.default_rng(0), **options)


def _of(skew: Skew, feature: str):
    return next(item for item in skew.features if item.feature == feature)


def test_what_was_served_as_computed_has_no_skew():
    served = REFERENCE.assign(temp=REFERENCE.temp.astype(np.float32)).sample(300, random_state=1)
    skew = _run(served)
    assert skew.skewed == ()
    assert skew.matched == 300


def test_a_scaled_feature_is_found_with_its_factor_and_onset():
    late = REFERENCE["hour"] >= "2026-01-10"
    skew = _run(REFERENCE.assign(humid=REFERENCE.humid.where(~late, REFERENCE.humid * 1.5)))
    (found,) = skew.skewed
    assert found.feature == "humid"
    assert found.relation.slope == pytest.approx(1.5)
    assert found.onset.day == 10
    assert found.onset_in_window


def test_a_column_copied_from_another_is_named():
    skew = _run(REFERENCE.assign(gust=REFERENCE.wind * 1.1508))
    (found,) = skew.skewed
    assert found.relation.of == "wind"
    assert found.relation.slope == pytest.approx(1.1508)
    assert found.only_reference_null == pytest.approx(0.7, abs=0.05)


def test_defaults_are_named_as_what_they_are_and_not_as_multiples_of_one_another():
    away = np.arange(len(REFERENCE)) >= 300
    defaults = {"temp": 12.0, "humid": 60.0, "sky": "unknown"}
    served = REFERENCE.assign(**{name: REFERENCE[name].mask(away, value) for name, value in defaults.items()})
    found = _run(served)
    assert {name: _of(found, name).filler for name in defaults} == {"temp": "12.0", "humid": "60.0", "sky": "unknown"}
    assert all(_of(found, name).relation is None for name in defaults)
    assert _of(_run(REFERENCE.assign(temp=REFERENCE["temp"] * 1.8)), "temp").filler is None


def test_a_flag_that_is_rarely_set_is_a_column_and_no_default():
    rare = (np.random.default_rng(5).random(len(REFERENCE)) < 0.05).astype(float)
    reference = REFERENCE.assign(gust=rare)
    copied = _of(_run(reference.assign(temp=rare), reference), "temp")
    assert (copied.filler, copied.relation and copied.relation.of) == (None, "gust")
    turned = _of(_run(reference.assign(gust=1 - rare), reference), "gust")
    assert (turned.filler, str(turned.relation)) == (None, "reference × -1 +1")


def test_where_most_wrong_rows_are_null_no_default_is_named():
    gone = np.arange(len(REFERENCE)) % 20 != 0
    served = REFERENCE.assign(temp=REFERENCE["temp"].mask(gone).where(gone, 12.0))
    assert _of(_run(served), "temp").filler is None


def test_values_of_another_hour_are_one_skew_of_their_source_with_its_lag():
    shifted = REFERENCE.assign(hour=REFERENCE["hour"] + pd.Timedelta(hours=5))
    shifted["sky"] = (
        REFERENCE.set_index(["origin", "hour"])["sky"]
        .reindex(pd.MultiIndex.from_frame(shifted[["origin", "hour"]]))
        .to_numpy()
    )
    skew = _run(shifted)
    source = skew.sources[0]
    assert source.source == "weather"
    assert set(source.skewed) == set(WEATHER)
    assert source.lag == timedelta(hours=-5)
    assert source.lag_equal == pytest.approx(1.0, abs=0.01)


def test_category_keys_and_category_values_join_and_compare_as_text():
    served = REFERENCE.assign(origin=REFERENCE.origin.astype("category"), sky=REFERENCE.sky.astype("category"))
    served["sky"] = served["sky"].cat.rename_categories({"clear": "CLEAR"})
    assert [item.feature for item in _run(served).skewed] == ["sky"]


def test_a_reference_with_a_key_twice_says_so():
    skew = _run(REFERENCE, pd.concat([REFERENCE, REFERENCE.head(10)]))
    assert "20 reference rows share their key" in skew.unmeasured[0].reason
    assert skew.matched == len(REFERENCE) - 10


def test_rows_that_match_nothing_are_unmeasurable():
    with pytest.raises(Unmeasurable, match="0 of 800 served rows"):
        _run(REFERENCE.assign(origin="LGA"))


def test_a_feature_that_the_reference_lacks_is_unmeasured():
    skew = _run(REFERENCE, REFERENCE.drop(columns="sky"))
    assert [item.what for item in skew.unmeasured] == ["sky"]


def test_an_all_null_column_is_skewed_against_values_and_equal_to_itself():
    empty = REFERENCE.assign(temp=np.nan)
    assert _of(_run(empty), "temp").only_served_null == 1.0
    assert _of(_run(empty, empty), "temp").equal == 1.0
