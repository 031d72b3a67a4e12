import itertools

import numpy as np
import pandas as pd
import pytest

from triage.drift.attribution.attribute import Attribution, Budget, attribute
from triage.drift.attribution.game import Mechanism
from triage.drift.losses import log_loss
from triage.errors import Unmeasurable

FEATURES = ["strong", "weak", "idle", "witness"]


def _logit(rows: pd.DataFrame) -> np.ndarray:
    return 2.5 * rows["strong"].fillna(0) + 0.8 * rows["weak"].fillna(0) - 0.5


def _predict(rows: pd.DataFrame) -> np.ndarray:
    return 1 / (1 + np.exp(-_logit(rows).to_numpy(dtype=float)))


def _world(n: int, seed: int, shift: float = 0.0) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    strong = rng.normal(shift, 1, n)
    rows = pd.DataFrame(
        {
            "strong": strong,
            "weak": rng.normal(0, 1, n),
            "idle": rng.normal(0, 1, n),
            "witness": strong + rng.normal(0, 0.5, n),
        }
    )
    return rows, (rng.random(n) < _predict(rows)).astype(float)


HEALTHY, LABELS = _world(6000, 0)


def _run(current: pd.DataFrame, labels: np.ndarray | None = None, **options) -> Attribution:
    options = {"suspects": FEATURES, "predict": _predict, "features": FEATURES} | options
    return attribute(
        HEALTHY,
        options.pop("healthy_labels", LABELS),
        current,
        options.pop("features"),
        options.pop("suspects"),
        options.pop("predict"),
        log_loss,
        np.random.default_rng(0),
        current_labels=labels,
        **options,
    )


def test_the_guilty_feature_is_first_though_a_harmless_one_moved_further():
    current, labels = _world(6000, 1)
    current["strong"] = current["strong"].where(np.arange(6000) % 2 == 0)
    current["idle"] = current["idle"] + 10
    found = _run(current, labels)
    assert found.features[0].feature == "strong"
    assert found.features[0].mechanism is Mechanism.CORRUPTION
    assert found.features[0].share == pytest.approx(1.0, abs=0.15)
    assert abs(next(item.cost for item in found.features if item.feature == "idle")) < 0.005
    assert abs(found.remainder) < 0.15 * found.observed
    assert found.exact


def test_two_faults_share_the_drop_as_their_single_costs_do():
    current, labels = _world(6000, 1)
    current["strong"] = current["strong"] + 1.0
    current["weak"] = np.nan
    found = _run(current, labels, corrupted=["strong", "weak"], sources={"strong": "a", "weak": "a"})
    cost = {item.feature: item.cost for item in found.features}
    assert cost["strong"] > cost["weak"] > 0.01
    assert found.explained == pytest.approx(found.observed, rel=0.15)
    assert found.sources[0].features == ("strong", "weak")
    assert found.sources[0].cost == pytest.approx(found.explained, rel=0.05)
    assert found.explained_low < found.explained < found.explained_high


def test_a_shuffled_feature_costs_what_its_dependence_was_worth():
    current, labels = _world(6000, 1)
    current["strong"] = np.random.default_rng(5).permutation(current["strong"])
    found = _run(current, labels, suspects=[], broken={"strong": 1.0})
    assert found.features[0].mechanism is Mechanism.BROKEN_DEPENDENCE
    assert found.features[0].share == pytest.approx(1.0, abs=0.15)


def test_covariate_drift_is_reweighted_and_not_charged_as_a_fault():
    current, labels = _world(6000, 1, shift=1.0)
    found = _run(current, labels, suspects=["strong"])
    assert found.features[0].mechanism is Mechanism.COVARIATE_DRIFT
    assert found.explained == pytest.approx(found.observed, abs=0.03)


def test_a_drop_that_no_feature_explains_is_left_as_remainder():
    current, labels = _world(6000, 1)
    flipped = np.where(np.random.default_rng(3).random(6000) < 0.2, 1 - labels, labels)
    found = _run(current, flipped)
    assert found.observed > 0.1
    assert found.remainder > 0.9 * found.observed


def test_undoing_tells_what_can_be_won_back():
    current, labels = _world(6000, 1)
    current["strong"] = current["strong"] * 10
    (found,) = _run(current, labels, suspects=["strong"], corrupted=["strong"]).features
    assert found.undone == pytest.approx(found.cost, rel=0.1)


def test_without_labels_now_there_is_a_cost_but_no_share():
    current, _ = _world(6000, 1)
    (found,) = _run(current.assign(weak=np.nan), suspects=["weak"]).features
    assert found.cost > 0
    assert found.share is None
    assert found.undone is None


def test_three_percent_of_labels_are_enough_for_healthy_rows_and_too_few_are_refused():
    current, _ = _world(1000, 1)
    sparse = np.where(np.random.default_rng(0).random(6000) < 0.03, LABELS, np.nan)
    assert _run(current, healthy_labels=sparse).rows < 250
    with pytest.raises(Unmeasurable, match="labelled healthy"):
        _run(current, healthy_labels=np.full(6000, np.nan))


def test_a_model_that_raises_or_lacks_an_input_is_unmeasurable():
    current, _ = _world(1000, 1)

    def broken(rows):
        raise RuntimeError("no such file: model.pkl")

    with pytest.raises(Unmeasurable, match=r"model\.pkl"):
        _run(current, predict=broken)
    with pytest.raises(Unmeasurable, match="missing from a window: idle"):
        _run(current.drop(columns="idle"))


def test_a_feature_whose_new_values_the_model_refuses_is_unmeasured_and_the_others_are_not():
    current, _ = _world(2000, 1)

    def strict(rows: pd.DataFrame) -> np.ndarray:
        if rows["weak"].isna().any():
            raise ValueError("weak has nulls")
        return _predict(rows)

    current["weak"] = np.nan
    current["strong"] = current["strong"] * 3
    found = _run(current, predict=strict)
    assert "weak has nulls" in next(item for item in found.unmeasured if item.what == "weak").reason
    assert found.features[0].feature == "strong"


def _asked_for(seconds: float) -> Budget:
    """A budget of 64 seconds whose clock goes on by ``seconds`` from one look to the next."""
    looks = itertools.count()
    return Budget(seconds=64, rows=500, clock=lambda: seconds * next(looks))


def test_a_spent_budget_leaves_suspects_unmeasured_and_stays_bounded():
    current, _ = _world(2000, 1)
    found = _run(current, budget=_asked_for(16), corrupted=FEATURES)
    assert {item.what for item in found.unmeasured} == {"idle", "witness"}
    assert not found.exact


def test_a_busy_machine_changes_no_figure():
    current, labels = _world(2000, 1)
    slower, slowest = (_run(current, labels, budget=_asked_for(seconds)) for seconds in (1.1, 1.9))
    assert slower == slowest


def test_rows_of_few_days_answer_for_no_moved_population():
    current, labels = _world(4000, 1, shift=1.5)
    days = np.arange(6000) // 429  # fourteen of them
    by_day = np.random.default_rng(5).permutation(14)[np.clip(np.argsort(np.argsort(HEALTHY["strong"])) // 429, 0, 13)]
    spread = _run(current, labels, suspects=["strong"], blocks=days)
    bunched = _run(current, labels, suspects=["strong"], blocks=by_day)
    assert [item.feature for item in spread.features] == ["strong"]
    assert "come from" in next(item.reason for item in bunched.unmeasured if item.what == "strong")


def test_intervals_are_wider_where_rows_of_a_day_are_alike():
    current, labels = _world(4000, 1)
    current["strong"] = np.nan
    days = np.argsort(np.argsort(HEALTHY["strong"])) // 429
    alike, apart = (_run(current, labels, suspects=["strong"], blocks=each).features[0] for each in (days, None))
    assert alike.cost == apart.cost
    assert alike.high - alike.low > 2 * (apart.high - apart.low)


def test_the_same_seed_gives_the_same_figures():
    current, labels = _world(2000, 1)
    assert _run(current, labels) == _run(current, labels)
