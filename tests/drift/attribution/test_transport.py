import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triage.drift.attribution.transport import carry, fit_transport, shuffle


def _rng(seed: int = 7) -> np.random.Generator:
    return np.random.default_rng(seed)


NUMBERS = pd.Series(_rng(0).lognormal(3, 1, 4000), name="x")
COLOURS = pd.Series(_rng(1).choice(["red", "green", "blue"], 4000, p=[0.5, 0.3, 0.2]), name="x")


def test_an_unchanged_window_moves_nothing():
    assert np.allclose(carry(NUMBERS, fit_transport(NUMBERS, NUMBERS), _rng()), NUMBERS)
    assert (carry(COLOURS, fit_transport(COLOURS, COLOURS), _rng()) == COLOURS).all()


def test_more_nulls_are_spread_at_random_and_the_other_values_stay():
    after = NUMBERS.where(np.arange(4000) % 4 > 0)
    moved = carry(NUMBERS, fit_transport(NUMBERS, after), _rng())
    assert moved.isna().mean() == pytest.approx(0.25, abs=0.03)
    assert np.array_equal(moved.dropna(), NUMBERS[moved.notna()])


def test_a_newly_dominant_value_gets_its_excess_share():
    after = NUMBERS.where(np.arange(4000) % 10 > 2, 0.0)
    moved = carry(NUMBERS, fit_transport(NUMBERS, after), _rng())
    assert (moved == 0).mean() == pytest.approx(0.3, abs=0.03)


def test_a_stuck_value_reaches_every_row():
    assert (carry(NUMBERS, fit_transport(NUMBERS, NUMBERS * 0 + 7.0), _rng()) == 7.0).mean() > 0.97


def test_a_changed_unit_is_mapped_quantile_to_quantile_so_that_order_holds():
    moved = carry(NUMBERS, fit_transport(NUMBERS, NUMBERS * 1.609), _rng())
    assert np.allclose(moved, NUMBERS * 1.609, rtol=0.05)


def test_whole_numbers_stay_whole_and_keep_their_dtype():
    ages = pd.Series(_rng(2).integers(18, 80, 4000), name="age")
    moved = carry(ages, fit_transport(ages, ages + 12), _rng())
    assert moved.dtype == ages.dtype
    assert np.abs(moved - ages - 12).max() <= 2


def test_a_renamed_category_moves_as_a_whole():
    moved = carry(COLOURS, fit_transport(COLOURS, COLOURS.replace({"green": "verde"})), _rng())
    assert (moved[COLOURS == "green"] == "verde").all()
    assert (moved[COLOURS != "green"] == COLOURS[COLOURS != "green"]).all()


def test_categories_move_with_the_least_mass():
    after = pd.Series(_rng(3).choice(["red", "green", "blue"], 4000, p=[0.2, 0.3, 0.5]), name="x")
    moved = carry(COLOURS, fit_transport(COLOURS, after), _rng())
    assert (moved == "blue").mean() == pytest.approx(0.5, abs=0.03)
    assert (moved[COLOURS == "blue"] == "blue").all()


def test_a_categorical_column_stays_categorical():
    column = COLOURS.astype("category")
    moved = carry(column, fit_transport(column, column.astype(str).replace({"red": "rot"})), _rng())
    assert isinstance(moved.dtype, pd.CategoricalDtype)
    assert "rot" in moved.cat.categories


def test_undoing_a_change_gives_the_healthy_shares_back():
    current = NUMBERS.where(np.arange(4000) % 4 > 0) * 10
    undone = carry(current, fit_transport(current, NUMBERS), _rng())
    assert undone.isna().sum() == 0
    assert np.allclose(undone[current.notna()], NUMBERS[current.notna()], rtol=0.1)


def test_windows_of_nothing_but_nulls_are_carried_as_nulls():
    empty = pd.Series(np.full(100, np.nan), name="x")
    assert carry(NUMBERS, fit_transport(NUMBERS, empty), _rng()).isna().all()
    assert carry(empty, fit_transport(empty, NUMBERS), _rng()).isna().all()


def test_shuffling_keeps_the_marginal():
    assert sorted(shuffle(NUMBERS, _rng())) == sorted(NUMBERS)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=2, max_size=50),
    st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=2, max_size=50),
)
def test_carrying_never_raises_and_keeps_the_index(before, after):
    old, new = pd.Series(before, name="x", dtype=float), pd.Series(after, name="x", dtype=float)
    moved = carry(old, fit_transport(old, new), _rng())
    assert moved.index.equals(old.index)
