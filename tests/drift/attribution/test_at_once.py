"""Features that moved at once, each for itself."""

import numpy as np
import pandas as pd
import pytest

from triage.drift.attribution.attribute import Attribution, attribute
from triage.drift.attribution.game import Mechanism
from triage.drift.losses import log_loss

NAMES = ["price", "length", "age", "calm"]


def _predict(rows: pd.DataFrame) -> np.ndarray:
    raised = 1.5 * rows["price"] + 0.8 * rows["length"] - 0.5 * rows["age"] + 0.5 * rows["calm"] * rows["price"]
    return 1 / (1 + np.exp(-raised.to_numpy(dtype=float)))


def _window(seed: int, n: int, price: float = 0.0, others: float = 0.0) -> pd.DataFrame:
    """Features tied weakly by what they have in common, so that each is some witness for the rest."""
    rng = np.random.default_rng(seed)
    common = rng.normal(0, 1, n)
    shift = {"price": price, "length": others, "age": -others, "calm": 0.0}
    return pd.DataFrame({name: 0.2 * common + rng.normal(by, 1, n) for name, by in shift.items()})


def _labels(rows: pd.DataFrame, seed: int) -> np.ndarray:
    return (np.random.default_rng(seed).random(len(rows)) < _predict(rows)).astype(float)


def _attributed(current: pd.DataFrame, labels: np.ndarray) -> Attribution:
    healthy = _window(0, 6000)
    return attribute(
        healthy, _labels(healthy, 1), current, NAMES, ["price", "length", "age"], _predict, log_loss,
        np.random.default_rng(2), current_labels=labels,
    )  # fmt: skip


def test_a_population_that_changed_as_a_whole_is_named_after_what_moved_furthest() -> None:
    current = _window(3, 6000, price=-1.4, others=0.8)
    found = {one.feature: one for one in _attributed(current, _labels(current, 4)).features}
    assert {found["length"].follows, found["age"].follows} == {"price"}
    assert found["price"].mechanism is Mechanism.COVARIATE_DRIFT
    assert found["length"].cost == found["age"].cost == 0.0


def test_a_single_feature_that_moved_is_left_to_itself() -> None:
    current = _window(3, 6000, price=-1.0)
    found = _attributed(current, _labels(current, 4))
    assert all(not one.follows or one.follows == "price" for one in found.features)
    assert found.features[0].feature == "price" or found.features[0].cost == pytest.approx(0.0, abs=0.05)
