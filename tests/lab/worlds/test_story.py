import json

import numpy as np
import pandas as pd
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from triage.adapters.recorded import RecordedMetrics
from triage.catalog import Catalog
from triage.errors import UsageError
from triage.incident import Window
from triage.lab.worlds.story import build_story
from triage.lab.worlds.story_history import CAMPAIGN, SERVING, draw_history
from triage.lab.worlds.story_rows import NEW_REGION

ROWS = 24_000


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return build_story(tmp_path_factory.mktemp("worlds") / "story", rows=ROWS)


@pytest.fixture(scope="module")
def log(world):
    rows = ds.dataset(world.folder / "impressions", partitioning="hive").to_table().to_pandas()
    labels = ds.dataset(world.folder / "conversions").to_table().to_pandas()
    return rows.merge(labels, on="impression_id", how="left")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_conversion_falls_by_15_percent_whatever_the_seed(seed):
    truth = draw_history(np.random.default_rng(seed), 150_000).truth
    observed = truth["conversion"]
    assert truth["relative_drop"] == pytest.approx(0.15, abs=0.005)
    assert 1 - observed["incident_observed"] / observed["healthy_observed"] == pytest.approx(0.15, abs=0.01)
    assert truth["cause"]["share_of_drop"] > 0.85


def test_the_labels_in_the_log_show_the_drop(log):
    incident = log[log.served_at >= CAMPAIGN].converted.dropna().astype(float).mean()
    healthy = log[log.served_at < CAMPAIGN].converted.astype(float).mean()
    assert 1 - incident / healthy == pytest.approx(0.15, abs=0.04)


def test_outside_the_new_region_nothing_changed(world):
    conversion = world.truth()["conversion"]
    assert conversion["incident_elsewhere"] == pytest.approx(conversion["healthy"], rel=0.03)
    assert conversion["incident_in_new_region"] < 0.6 * conversion["healthy"]


def test_labels_of_the_last_two_hours_have_not_arrived_and_all_others_have(log):
    missing = log[log.converted.isna()].served_at
    assert missing.min() >= SERVING[1] - pd.Timedelta("2h")
    assert log[log.served_at < SERVING[1] - pd.Timedelta("2h")].converted.notna().all()


def test_features_of_the_season_move_further_than_the_guilty_one(world, log):
    training = pd.read_parquet(world.folder / "training")
    incident = log[log.served_at >= CAMPAIGN]
    assert not set(incident.app_version) & set(training.app_version)
    colder = training.outdoor_temperature_c.quantile(0.05)
    assert (incident.outdoor_temperature_c < colder).mean() > (incident.user_location == NEW_REGION).mean()


def test_there_are_many_features_of_mixed_kinds(world):
    table = (
        pq.read_table(world.folder / "training").to_pandas().drop(columns=["impression_id", "served_at", "converted"])
    )
    kinds = {kind: len(table.select_dtypes(kind).columns) for kind in ("number", "str", "bool")}
    assert len(table.columns) >= 20
    assert min(kinds.values()) >= 3
    assert table.isna().any().sum() >= 3
    assert table.item_brand.nunique() > 255


def test_the_log_is_one_folder_a_day(world):
    files = list((world.folder / "impressions").glob("day=*/*.parquet"))
    assert len(files) == 30
    assert sum(pq.ParquetFile(file).metadata.num_rows for file in files) == ROWS


def test_the_catalogue_is_valid_and_every_query_has_an_answer(world):
    catalog = Catalog.load(world.catalog_path)
    model = catalog.model(world.model)
    metrics = RecordedMetrics(catalog.prometheus.recorded)
    window = Window(CAMPAIGN, SERVING[1])
    for query in (model.kpi.query, *model.changes, *(level.query for level in model.service_levels)):
        assert np.isfinite(metrics.range(query, window, 3600.0).series[0].values).all()


def test_the_recorded_kpi_falls_as_the_labels_do(world):
    catalog = Catalog.load(world.catalog_path)
    query = catalog.model(world.model).kpi.query
    metrics = RecordedMetrics(catalog.prometheus.recorded)
    before = metrics.range(query, Window(SERVING[0], CAMPAIGN), 3600.0).series[0].values
    since = metrics.range(query, Window(CAMPAIGN, SERVING[1]), 3600.0).series[0].values
    assert 1 - np.nanmean(since) / np.nanmean(before) == pytest.approx(0.15, abs=0.02)


def test_the_champion_of_the_registry_gives_the_scores_in_the_log(world, log):
    import mlflow

    uri = Catalog.load(world.catalog_path).registry.uri
    client = mlflow.MlflowClient(uri, uri)
    version = client.get_model_version_by_alias(world.model, "champion")
    assert str(version.version) == log.model_version.unique().item()
    assert pd.Timestamp(version.creation_timestamp, unit="ms", tz="UTC") < SERVING[0]
    location = client.get_logged_model(version.source.removeprefix("models:/")).artifact_location
    assert location.startswith(str(world.folder))
    model = mlflow.pyfunc.load_model(location)
    rows = log.sample(500, random_state=1)
    inputs = rows[model.metadata.signature.inputs.input_names()]
    assert np.allclose(model.predict(inputs)[:, 1], rows.score)


def test_the_same_seed_gives_the_same_history_and_another_seed_another():
    first, again, other = (draw_history(np.random.default_rng(seed), 12_000) for seed in (7, 7, 8))
    assert np.array_equal(first.serving.converted, again.serving.converted)
    assert np.array_equal(first.serving.columns["item_price_eur"], again.serving.columns["item_price_eur"])
    assert first.truth == again.truth
    assert not np.array_equal(first.serving.converted, other.serving.converted)


def test_a_world_that_stands_is_used_again(world):
    stamp = (world.folder / "world.json").stat().st_mtime_ns
    assert build_story(world.folder, rows=ROWS) == world
    assert (world.folder / "world.json").stat().st_mtime_ns == stamp


def test_the_truth_is_one_json_object(world):
    assert json.loads(world.truth_path.read_text())["cause"]["subject"] == "user_location"


def test_too_few_rows_are_refused(tmp_path):
    with pytest.raises(UsageError, match="too few"):
        build_story(tmp_path / "story", rows=100)
    assert not list(tmp_path.iterdir())
