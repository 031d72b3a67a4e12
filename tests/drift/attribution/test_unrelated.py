"""A wrong join that only the labels tell of, and a changed concept that must not pass for one."""

import numpy as np
import pandas as pd
import pytest

from triage.drift.attribution.unrelated import unrelated

NAMES = ["strong", "weak", "turn"]


def _predict(rows: pd.DataFrame) -> np.ndarray:
    on = np.where(rows["turn"] == "on", 1, -1)
    raised = 2.0 * rows["strong"] + 0.6 * rows["weak"] * on + 0.9 * on
    return 1 / (1 + np.exp(-raised.to_numpy(dtype=float)))


def _window(seed: int, n: int = 5000) -> tuple[pd.DataFrame, np.ndarray]:
    """Features that have nothing to do with each other, and labels that are as the model says."""
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(
        {"strong": rng.normal(0, 1, n), "weak": rng.normal(0, 1, n), "turn": rng.choice(["on", "off"], n)}
    )
    return rows, (rng.random(n) < _predict(rows)).astype(float)


HEALTHY, LABELS = _window(0)


def _found(rows: pd.DataFrame, labels: np.ndarray):
    return unrelated(HEALTHY, LABELS, rows, labels, NAMES, _predict, np.random.default_rng(9))


@pytest.mark.parametrize("feature", ["strong", "turn"])
@pytest.mark.parametrize("share", [0.4, 1.0])
def test_a_feature_joined_to_the_wrong_rows_is_named_with_the_share_of_rows(feature: str, share: float) -> None:
    rows, labels = _window(1)
    mixed = np.random.default_rng(2).permutation(rows[feature])
    hit = np.random.default_rng(3).random(len(rows)) < share
    found = _found(rows.assign(**{feature: np.where(hit, mixed, rows[feature])}), labels)
    assert found is not None
    assert found.feature == feature
    assert found.share == pytest.approx(share, abs=0.15)


def test_windows_in_which_nothing_is_wrong_name_nothing() -> None:
    assert all(_found(*_window(seed)) is None for seed in range(10, 20))


@pytest.mark.parametrize("where", ["everywhere", "region"])
@pytest.mark.parametrize("to", [0.0, 1.0])
def test_a_changed_concept_is_no_wrong_join(where: str, to: float) -> None:
    rows, labels = _window(4)
    hit = np.random.default_rng(5).random(len(rows)) < 0.4
    if where == "region":
        hit &= (rows["strong"] > 0.3).to_numpy()
    assert _found(rows, np.where(hit, to, labels)) is None


def test_labels_turned_over_are_no_wrong_join() -> None:
    rows, labels = _window(6)
    assert _found(rows, 1 - labels) is None


def test_a_few_labels_say_nothing() -> None:
    rows, labels = _window(7)
    few = np.where(np.arange(len(labels)) < 300, labels, np.nan)
    assert _found(rows.assign(strong=rows["strong"].to_numpy()[::-1]), few) is None
