import numpy as np
import pandas as pd
import pytest

from triage.drift.attribution.undo import labelled, undo
from triage.drift.losses import squared_error


def _predict(rows: pd.DataFrame) -> np.ndarray:
    return rows["x"].to_numpy(dtype=float)


def _current() -> tuple[pd.Series, pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    healthy = pd.Series(rng.normal(0, 1, 2000), name="x")
    truth = rng.normal(0, 1, 2000)
    return healthy, pd.DataFrame({"x": truth * 3}), truth


def test_undoing_a_scale_change_wins_the_loss_back():
    healthy, current, truth = _current()
    incident = labelled(current, truth, _predict, squared_error, np.random.default_rng(0), 1000)
    gain = undo(incident, healthy, current["x"], _predict, squared_error, np.random.default_rng(0))
    assert gain == pytest.approx(incident.loss, rel=0.05)


def test_too_few_labels_can_not_be_undone():
    _, current, truth = _current()
    truth[20:] = np.nan
    assert labelled(current, truth, _predict, squared_error, np.random.default_rng(0), 1000) is None
