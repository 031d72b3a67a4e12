import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from triage.drift.profiles.loops import HIGHEST, LOWEST
from triage.drift.profiles.ranks import cell_ranks, lower_bound

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


def test_infinities_have_the_outermost_ranks_and_nan_lies_past_them() -> None:
    lowest, highest = cell_ranks(np.array([-np.inf, np.inf]), 1.0)
    assert (lowest, highest) == (LOWEST, HIGHEST)
    assert cell_ranks(np.array([-1e300, 1e300]), 1e30).tolist() == [LOWEST, HIGHEST]
    bits = np.array([0x7FF8 << 48, 0xFFF8 << 48, (0x7FF0 << 48) + 1, (0xFFFF << 48) + 99], np.uint64)
    of_nan = cell_ranks(bits.view(np.float64), 1.0)
    assert ((of_nan < LOWEST) | (of_nan > HIGHEST)).all()


def test_zero_and_minus_zero_have_one_cell_and_what_vanishes_keeps_its_side() -> None:
    below, minus_zero, zero, above = cell_ranks(np.array([-1e-300, -0.0, 0.0, 1e-300]), 1.0)
    assert below < minus_zero == zero <= above
