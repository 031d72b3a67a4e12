"""A customer of the benchmark: one data set and one kind of model, trained on a third of the rows."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from triage.drift.losses import Loss, squared_error
from triage.lab.bench.model import Predict, fitted
from triage.lab.bench.tables import Table, table

MOST_TRAINING_ROWS = 15_000
GUILTY_IMPORTANCE, HARMLESS_IMPORTANCE = 0.1, 0.01


@dataclass(frozen=True, slots=True)
class Customer:
    """``pool`` are rows the model was not trained on, with ``label`` and its ``score`` beside them (n,).

    ``importance`` is what shuffling a feature costs in loss per row. ``previous`` is the version before the champion,
    as good as it; ``spoilt`` are models that no one would have wanted to release.
    """

    table: Table
    model: str
    training: pd.DataFrame
    training_label: np.ndarray
    pool: pd.DataFrame
    label: np.ndarray
    score: np.ndarray
    predict: Predict
    previous: Predict
    spoilt: tuple[Predict, ...]
    importance: dict[str, float]
    loss: Loss

    @property
    def guilty(self) -> tuple[str, ...]:
        """Features whose loss would be felt."""
        most = max(self.importance.values())
        return tuple(name for name, cost in self.importance.items() if cost > GUILTY_IMPORTANCE * most)

    @property
    def harmless(self) -> tuple[str, ...]:
        """Numeric features that the model hardly looks at."""
        most = max(self.importance.values())
        return tuple(
            name
            for name, cost in self.importance.items()
            if cost < HARMLESS_IMPORTANCE * most and self.pool[name].dtype.kind == "f"
        )


@cache
def customer(dataset: str, model: str) -> Customer:
    """The customer of ``dataset`` (see `tables.names`) with a ``model`` of `MODELS`; always the same one."""
    data = table(dataset)
    rng = np.random.default_rng(1)
    order = rng.permutation(len(data.label))
    size = min(len(order) // 3, MOST_TRAINING_ROWS)
    learn, rest = order[:size], order[size:]
    training, label = data.features.iloc[learn].reset_index(drop=True), data.label[learn]
    predict = fitted(data.task, model, training, label, seed=1)
    previous = fitted(data.task, model, training.iloc[: size // 2], label[: size // 2], seed=2)
    pool, pool_label = data.features.iloc[rest].reset_index(drop=True), data.label[rest]
    score = predict(pool)
    importance = _importance(predict, pool, pool_label, score)
    best = max(importance, key=lambda name: importance[name])
    half_wrong = np.where(rng.random(size) < 0.5, rng.permutation(label), label)
    without = training.assign(**{best: training[best].iloc[rng.permutation(size)].to_numpy()})
    return Customer(
        data, model, training, label, pool, pool_label, score, predict, previous,
        (fitted(data.task, model, training, half_wrong, seed=3), fitted(data.task, model, without, label, seed=4)),
        importance, squared_error,
    )  # fmt: skip


def _importance(predict: Predict, pool: pd.DataFrame, label: np.ndarray, score: np.ndarray) -> dict[str, float]:
    rng = np.random.default_rng(5)
    picked = rng.permutation(len(pool))[:6000]
    rows, truth = pool.iloc[picked].reset_index(drop=True), label[picked]
    usual = squared_error(truth, score[picked]).mean()
    costs = {}
    for name in rows:
        shuffled = rows.assign(**{str(name): rows[name].iloc[rng.permutation(len(rows))].to_numpy()})
        costs[str(name)] = float(squared_error(truth, predict(shuffled)).mean() - usual)
    return costs
