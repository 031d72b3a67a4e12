"""What other tools would say of the same rows: features ranked by how far they moved, or by that and importance."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from triage.lab.bench.customer import Customer
from triage.lab.bench.situation import Situation

BINS = 10
ROWS = 4_000
FOLKLORE = {"max_psi": 0.2, "max_ks": 0.1, "psi_x_importance": 0.2, "domain_classifier": 0.6, "score_change": 0.1}
"""The limit above which each is used to raise an alarm, on the first figure of its ranking."""


class Ranking(NamedTuple):
    """Features, most suspicious first; whether an alarm is raised; shares of the drop where the method gives any."""

    features: tuple[str, ...]
    alarm: bool
    shares: dict[str, float]


def rankings(healthy: Situation, incident: Situation) -> dict[str, Ranking]:
    """The ranking of each baseline."""
    before, now = same_rows(healthy, incident)
    customer = healthy.customer
    psi = {str(name): _psi(before[name], now[name]) for name in before}
    ks = {str(name): _ks(before[name], now[name]) for name in before}
    weighed = {name: psi[name] * max(cost, 0.0) for name, cost in customer.importance.items()}
    changed = _score_change(customer, before, now)
    separability, telling = _domain(before, now)
    return {
        "max_psi": _ranked(psi, max(psi.values()) > FOLKLORE["max_psi"]),
        "max_ks": _ranked(ks, max(ks.values()) > FOLKLORE["max_ks"]),
        "psi_x_importance": _ranked(weighed, max(psi.values()) > FOLKLORE["psi_x_importance"], shares=True),
        "domain_classifier": _ranked(telling, separability > FOLKLORE["domain_classifier"]),
        "score_change": _ranked(changed, max(changed.values()) > FOLKLORE["score_change"], shares=True),
    }


def same_rows(healthy: Situation, incident: Situation) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows before the incident and of it that every baseline sees: those that got an answer, 4,000 at most."""
    return _some(healthy.rows), _some(incident.rows[~incident.failed])


def _some(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.sample(min(len(rows), ROWS), random_state=0).reset_index(drop=True)


def _ranked(figures: dict[str, float], alarm: bool, *, shares: bool = False) -> Ranking:
    order = tuple(sorted(figures, key=lambda name: -figures[name]))
    total = sum(max(value, 0.0) for value in figures.values())
    parts = {name: max(value, 0.0) / total for name, value in figures.items()} if shares and total > 0 else {}
    return Ranking(order, alarm, parts)


def _codes(before: pd.Series, now: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Deciles of the healthy rows, or categories; null is a bin of its own."""
    if before.dtype.kind == "f":
        edges = np.unique(np.nanquantile(before, np.linspace(0, 1, BINS + 1)[1:-1]))
        codes = [np.where(np.isnan(part), len(edges) + 1, np.searchsorted(edges, part)) for part in (before, now)]
        return codes[0], codes[1]
    joined = pd.concat([before, now]).astype(object).fillna("null").astype("category").cat.codes.to_numpy()
    return joined[: len(before)], joined[len(before) :]


def _psi(before: pd.Series, now: pd.Series) -> float:
    codes, codes_now = _codes(before, now)
    size = int(max(codes.max(), codes_now.max())) + 1
    p = (np.bincount(codes, minlength=size) + 0.5) / (len(codes) + 0.5 * size)
    q = (np.bincount(codes_now, minlength=size) + 0.5) / (len(codes_now) + 0.5 * size)
    return float(((q - p) * np.log(q / p)).sum())


def _ks(before: pd.Series, now: pd.Series) -> float:
    if before.dtype.kind != "f":
        codes, codes_now = _codes(before, now)
        size = int(max(codes.max(), codes_now.max())) + 1
        apart = np.bincount(codes, minlength=size) / len(codes) - np.bincount(codes_now, minlength=size) / len(
            codes_now
        )
        return float(np.abs(apart).sum() / 2)
    a, b = np.sort(before.dropna()), np.sort(now.dropna())
    if not len(a) or not len(b):
        return 1.0
    both = np.concatenate([a, b])
    return float(np.abs(np.searchsorted(a, both, "right") / len(a) - np.searchsorted(b, both, "right") / len(b)).max())


def _score_change(customer: Customer, before: pd.DataFrame, now: pd.DataFrame) -> dict[str, float]:
    """Mean change of the score, in its standard deviations, when one feature's incident values are put into healthy
    rows: what a change of mean |SHAP| measures, at a fraction of its price."""
    size = min(len(before), len(now), 1_000)
    rows, usual = before.iloc[:size], customer.predict(before.iloc[:size])
    spread = max(float(usual.std()), 1e-9)

    def moved(name: str, values: np.ndarray) -> float:
        return float(np.abs(customer.predict(rows.assign(**{name: values})) - usual).mean()) / spread

    return {
        str(name): abs(
            moved(str(name), now[name].iloc[:size].to_numpy())
            - moved(str(name), before[name].iloc[::-1].iloc[:size].to_numpy())
        )
        for name in before
    }


def _domain(before: pd.DataFrame, now: pd.DataFrame) -> tuple[float, dict[str, float]]:
    """AUC of a classifier of healthy against incident rows, and what shuffling each feature takes from it."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score
    from threadpoolctl import threadpool_limits

    coded = {str(name): np.concatenate(_codes(before[name], now[name])).astype(float) for name in before}
    inputs = np.column_stack(list(coded.values()))
    domain = np.repeat([0, 1], [len(before), len(now)])
    rng = np.random.default_rng(0)
    learn = rng.random(len(domain)) < 0.5
    with threadpool_limits(1):
        model = HistGradientBoostingClassifier(max_iter=30, max_leaf_nodes=8, early_stopping=False)
        model.fit(inputs[learn], domain[learn])
        held, truth = inputs[~learn], domain[~learn]
        auc = float(roc_auc_score(truth, model.predict_proba(held)[:, 1]))
        loss: dict[str, float] = {}
        for column, name in enumerate(coded):
            shuffled = held.copy()
            shuffled[:, column] = rng.permutation(shuffled[:, column])
            loss[name] = auc - float(roc_auc_score(truth, model.predict_proba(shuffled)[:, 1]))
    return auc, loss
