import numpy as np
import pytest

from triage.drift.resample import block_sums, design_effect, difference


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_interval_of_independent_rows_is_the_textbook_one():
    a, b = _rng(1).normal(0, 1, 4000), _rng(2).normal(1, 1, 4000)
    change, low, high, error = difference(block_sums(a), block_sums(b), _rng())
    assert change == pytest.approx(b.mean() - a.mean())
    assert error == pytest.approx(np.sqrt(2 / 4000), rel=0.1)
    assert (high - low) == pytest.approx(3.92 * error, rel=0.1)


def test_rows_that_come_in_blocks_widen_the_interval():
    blocks = np.repeat(np.arange(50), 40)
    values = np.repeat(_rng(1).normal(0, 1, 50), 40)
    other = _rng(2).normal(0, 1, 2000)
    narrow = difference(block_sums(values), block_sums(other), _rng())
    wide = difference(block_sums(values, blocks), block_sums(other), _rng())
    assert wide[3] > 3 * narrow[3]


def test_few_blocks_widen_it_as_students_t_does():
    values = _rng(1).normal(0, 1, 500)
    coarse = difference(block_sums(values, np.arange(500) % 5), block_sums(values), _rng())
    assert coarse[2] > coarse[0] > coarse[1]
    assert coarse[3] > 1.4 * np.sqrt(2 / 500) * 0.5


def test_many_blocks_drawn_with_their_neighbours_have_the_same_interval():
    values = np.random.default_rng(3).normal(5.0, 2.0, 50_001)
    means = block_sums(values).means(np.random.default_rng(1), 2000)
    assert means.mean() == pytest.approx(values.mean(), abs=0.001)
    assert means.std() == pytest.approx(values.std() / 50_001**0.5, rel=0.1)


def test_weights_count():
    assert block_sums(np.array([0.0, 1.0]), weights=np.array([1.0, 3.0])).mean == pytest.approx(0.75)


def test_blocks_of_text_and_of_numbers_are_the_same():
    values = np.arange(6.0)
    assert block_sums(values, np.array(list("aabbcc"))).totals.tolist() == [1.0, 5.0, 9.0]


def test_the_design_effect_is_the_size_of_blocks_whose_rows_are_all_alike_and_one_of_rows_that_are_not():
    rng = _rng(4)
    blocks = np.repeat(np.arange(500), 20)
    assert design_effect(np.repeat(rng.normal(size=500), 20), blocks) == pytest.approx(20, rel=0.1)
    assert design_effect(rng.normal(size=10_000), blocks) == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("values", [[], [np.nan, np.nan], [1.0, 1.0], [1.0]])
def test_nothing_to_cluster_has_no_design_effect(values: list[float]):
    assert design_effect(np.array(values), np.zeros(len(values))) == 1.0
