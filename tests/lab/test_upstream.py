from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from triage.lab.inject import FAULTS
from triage.lab.switches import Switched
from triage.lab.upstream import (
    as_served,
    campaign_share,
    label_delay_seconds,
    settle,
    traffic_factor,
    upstream,
)
from triage.lab.visitors import Batch

N = 2000


def switched(*names: str) -> dict[str, Switched]:
    return {name: Switched(name, datetime.now(UTC), FAULTS[name].settings) for name in names}


@pytest.fixture
def batch() -> Batch:
    rng = np.random.default_rng(1)
    features = pd.DataFrame(
        {
            "item_rating": rng.uniform(1, 5, N),
            "item_price_eur": rng.uniform(5, 50, N),
            "device_type": rng.choice(["ios", "android"], N),
            "outdoor_temperature_c": rng.normal(15, 3, N),
            "session_length_s": rng.gamma(4, 40, N).round(),
            "user_item_affinity": rng.uniform(0, 1, N),
        }
    )
    liking = rng.uniform(0, 0.4, N)
    return Batch(features, liking, liking)


def changed(batch: Batch, *names: str) -> pd.DataFrame:
    return upstream(batch, switched(*names), np.random.default_rng(2)).features


def columns_that_differ(one: pd.DataFrame, other: pd.DataFrame) -> set[str]:
    return {name for name in one if not one[name].equals(other[name])}


def test_without_a_fault_nothing_changes(batch):
    converted = np.random.default_rng(2).random(N) < batch.liking
    on: dict[str, Switched] = {}
    assert changed(batch).equals(batch.features)
    assert as_served(batch.features, on, np.random.default_rng(3)).equals(batch.features)
    assert (settle(batch.features, converted, on, np.random.default_rng(3)) == converted).all()
    assert (campaign_share(on), traffic_factor(on), label_delay_seconds(on, 15)) == (0.0, 1.0, 15)


@pytest.mark.parametrize(
    ("fault", "columns"),
    [
        ("null_flood", {"item_rating"}),
        ("unit_change", {"item_price_eur"}),
        ("category_rename", {"device_type"}),
        ("harmless_season", {"outdoor_temperature_c"}),
        ("latency", set()),
        ("serving_skew", set()),
        ("concept_flip", set()),
    ],
)
def test_a_fault_of_the_data_changes_its_columns_and_no_other(batch, fault, columns):
    assert columns_that_differ(batch.features, changed(batch, fault)) == columns


def test_a_null_flood_empties_its_share(batch):
    assert changed(batch, "null_flood")["item_rating"].isna().mean() == pytest.approx(0.8, abs=0.05)


def test_faults_add_up(batch):
    both = changed(batch, "null_flood", "unit_change")
    assert columns_that_differ(batch.features, both) == {"item_rating", "item_price_eur"}


def test_serving_skew_changes_what_is_served_and_not_what_the_pipeline_has(batch):
    on = switched("serving_skew")
    served = as_served(batch.features, on, np.random.default_rng(3))
    assert columns_that_differ(batch.features, served) == {"user_item_affinity"}


def test_a_flipped_concept_takes_conversions_where_they_were_likeliest_and_moves_no_feature(batch):
    on = switched("concept_flip")
    converted = np.random.default_rng(2).random(N) < batch.liking
    left = settle(batch.features, converted, on, np.random.default_rng(3))
    above = (batch.features["user_item_affinity"] >= 0.4).to_numpy()
    assert left[~above].sum() == converted[~above].sum()
    assert left[above].sum() < 0.6 * converted[above].sum()
    assert not (left & ~converted).any()


def test_a_campaign_a_drop_of_traffic_and_late_labels_are_read_from_the_settings():
    on = switched("location_campaign", "traffic_drop", "label_delay")
    assert campaign_share(on) == 0.5
    assert traffic_factor(on) == 0.2
    assert label_delay_seconds(on, 15) == 3615
