import numpy as np
import pyarrow as pa
import pytest

from triage.reading.sample import EvenSample

BATCHES = [pa.RecordBatch.from_pydict({"row": list(range(start, start + 100))}) for start in range(0, 5_000, 100)]


def rows(sample: EvenSample) -> list[int]:
    return sample.table().column("row").to_pylist()


def test_a_small_stream_is_kept_whole_and_in_order() -> None:
    sample = EvenSample(10_000, np.random.default_rng(1))
    for batch in BATCHES:
        sample.add(batch)
    assert rows(sample) == list(range(5_000))


def test_every_part_of_a_long_stream_is_as_likely() -> None:
    halves = []
    for seed in range(40):
        sample = EvenSample(200, np.random.default_rng(seed))
        for batch in BATCHES:
            sample.add(batch)
        kept = rows(sample)
        assert len(kept) == 200
        assert kept == sorted(set(kept))
        halves.append(sum(row < 2_500 for row in kept))
    assert np.mean(halves) == pytest.approx(100, abs=4)


@pytest.mark.parametrize("most", [50, 700, 10_000])
def test_how_the_stream_is_cut_changes_nothing(most: int) -> None:
    kept = []
    for stream in (BATCHES, [pa.concat_batches(BATCHES)]):
        sample = EvenSample(most, np.random.default_rng(2))
        for batch in stream:
            sample.add(batch)
        assert sample.seen == 5_000
        kept.append(rows(sample))
    assert kept[0] == kept[1]


def test_of_wide_rows_fewer_are_kept_so_that_a_sample_is_no_larger() -> None:
    wide = pa.RecordBatch.from_arrays([pa.array(range(100))] * 2_000, names=[f"c{place}" for place in range(2_000)])
    sample = EvenSample(400, np.random.default_rng(3))
    for _ in range(3):
        sample.add(wide.slice(0, 0))
    for _ in range(20):
        sample.add(wide)
    assert (sample.seen, sample.table().num_rows) == (2_000, 100)
