"""When the model can't be loaded: a stand-in learned from what it answered."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from triage.drift.attribution.game import Predict
from triage.drift.codes import NULL, as_floats, encode, fit_coding, is_number
from triage.errors import Unmeasurable

MIN_ROWS, MAX_ROWS = 200, 30_000


def fit_surrogate(
    rows: pd.DataFrame, answers: np.ndarray, features: Sequence[str], rng: np.random.Generator
) -> tuple[Predict, float]:
    """A boosted-tree imitation of the model, and its R² on a fifth of the rows held out.

    ``answers`` (n,) are logged predictions of the healthy window, or its labels where none were logged; NaN are left
    out. Pass it to `attribution.attribute` in place of the model, and say so: what the stand-in did not learn it can't
    replay. Raises Unmeasurable with fewer than 200 answers.
    """
    known = np.flatnonzero(np.isfinite(np.asarray(answers, dtype=np.float64)))
    if len(known) < MIN_ROWS:
        raise Unmeasurable(
            f"{len(known)} logged predictions or labels; a stand-in for the model needs {MIN_ROWS}",
            hint="load the model from the registry, or take a longer healthy window",
        )
    picked = rng.permutation(known)[:MAX_ROWS]
    codings = {name: fit_coding(rows[name], max_categories=100) for name in features if not is_number(rows[name])}

    def inputs(frame: pd.DataFrame) -> np.ndarray:
        columns = []
        for name in features:
            if name in codings:
                codes = encode(codings[name], frame[name]).astype(np.float64)
                columns.append(np.where(codes == NULL, np.nan, codes))
            else:
                columns.append(as_floats(pd.to_numeric(frame[name], errors="coerce")))
        return np.column_stack(columns)

    from sklearn.ensemble import HistGradientBoostingRegressor

    low, high = float(np.min(answers[picked])), float(np.max(answers[picked]))
    model = HistGradientBoostingRegressor(max_iter=150, random_state=int(rng.integers(2**31)))
    held = max(len(picked) // 5, 1)
    filled = np.nan_to_num(inputs(rows.iloc[picked[held:]]), nan=-1e12)
    with threadpool_limits(1):
        model.fit(filled, answers[picked[held:]])

    def predict(frame: pd.DataFrame) -> np.ndarray:
        with threadpool_limits(1):
            scores: np.ndarray = np.clip(model.predict(np.nan_to_num(inputs(frame), nan=-1e12)), low, high)
        return scores

    truth, again = answers[picked[:held]], predict(rows.iloc[picked[:held]])
    spread = float(np.square(truth - truth.mean()).sum())
    quality = 1 - float(np.square(truth - again).sum()) / spread if spread > 0 else 0.0
    return predict, quality
