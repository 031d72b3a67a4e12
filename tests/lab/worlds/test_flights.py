import numpy as np
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from triage.adapters.recorded import RecordedMetrics
from triage.catalog import Catalog
from triage.incident import Window
from triage.lab.worlds.flights import INCIDENT, build_flights
from triage.lab.worlds.flights_rows import feature_names


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return build_flights(tmp_path_factory.mktemp("worlds") / "flights")


def test_half_of_the_flights_were_late_and_a_sixth_foreseen(world):
    levels = world.truth()["levels"]
    assert levels["incident, 22 to 26 April"]["late"] == pytest.approx(0.491, abs=0.001)
    assert levels["incident, 22 to 26 April"]["predicted"] == pytest.approx(0.165, abs=0.02)
    assert levels["its week, 21 to 27 April"]["late"] == pytest.approx(0.404, abs=0.001)
    assert levels["the week after"]["late"] == pytest.approx(0.141, abs=0.001)
    assert levels["healthy, 4 to 17 April"]["brier"] < 0.55 * levels["incident, 22 to 26 April"]["brier"]


def test_the_champion_is_as_good_on_held_out_days_as_such_models_get(world):
    assert world.truth()["champion_on_held_out_days"]["auc"] > 0.7


def test_nothing_that_is_known_only_afterwards_is_a_feature(world):
    log = set(ds.dataset(world.folder / "departures").schema.names)
    assert not log & {"dep_delay", "arr_delay", "air_time", "dep_time", "arr_time", "late15", "cancelled"}
    assert log == {"flight_id", "served_at", *feature_names(), "score", "model_version"}


def test_the_log_starts_where_the_training_ends(world):
    served = ds.dataset(world.folder / "departures").to_table(["served_at", "flight_id"]).to_pandas()
    trained = pq.read_table(world.folder / "training", columns=["served_at", "flight_id"]).to_pandas()
    assert trained.served_at.max() < served.served_at.min()
    assert served.flight_id.is_unique
    assert len(served) == 255_987


def test_a_cancelled_flight_has_no_label(world):
    labels = ds.dataset(world.folder / "arrivals").to_table(["late15"]).to_pandas().late15
    assert labels.isna().mean() == pytest.approx(0.026, abs=0.01)
    assert set(labels.dropna()) == {0, 1}


def test_labels_come_within_the_delay_of_the_catalogue(world):
    served = ds.dataset(world.folder / "departures").to_table(["flight_id", "served_at"]).to_pandas()
    arrivals = ds.dataset(world.folder / "arrivals").to_table(["flight_id", "settled_at"]).to_pandas()
    both = served.merge(arrivals, on="flight_id", validate="one_to_one")
    waited = both.settled_at - both.served_at
    delay = Catalog.load(world.catalog_path).model(world.model).labels.delay
    assert waited.max() <= delay
    assert waited.min().total_seconds() > 0


def test_the_catalogue_is_valid_and_every_query_has_an_answer(world):
    catalog = Catalog.load(world.catalog_path)
    model = catalog.model(world.model)
    metrics = RecordedMetrics(catalog.prometheus.recorded)
    for query in (model.kpi.query, *model.changes, *(level.query for level in model.service_levels)):
        assert np.isfinite(metrics.range(query, Window(*INCIDENT), 3600.0).series[0].values).sum() > 90
