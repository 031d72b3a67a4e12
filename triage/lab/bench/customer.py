"""A customer of the benchmark: one data set and one kind of model, trained on a third of the rows."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from triage.catalog import Task
from triage.drift.losses import Loss, squared_error
from triage.lab.bench.tables import Table, table

MODELS = ("linear", "trees")
MOST_TRAINING_ROWS = 15_000
RARE = 30
GUILTY_IMPORTANCE, HARMLESS_IMPORTANCE = 0.1, 0.01

Predict = Callable[[pd.DataFrame], np.ndarray]


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
    predict = _fit(data.task, model, training, label, seed=1)
    previous = _fit(data.task, model, training.iloc[: size // 2], label[: size // 2], seed=2)
    pool, pool_label = data.features.iloc[rest].reset_index(drop=True), data.label[rest]
    score = predict(pool)
    importance = _importance(predict, pool, pool_label, score)
    best = max(importance, key=lambda name: importance[name])
    half_wrong = np.where(rng.random(size) < 0.5, rng.permutation(label), label)
    without = training.assign(**{best: training[best].iloc[rng.permutation(size)].to_numpy()})
    return Customer(
        data, model, training, label, pool, pool_label, score, predict, previous,
        (_fit(data.task, model, training, half_wrong, seed=3), _fit(data.task, model, without, label, seed=4)),
        importance, squared_error,
    )  # fmt: skip


def _fit(task: Task, model: str, rows: pd.DataFrame, label: np.ndarray, seed: int) -> Predict:
    """A fitted model that takes whatever was served: nulls, new categories, text where numbers were."""
    from triage.lab.worlds.champion import one_thread

    categories = [name for name in rows if rows[name].dtype.kind != "f"]
    dtypes = {str(name): name in categories for name in rows}
    estimator = _pipeline(task, model, categories, [name for name in rows if name not in categories], seed)
    with one_thread():
        estimator.fit(_typed(rows, dtypes), label)

    def predict(served: pd.DataFrame) -> np.ndarray:
        inputs = _typed(served, dtypes)
        with one_thread():
            answer = estimator.predict(inputs) if task is Task.REGRESSION else estimator.predict_proba(inputs)[:, 1]
        return np.asarray(answer, dtype=float)

    return predict


def _typed(rows: pd.DataFrame, categorical: dict[str, bool]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            name: rows[name].astype(object).where(rows[name].notna(), "null").astype("str")
            if text
            else pd.to_numeric(rows[name], errors="coerce").astype(float)
            for name, text in categorical.items()
        }
    )


def _pipeline(task: Task, model: str, categories: list[Any], numbers: list[Any], seed: int) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

    if model == "linear":
        encode = ColumnTransformer(
            [
                ("categories", OneHotEncoder(min_frequency=RARE, handle_unknown="infrequent_if_exist"), categories),
                ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
            ]
        )
        return make_pipeline(encode, Ridge() if task is Task.REGRESSION else LogisticRegression(max_iter=300))
    codes = OrdinalEncoder(
        min_frequency=RARE, max_categories=200, handle_unknown="use_encoded_value", unknown_value=np.nan
    )
    trees = HistGradientBoostingRegressor if task is Task.REGRESSION else HistGradientBoostingClassifier
    return make_pipeline(
        ColumnTransformer([("categories", codes, categories), ("numbers", "passthrough", numbers)]),
        trees(
            max_iter=60, max_leaf_nodes=15, min_samples_leaf=60, early_stopping=False, random_state=seed,
            categorical_features=list(range(len(categories))),
        ),
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
