"""The kind of model the worlds have in production: boosted trees behind an encoder of categories."""

from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pandas as pd


def fit_boosted_trees(features: pd.DataFrame, outcome: np.ndarray, seed: int, trees: int, rare: float | int) -> Any:
    """A fitted scikit-learn pipeline; text columns are categories, and those rarer than ``rare`` are pooled."""
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OrdinalEncoder

    categories = [name for name in features if isinstance(features[name].dtype, pd.StringDtype)]
    encoder = OrdinalEncoder(
        min_frequency=rare, max_categories=250, handle_unknown="use_encoded_value", unknown_value=np.nan
    )
    trees_on_codes = HistGradientBoostingClassifier(
        max_iter=trees,
        learning_rate=0.1,
        max_leaf_nodes=15,
        min_samples_leaf=120,
        l2_regularization=5.0,
        categorical_features=list(range(len(categories))),
        early_stopping=False,
        random_state=seed,
    )
    encode = ColumnTransformer([("categories", encoder, categories)], remainder="passthrough")
    with one_thread():
        return Pipeline([("encode", encode), ("trees", trees_on_codes)]).fit(features, outcome)


def one_thread() -> AbstractContextManager[Any]:
    """Boosted trees on one thread: the same sums everywhere, and no spinning where other work has the processor."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, user_api="openmp")


def score(estimator: Any, features: pd.DataFrame) -> np.ndarray:
    """Probability of the positive class (n,)."""
    with one_thread():
        return estimator.predict_proba(features)[:, 1]


def quality(estimator: Any, features: pd.DataFrame, outcome: np.ndarray) -> dict[str, float]:
    """Area under the ROC curve, log-loss (nats) and Brier score on the given rows."""
    from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

    scores = score(estimator, features)
    return {
        "auc": float(roc_auc_score(outcome, scores)),
        "log_loss": float(log_loss(outcome, scores)),
        "brier": float(brier_score_loss(outcome, scores)),
    }
