import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.drift.attribution.shapley import shapley


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_the_glove_game_has_its_textbook_values():
    # One left glove (player 0), two right gloves: a pair is worth 1. Shapley 1953: (2/3, 1/6, 1/6).
    split = shapley(3, lambda group: np.array([float(0 in group and len(group) > 1)]), _rng())
    assert split.rows[:, 0] == pytest.approx([2 / 3, 1 / 6, 1 / 6])


@given(st.integers(1, 9), st.integers(0, 1000))
def test_shares_add_up_to_the_worth_of_all(players, seed):
    worths: dict[frozenset[int], np.ndarray] = {}
    rng = np.random.default_rng(seed)
    split = shapley(players, lambda group: worths.setdefault(group, rng.normal(size=3)), _rng())
    assert split.rows.sum(axis=0) == pytest.approx(worths[frozenset(range(players))] - worths[frozenset()])


def test_sampling_is_exact_for_an_additive_game():
    value = np.arange(8.0)
    split = shapley(8, lambda group: np.array([sum(value[list(group)])]), _rng())
    assert split.rows[:, 0] == pytest.approx(value)
    assert split.orders == 12


def test_when_time_runs_out_what_was_averaged_is_returned_as_incomplete():
    split = shapley(8, lambda group: np.array([float(len(group))]), _rng(), may_go_on=lambda: False)
    assert not split.complete
    assert split.orders == 2
    assert split.rows[:, 0] == pytest.approx(np.ones(8))
