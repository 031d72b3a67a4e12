"""Who led a move of several features, and who only went along."""

import numpy as np
import pandas as pd

from triage.drift.attribution.game import populations
from triage.drift.attribution.leaders import explained, follow
from triage.drift.attribution.reweight import rake


def _rows(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    led = rng.normal(0, 1, n)
    return pd.DataFrame(
        {"led": led, "along": led + rng.normal(0, 0.4, n), "apart": rng.normal(0, 1, n), "still": rng.normal(0, 1, n)}
    )


HEALTHY = _rows(8000, 0)
NAMES = ["led", "along", "apart"]


def _moved(pick: np.ndarray) -> pd.DataFrame:
    """Rows of another sample, those of ``pick`` replaced by rows in which `led` is large."""
    rows = _rows(8000, 1)
    source = rows[rows["led"] > 0.8]
    drawn = source.iloc[np.random.default_rng(2).integers(0, len(source), int(pick.sum()))]
    rows.loc[pick] = drawn.to_numpy()
    return rows


def test_the_feature_that_diverged_most_leads_and_the_one_that_depends_on_it_follows():
    current = _moved(np.arange(8000) % 2 == 0)
    moved = populations(HEALTHY, current, [*NAMES, "still"], ["along", "led"])
    assert follow(["along", "led"], moved) == {"along": "led"}


def test_a_feature_that_moved_for_reasons_of_its_own_follows_nobody():
    current = _moved(np.arange(8000) % 2 == 0)
    current["apart"] = current["apart"] + 1
    moved = populations(HEALTHY, current, [*NAMES, "still"], NAMES)
    assert follow(NAMES, moved) == {"along": "led"}


def test_weights_that_are_the_move_itself_explain_all_of_it_and_even_weights_none():
    moved = populations(HEALTHY, _moved(np.arange(8000) % 2 == 0), [*NAMES, "still"], ["led"])["led"]
    assert explained(moved, rake([moved.codes], [moved.target])) > 0.999
    assert abs(explained(moved, np.ones(8000))) < 1e-9
