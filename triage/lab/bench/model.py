"""The models of the benchmark's customers: linear, or boosted trees, over an encoding that takes whatever is served.

Nulls, new categories and text where numbers were all get an answer, as a hardened service would give one. The encoding
is plain arrays: sklearn's column transformers cost more than the models they feed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from triage.catalog import Task

MODELS = ("linear", "trees")
RARE, MOST_CATEGORIES = 30, 200
NULL_TEXT = "null"

Predict = Callable[[pd.DataFrame], np.ndarray]


@dataclass(frozen=True, slots=True)
class Encoding:
    """Categories by column, most frequent first, and the median, mean and standard deviation of each number.

    A category that is rare, or was never seen, has the code after the last one.
    """

    categories: dict[str, pd.Index]
    numbers: dict[str, tuple[float, float, float]]

    def codes(self, rows: pd.DataFrame) -> np.ndarray:
        """Shape (n, categorical columns), whole numbers from 0."""
        columns = []
        for name, known in self.categories.items():
            column = rows[name]
            texts = column.astype(object).where(column.notna(), NULL_TEXT).astype("str")
            places, distinct = pd.factorize(texts)
            table = known.get_indexer(pd.Index(distinct))
            columns.append(np.where(table < 0, len(known), table)[places])
        return np.column_stack(columns) if columns else np.empty((len(rows), 0), dtype=int)

    def values(self, rows: pd.DataFrame) -> np.ndarray:
        """Shape (n, numbers), NaN for what does not read as one."""
        columns = [
            pd.to_numeric(rows[name], errors="coerce").to_numpy(dtype=float, na_value=np.nan) for name in self.numbers
        ]
        return np.column_stack(columns) if columns else np.empty((len(rows), 0))


def encoding_of(rows: pd.DataFrame) -> Encoding:
    categories, numbers = {}, {}
    for column in rows:
        name, values = str(column), rows[column]
        if values.dtype.kind == "f":
            numbers[name] = float(values.median()), float(values.mean()), float(values.std()) or 1.0
        else:
            counts = values.astype(object).where(values.notna(), NULL_TEXT).astype("str").value_counts()
            categories[name] = pd.Index(counts.index[counts >= RARE][:MOST_CATEGORIES])
    return Encoding(categories, numbers)


def fitted(task: Task, model: str, rows: pd.DataFrame, label: np.ndarray, seed: int) -> Predict:
    """A model of ``label`` (n,): the probability of 1, or the number itself."""
    from triage.lab.worlds.champion import one_thread

    encoding = encoding_of(rows)
    design = _one_hot if model == "linear" else _as_codes
    estimator = _estimator(task, model, len(encoding.categories), seed)
    with one_thread():
        estimator.fit(design(encoding, rows), label)

    def predict(served: pd.DataFrame) -> np.ndarray:
        inputs = design(encoding, served)
        with one_thread():
            answer = estimator.predict(inputs) if task is Task.REGRESSION else estimator.predict_proba(inputs)[:, 1]
        return np.asarray(answer, dtype=float)

    return predict


def _as_codes(encoding: Encoding, rows: pd.DataFrame) -> np.ndarray:
    return np.hstack([encoding.codes(rows).astype(float), encoding.values(rows)])


def _one_hot(encoding: Encoding, rows: pd.DataFrame) -> Any:
    from scipy.sparse import csr_array, hstack

    codes, values = encoding.codes(rows), encoding.values(rows)
    if values.shape[1]:
        median, mean, spread = np.array(list(encoding.numbers.values())).T
        values = (np.where(np.isnan(values), median, values) - mean) / spread
    starts = np.cumsum([0, *(len(known) + 1 for known in encoding.categories.values())])
    places = (codes + starts[:-1]).ravel()
    ends = np.arange(len(rows) + 1) * codes.shape[1]
    ones = csr_array((np.ones(len(places)), places, ends), shape=(len(rows), int(starts[-1])))
    return csr_array(hstack([ones, csr_array(values)]))


def _estimator(task: Task, model: str, categories: int, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.linear_model import LogisticRegression, Ridge

    if model == "linear":
        return Ridge() if task is Task.REGRESSION else LogisticRegression(max_iter=300)
    trees = HistGradientBoostingRegressor if task is Task.REGRESSION else HistGradientBoostingClassifier
    return trees(
        max_iter=60, max_leaf_nodes=15, min_samples_leaf=60, early_stopping=False, random_state=seed,
        categorical_features=list(range(categories)),
    )  # fmt: skip
