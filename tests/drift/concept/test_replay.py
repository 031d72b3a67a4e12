from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from triage.drift.concept.replay import counterfactual, replay, which_version
from triage.drift.losses import squared_error
from triage.errors import Unmeasurable

N = 2000
ROWS = pd.DataFrame({"x": np.random.default_rng(0).normal(0, 1, N)})
TIMES = pd.Series(pd.date_range("2026-01-01", periods=N, freq="min", tz="UTC"))


def _champion(rows: pd.DataFrame) -> np.ndarray:
    return 1 / (1 + np.exp(-rows["x"].to_numpy()))


def _other(rows: pd.DataFrame) -> np.ndarray:
    return np.full(len(rows), 0.5)


def _failing(rows: pd.DataFrame) -> np.ndarray:
    raise OSError("artifact is gone")


def test_the_champion_repeats_its_own_predictions():
    found = replay(ROWS, _champion(ROWS).astype(np.float32), _champion, times=TIMES)
    assert found.serves_the_champion
    assert found.equal == 1.0
    assert found.onset is None


def test_another_model_in_service_is_dated_to_its_first_answer():
    logged = np.where(np.arange(N) < 1200, _champion(ROWS), _other(ROWS))
    found = replay(ROWS, logged, _champion, times=TIMES)
    assert not found.serves_the_champion
    assert found.equal == pytest.approx(0.6, abs=0.01)
    assert found.onset == datetime(2026, 1, 1, 20, 0, tzinfo=UTC)
    assert found.onset_in_window


def test_a_preprocessing_fault_keeps_the_correlation_and_shows_its_bias():
    logged = _champion(ROWS.assign(x=ROWS.x + 0.5))
    found = replay(ROWS, logged, _champion)
    assert found.equal < 0.05
    assert found.correlation > 0.98
    assert found.bias > 0.05


def test_a_constant_answer_has_no_correlation():
    assert replay(ROWS, np.full(N, 0.5), _champion).correlation is None


def test_too_few_logged_predictions_and_a_failing_model_are_unmeasurable():
    with pytest.raises(Unmeasurable, match="0 logged predictions"):
        replay(ROWS, np.full(N, np.nan), _champion)
    with pytest.raises(Unmeasurable, match="artifact is gone"):
        replay(ROWS, _champion(ROWS), _failing)


def test_the_version_that_gave_the_answers_is_first_and_a_broken_one_is_named():
    matches = which_version(ROWS, _other(ROWS), {"3": _champion, "2": _other, "1": _failing})
    assert [match.version for match in matches] == ["2", "3", "1"]
    assert matches[0].equal == 1.0
    assert "artifact is gone" in matches[2].reason


def test_the_previous_version_would_have_been_better_or_not():
    labels = (np.random.default_rng(1).random(N) < _champion(ROWS)).astype(float)
    rng = np.random.default_rng(0)
    assert counterfactual(ROWS, labels, _other, _champion, squared_error, rng).better
    assert not counterfactual(ROWS, labels, _champion, _other, squared_error, rng).better
    same = counterfactual(ROWS, labels, _champion, _champion, squared_error, rng)
    assert (same.gain, same.low, same.high) == (0.0, 0.0, 0.0)


def test_a_counterfactual_needs_labels():
    with pytest.raises(Unmeasurable, match="0 labelled rows"):
        counterfactual(ROWS, np.full(N, np.nan), _champion, _other, squared_error, np.random.default_rng(0))
