from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.errors import UsageError
from triage.incident import CauseKind
from triage.lab import faults


def _rows(n=2_000, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": rng.normal(40, 10, n),
            "clicks": rng.poisson(3, n),
            "region": rng.choice(["north", "south", "east"], n, p=[0.6, 0.35, 0.05]),
            "member": rng.random(n) < 0.3,
            "served_at": pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(np.arange(n), unit="s"),
            "label": (rng.random(n) < 0.2).astype(float),
            "score": rng.random(n),
        }
    )


PLANTS = {
    "null_flood": lambda rows, rng, s: faults.null_flood(rows, rng, "clicks", s),
    "stuck_value": lambda rows, rng, s: faults.stuck_value(rows, rng, "age", s),
    "unit_change": lambda rows, rng, s: faults.unit_change(rows, rng, "age", s),
    "category_rename": lambda rows, rng, s: faults.category_rename(rows, rng, "region", s),
    "case_change": lambda rows, rng, s: faults.case_change(rows, rng, "region", s),
    "location_campaign": lambda rows, rng, s: faults.location_campaign(rows, rng, "region", "east", s),
    "concept_flip": lambda rows, rng, s: faults.concept_flip(rows, rng, "label", s),
    "bad_model_version": lambda rows, rng, s: faults.bad_model_version(
        rows, rng, "score", lambda frame: np.zeros(len(frame)), severity=s
    ),
    "serving_skew": lambda rows, rng, s: faults.serving_skew(rows, rng, ["age", "clicks"], s),
    "label_delay": lambda rows, rng, s: faults.label_delay(rows, rng, "served_at", s, timedelta(hours=3)),
    "label_flip": lambda rows, rng, s: faults.label_flip(rows, rng, "label", s),
    "swapped_columns": lambda rows, rng, s: faults.swapped_columns(rows, rng, "age", "score", s),
    "shuffled_join": lambda rows, rng, s: faults.shuffled_join(rows, rng, "age", s),
    "traffic_drop": lambda rows, rng, s: faults.traffic_drop(rows, rng, s),
    "harmless_season": lambda rows, rng, s: faults.harmless_season(rows, rng, "age", s),
}
_plant = pytest.mark.parametrize("name", PLANTS)


@_plant
def test_a_fault_changes_a_copy_and_names_itself(name):
    rows = _rows()
    kept = rows.copy()
    planted, truth = PLANTS[name](rows, np.random.default_rng(1), 0.5)
    pd.testing.assert_frame_equal(rows, kept)
    assert not planted.equals(rows)
    assert truth.fault == name
    assert 0 < truth.share <= 1


@_plant
def test_the_same_seed_plants_the_same_fault(name):
    first, _ = PLANTS[name](_rows(), np.random.default_rng(3), 0.4)
    again, _ = PLANTS[name](_rows(), np.random.default_rng(3), 0.4)
    pd.testing.assert_frame_equal(first, again)


@given(st.floats(0.05, 0.95))
def test_nulls_come_in_the_share_that_was_asked_for(severity):
    planted, truth = faults.null_flood(_rows(), np.random.default_rng(0), "clicks", severity)
    assert planted.clicks.isna().mean() == pytest.approx(truth.share)
    assert truth.share == pytest.approx(severity, abs=0.06)


def test_null_can_flood_a_boolean_and_a_text_too():
    for feature in ("member", "region"):
        planted, truth = faults.null_flood(_rows(), np.random.default_rng(0), feature, 0.5)
        assert planted[feature].isna().mean() == pytest.approx(truth.share)


def test_a_campaign_moves_whole_rows():
    rows = _rows()
    rows["city"] = rows.region + "-city"
    planted, truth = faults.location_campaign(rows, np.random.default_rng(0), "region", "east", 0.4)
    assert len(planted) == len(rows)
    assert (planted.region == "east").mean() == pytest.approx(0.4, abs=0.001)
    assert (planted.city == planted.region + "-city").all()
    assert truth.kind is CauseKind.FEATURE_DRIFT


def test_a_regional_concept_flip_leaves_other_regions_alone():
    rows = _rows()
    planted, _ = faults.concept_flip(rows, np.random.default_rng(0), "label", 1.0, "region", "south")
    elsewhere = rows.region != "south"
    assert planted.label[elsewhere].equals(rows.label[elsewhere])
    assert (planted.label[~elsewhere] == 1 - rows.label[~elsewhere]).all()


def test_a_shuffled_join_keeps_the_margin():
    rows = _rows()
    planted, truth = faults.shuffled_join(rows, np.random.default_rng(0), "age")
    assert np.array_equal(np.sort(planted.age), np.sort(rows.age))
    assert truth.share == 1.0


def test_a_harmless_season_says_that_it_is_harmless():
    _, truth = faults.harmless_season(_rows(), np.random.default_rng(0), "age")
    assert truth.harmless


@pytest.mark.parametrize(
    ("plant", "words"),
    [
        (lambda rows, rng: faults.null_flood(rows, rng, "agee"), "no column 'agee'"),
        (lambda rows, rng: faults.null_flood(rows, rng, "age", 1.5), "no share of rows"),
        (lambda rows, rng: faults.unit_change(rows, rng, "region"), "not numeric"),
        (lambda rows, rng: faults.case_change(rows, rng, "age"), "not categorical"),
        (lambda rows, rng: faults.swapped_columns(rows, rng, "age", "region"), "different kinds"),
        (lambda rows, rng: faults.location_campaign(rows, rng, "region", "west"), "all rows or none"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(plant, words):
    with pytest.raises(UsageError, match=words):
        plant(_rows(), np.random.default_rng(0))
