import datetime as dt
import decimal

import numpy as np
import pyarrow as pa
import pytest

from triage.drift.profiles.edges import Kind
from triage.drift.profiles.scan import plan_edges, profile_batch, profile_batches

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
COLUMNS = {
    "float": pa.array([1.5, None, float("nan"), float("inf"), -2.0, -0.0] * 50),
    "huge": pa.array([1e308, -1e308, 1.0, 2.0, 3.0, None] * 50),
    "int": pa.array([1, 2, 3, None, 5, 2**62] * 50),
    "uint8": pa.array([1, 2, 3, None, 5, 255] * 50, pa.uint8()),
    "bool": pa.array([True, False, None] * 100),
    "text": pa.array(["a", "b", None] * 100),
    "dictionary": pa.array(["a", "b", None] * 100).dictionary_encode(),
    "decimal": pa.array([decimal.Decimal("1.25"), None, decimal.Decimal("-3.50")] * 100),
    "date": pa.array([dt.date(2026, 1, 1), None, dt.date(2026, 1, 3)] * 100),
    "time": pa.array([NOW, None, NOW + dt.timedelta(days=1)] * 100),
    "duration": pa.array([dt.timedelta(seconds=3), None, dt.timedelta(seconds=5)] * 100),
    "nothing": pa.array([None] * 300, pa.float64()),
}
UNMEASURED = {
    "list": pa.array([[1], [2], None] * 100),
    "struct": pa.array([{"a": 1}, None, {"a": 2}] * 100),
    "null": pa.nulls(300),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_every_kind_of_column_is_counted_row_by_row(name: str) -> None:
    table = pa.table({name: COLUMNS[name]})
    feature = profile_batch(table, plan_edges(table))[name]
    assert feature.unread == 0
    assert feature.nulls == COLUMNS[name].null_count
    assert feature.values + feature.nulls + feature.nans == 300


@pytest.mark.parametrize("name", UNMEASURED)
def test_a_column_without_a_distribution_is_unmeasured_with_a_reason(name: str) -> None:
    table = pa.table({name: UNMEASURED[name]})
    edges = plan_edges(table)
    assert edges.features[0].kind is Kind.UNMEASURED
    assert edges.features[0].reason
    assert profile_batch(table, edges)[name].unread == 300


def test_slices_are_read_from_where_they_begin() -> None:
    table = pa.table(COLUMNS)
    edges = plan_edges(table)
    merged = profile_batch(table.slice(0, 101), edges).merge(profile_batch(table.slice(101), edges))
    whole = profile_batch(table, edges)
    for one, other in zip(merged.features, whole.features, strict=True):
        assert one.counts.tolist() == other.counts.tolist(), one.name
        assert one.nulls == other.nulls


def test_a_missing_column_is_unread_and_says_so() -> None:
    table = pa.table({"x": [1.0, 2.0], "y": [1.0, 2.0]})
    feature = profile_batch(table.select(["x"]), plan_edges(table))["y"]
    assert feature.unread == 2
    assert feature.reasons == ("the column is missing",)


def test_text_that_spells_numbers_is_counted_as_numbers_and_other_text_is_unread() -> None:
    edges = plan_edges(pa.table({"x": [1.0, 2.0, 3.0]}))
    spelled = profile_batch(pa.table({"x": ["1", "2.0", None]}), edges)["x"]
    assert (spelled.unread, spelled.nulls, spelled.finite) == (0, 1, 2)
    assert profile_batch(pa.table({"x": ["1", "two"]}), edges)["x"].unread == 2


@pytest.mark.parametrize("rows", [1, 700, 5_000])
def test_how_the_rows_are_cut_into_batches_changes_no_count(rows: int) -> None:
    table = pa.table({"x": np.random.default_rng(1).normal(size=5_000), "c": ["a", "b", "c", "d", "e"] * 1_000})
    edges = plan_edges(table)
    profile = profile_batches(table.to_batches(max_chunksize=rows), edges)
    whole = profile_batch(table, edges)
    assert profile.rows == whole.rows
    assert all((profile[name].counts == whole[name].counts).all() for name in edges.names)


def test_columns_left_out_are_not_planned_and_kinds_can_be_set() -> None:
    table = pa.table({"id": [1, 2], "code": [7, 8]})
    edges = plan_edges(table, {"code": Kind.CATEGORICAL}, leave_out=["id"])
    assert edges.names == ("code",)
    assert edges.features[0].values == ("7", "8")


def test_text_that_hardly_repeats_is_taken_for_an_identifier() -> None:
    edges = plan_edges(pa.table({"id": [f"user-{i}" for i in range(2_000)]}))
    assert "identifier" in edges.features[0].reason


def test_many_new_values_are_bounded_and_the_heavy_one_is_kept() -> None:
    edges = plan_edges(pa.table({"c": ["a", "b"] * 10}))
    values = [f"v{i}" for i in range(5_000)] + ["heavy"] * 500
    unseen = profile_batch(pa.table({"c": values}), edges)["c"].unseen
    assert unseen.total == 5_500
    assert unseen.counts["heavy"] <= 500 <= unseen.counts["heavy"] + unseen.error
    assert len(unseen.counts) <= 1024
