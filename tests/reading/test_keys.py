"""Keys are found whatever way a file holds them, as long as both sides hold the same kind."""

import uuid

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.errors import Unmeasurable
from triage.reading.keys import AT_ONCE, keyed


def batches(column: pa.Array, size: int = 3) -> list[pa.RecordBatch]:
    return pa.table({"key": column, "row": range(len(column))}).to_batches(max_chunksize=size)


@given(st.lists(st.integers(0, 30)), st.sets(st.integers(0, 30)), st.integers(1, 9))
def test_the_rows_of_the_keys_are_found_in_their_order_however_the_batches_are_cut(
    held: list[int], wanted: set[int], size: int
) -> None:
    found = keyed(batches(pa.array(held, pa.int64()), size), pd.Series(sorted(wanted), dtype="int64"), "labels")
    expected = [row for row, key in enumerate(held) if key in wanted]
    assert (found["row"].to_pylist() if found.num_rows else []) == expected


def test_more_rows_than_are_looked_at_at_once_are_all_looked_at() -> None:
    held = pa.array(range(2 * AT_ONCE + 5))
    found = keyed(batches(held, AT_ONCE // 3), pd.Series([0, AT_ONCE, 2 * AT_ONCE + 4]), "labels")
    assert found["row"].to_pylist() == [0, AT_ONCE, 2 * AT_ONCE + 4]


def test_whole_numbers_beside_a_null_are_whole_numbers() -> None:
    found = keyed(batches(pa.array([5, 6, 7])), pd.Series([5.0, None, 7.0]), "labels")
    assert found["row"].to_pylist() == [0, 2]


def test_numbers_that_a_float_can_t_tell_apart_are_refused() -> None:
    with pytest.raises(Unmeasurable, match="can't be joined"):
        keyed(batches(pa.array([2**60, 2**60 + 1])), pd.Series([float(2**60), None]), "labels")


@pytest.mark.parametrize("type_", [pa.binary(16), pa.binary(), pa.uuid()])
def test_identifiers_of_sixteen_bytes_are_found_whatever_their_type(type_: pa.DataType) -> None:
    ids = [uuid.UUID(int=number).bytes for number in range(4)]
    column = pa.array(ids, pa.binary(16))
    held = column.cast(type_) if not isinstance(type_, pa.BaseExtensionType) else type_.wrap_array(column)
    found = keyed(batches(held), pa.array(ids[1:3]).to_pandas(), "labels")
    assert found["row"].to_pylist() == [1, 2]


def test_numbers_and_text_that_read_the_same_are_not_the_same_key() -> None:
    with pytest.raises(Unmeasurable, match="keys of type"):
        keyed(batches(pa.array(["1", "2"])), pd.Series([1, 2]), "labels")
