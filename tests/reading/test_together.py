import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from triage.reading.together import together


@given(st.lists(st.integers(1, 9)), st.integers(1, 20))
def test_joined_batches_hold_the_same_rows_and_only_the_last_is_small(sizes: list[int], rows: int) -> None:
    texts = [[f"{batch}-{row % 2}" for row in range(size)] for batch, size in enumerate(sizes)]
    made = list(together((pa.record_batch({"x": pa.array(one).dictionary_encode()}) for one in texts), rows))
    assert [text for batch in made for text in batch.column(0).to_pylist()] == [text for one in texts for text in one]
    assert all(batch.num_rows >= rows for batch in made[:-1])
