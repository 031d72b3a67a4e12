"""One look at a model in memory: what is measured, and what is absent because it could not be."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from tests.light_world import ALERT_AT, CATALOG, World, world
from triage.errors import NotFound, SourceUnavailable
from triage.prevention import families
from triage.watch.look import Look, look

EVERY_12_MINUTES = 30
WATCH = CATALOG.replace("    serving_log:", "    watch: {window: 24h, min_rows: 500}\n    serving_log:")


@pytest.fixture
def made() -> World:
    return replace(world(per_hour=EVERY_12_MINUTES), text=WATCH)


def taken(made: World, folder: Path, at: timedelta = timedelta()) -> Look:
    catalog = made.catalog(folder)
    return look(catalog, made.connect(catalog), "shop", ALERT_AT + at, lambda line: None)


def reasons(found: Look) -> str:
    return " | ".join(f"{one.what}: {one.reason}" for one in found.unmeasured)


def test_the_feature_that_moved_stands_out_of_those_that_did_not(made: World, tmp_path: Path) -> None:
    found = taken(made, tmp_path)
    assert found.value(families.PSI, "place") > 1.0  # type: ignore[operator]
    assert found.value(families.PSI, "age") < 0.1  # type: ignore[operator]
    assert found.value(families.KS, "place") is None
    assert found.value(families.ROWS) == 24 * EVERY_12_MINUTES
    assert found.unmeasured == ()


def test_labels_are_looked_for_where_they_are_due(made: World, tmp_path: Path) -> None:
    found = taken(made, tmp_path)
    assert found.value(families.LABEL_COVERAGE) == 1.0
    assert found.value(families.LABEL_DELAY) == pytest.approx(1800)
    assert 0 < found.value(families.METRIC, "brier") < 0.3  # type: ignore[operator]


def test_a_label_that_arrives_after_the_look_does_not_count_yet(made: World, tmp_path: Path) -> None:
    made.change("truth", arrived=lambda rows: rows["arrived"] + pd.Timedelta(hours=30))
    found = taken(made, tmp_path)
    assert found.value(families.LABEL_COVERAGE) == 0.0
    assert found.value(families.LABEL_DELAY) is None
    assert found.value(families.METRIC, "brier") is None


def test_no_traffic_is_zero_rows_and_no_distance_at_all(made: World, tmp_path: Path) -> None:
    found = taken(made, tmp_path, timedelta(days=30))
    assert found.read
    assert found.value(families.ROWS) == 0.0
    assert not [one for one in found.samples if "feature" in one.family.labels]
    assert "no rows were served" in reasons(found)


def test_a_log_that_can_not_be_read_has_no_rows_rather_than_none(made: World, tmp_path: Path) -> None:
    class Down:
        def describe(self, dataset: str) -> None:
            raise SourceUnavailable("the disk is away", hint="mount it")

        scan = describe

    found = taken(replace(made, windows=Down()), tmp_path)  # type: ignore[arg-type]
    assert not found.read
    assert found.samples == ()
    assert "the disk is away" in reasons(found)


def test_a_defect_in_one_part_does_not_silence_the_others(made: World, tmp_path: Path) -> None:
    del made.tables["truth"]
    found = taken(made, tmp_path)
    assert found.value(families.PSI, "place") is not None
    assert "labels: no dataset 'truth'" in reasons(found)


def test_nulls_and_new_categories_are_shares_of_the_window(made: World, tmp_path: Path) -> None:
    half = [None if index % 2 else "NEW" for index in range(len(made.tables["log"]))]
    made.change("log", place=lambda rows: half)
    found = taken(made, tmp_path)
    assert found.value(families.NULLS, "place") == pytest.approx(0.5, abs=0.01)
    assert found.value(families.UNSEEN, "place") == pytest.approx(0.5, abs=0.01)


def test_series_are_bounded_and_what_is_left_out_is_counted(made: World, tmp_path: Path) -> None:
    made.text = WATCH.replace("min_rows: 500", "min_rows: 500, max_features: 2")
    found = taken(made, tmp_path)
    assert len({one.labels for one in found.samples if one.family is families.PSI}) == 2
    assert found.value(families.FEATURES_LEFT) == 1.0


def test_served_rows_are_compared_with_recomputed_ones_where_there_are_any(made: World, tmp_path: Path) -> None:
    made.text = WATCH.replace(
        "  training:", '  pipeline: {version: "1", path: pipeline, time: at, key: id}\n  training:', 1
    ).replace("    features:", "    reference: {dataset: pipeline}\n    features:")
    made.tables["pipeline"] = made.tables["log"]
    made.change("pipeline", age=lambda rows: rows["age"] * 2)
    catalog = made.catalog(tmp_path)
    ports = made.connect(catalog)
    found = look(catalog, ports, "shop", ALERT_AT, lambda line: None)
    assert found.value(families.PARITY, "place") == 1.0
    assert found.value(families.PARITY, "age") < 0.1  # type: ignore[operator]


def test_a_model_that_is_not_there_is_said_at_once(made: World, tmp_path: Path) -> None:
    catalog = made.catalog(tmp_path)
    with pytest.raises(NotFound, match="no model 'shp'"):
        look(catalog, made.connect(catalog), "shp", ALERT_AT, print)
