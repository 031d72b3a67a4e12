import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from triage.drift.profiles.keys import CELLS, cell_ranks, lower_bound, rank_of_key

finite = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=50)


@given(finite)
def test_cells_keep_the_order_of_numbers(values: list[float]) -> None:
    ordered = np.sort(np.array(values) + 0.0)  # no -0.0
    assert (np.diff(cell_ranks(ordered, 1.0)) >= 0).all()


@given(st.lists(st.floats(1e-6, 1e6) | st.floats(-1e6, -1e-6), min_size=1, max_size=50))
def test_a_value_lies_between_the_borders_of_its_cell(values: list[float]) -> None:
    found = np.array(values)
    ranks = cell_ranks(found, 2.0)
    slack = np.abs(found) * 1e-6
    assert (lower_bound(ranks, 2.0) <= found + slack).all()
    assert (found <= lower_bound(ranks + 1, 2.0) + slack).all()


def test_small_whole_numbers_each_have_a_cell_of_their_own() -> None:
    assert len(np.unique(cell_ranks(np.arange(-500.0, 501.0), 1.0))) == 1001


def test_every_key_has_its_own_rank() -> None:
    assert np.array_equal(np.sort(rank_of_key()), np.arange(CELLS))
