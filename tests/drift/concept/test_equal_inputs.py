import numpy as np
import pandas as pd
import pytest

from triage.drift.concept.equal_inputs import ConceptShift, error_at_equal_inputs, overlap
from triage.errors import Unmeasurable

FEATURES = ["x", "z", "kind"]


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def _world(n: int, seed: int, shift: float = 0.0, worse: float = 0.0) -> tuple[pd.DataFrame, np.ndarray]:
    """Inputs, and a loss that depends on ``x``; ``worse`` is added at every input."""
    rng = _rng(seed)
    rows = pd.DataFrame(
        {"x": rng.normal(shift, 1, n), "z": rng.normal(0, 1, n), "kind": rng.choice(["a", "b"], n).astype(object)}
    )
    return rows, 0.5 + 0.3 * rows["x"].to_numpy() + worse + rng.normal(0, 0.3, n)


HEALTHY, LOSS = _world(4000, 0)


def _run(rows: pd.DataFrame, loss: np.ndarray, **options) -> ConceptShift:
    return error_at_equal_inputs(HEALTHY, LOSS, rows, loss, FEATURES, _rng(), **options)


def test_a_loss_that_rose_at_every_input_is_a_concept_change():
    found = _run(*_world(4000, 1, worse=0.1))
    assert found.changed
    assert found.low < 0.1 < found.high
    assert found.concept == pytest.approx(0.1, abs=0.03)


def test_a_loss_that_rose_only_because_inputs_moved_is_not():
    found = _run(*_world(4000, 1, shift=0.7))
    assert found.total > 0.15
    assert abs(found.concept) < 0.04
    assert found.inputs == pytest.approx(found.total - found.concept)


def test_moved_inputs_and_a_changed_concept_are_told_apart():
    found = _run(*_world(4000, 1, shift=0.7, worse=0.2))
    assert found.changed
    assert found.concept == pytest.approx(0.2, abs=0.05)


def test_equal_windows_change_in_hardly_ever():
    changed = [_run(*_world(1000, seed)).changed for seed in range(10, 14)]
    assert sum(changed) <= 1


def test_blocks_widen_the_interval():
    rows, loss = _world(2000, 1)
    hours = np.arange(2000) // 100
    loss = loss + np.repeat(_rng(5).normal(0, 0.3, 20), 100)
    by_row, by_hour = _run(rows, loss), _run(rows, loss, current_blocks=hours, baseline_blocks=np.arange(4000) // 100)
    assert by_hour.high - by_hour.low > 2 * (by_row.high - by_row.low)


def test_windows_that_share_no_inputs_are_unmeasurable():
    with pytest.raises(Unmeasurable, match="share too few inputs"):
        _run(*_world(2000, 1, shift=30.0))


def test_labels_for_three_percent_of_rows_are_too_few_and_said_so():
    rows, loss = _world(2000, 1)
    loss[60:] = np.nan
    with pytest.raises(Unmeasurable, match="60 labelled rows now"):
        _run(rows, loss)


def test_all_null_and_missing_features_and_ten_thousand_categories_do_no_harm():
    rows, loss = _world(2000, 1)
    healthy = HEALTHY.assign(empty=np.nan, key=[f"id{i}" for i in range(4000)])
    current = rows.assign(empty=np.nan, key=[f"id{i}" for i in range(2000)])
    found = error_at_equal_inputs(healthy, LOSS, current, loss, [*FEATURES, "empty", "key", "absent"], _rng())
    assert found.n_current == 2000


def test_overlap_weights_are_chances_and_give_both_windows_the_same_mean():
    now = _world(4000, 1, shift=1.0)[0]
    shared = overlap(HEALTHY, now, FEATURES, _rng())
    assert shared.separability > 0.7
    assert 0 <= shared.baseline.min() <= shared.baseline.max() <= 1
    before = np.average(HEALTHY["x"], weights=shared.baseline)
    assert np.average(now["x"], weights=shared.current) == pytest.approx(before, abs=0.08)
