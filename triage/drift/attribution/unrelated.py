"""A feature joined to the wrong rows, where no other feature depends on it: only the labels can tell.

Such a feature moves no marginal and breaks no tie. But what the model leaves over (label minus answer) then leans on it
exactly as it does once the feature is shuffled among healthy rows: too high where the feature lowers the answer, too
low where it raises it, and on the whole as before. A changed concept leans otherwise: it has a level of its own.

Two hypotheses per feature, "as healthy rows" and "a share of the rows shuffled", each a table of mean leftovers per
value of every feature and third of the answers; the share is fitted by weighted least squares, and chi-squares decide.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from triage.drift.attribution.game import Predict, scores
from triage.drift.attribution.transport import shuffle
from triage.drift.codes import FIRST, encode, evenly, fit_coding

MIN_ROWS, MAX_ROWS = 400, 12_000
MAX_FEATURES, CANDIDATES = 200, 4
BINS, CATEGORIES, FEWEST = 12, 30, 20
LEAST_EXCESS = 40.0
"""Of a chi-square above its degrees of freedom, for a feature to be looked at: far beyond chance and multiplicity."""
EXPLAINED, EXPLAINED_OF_ALL = 0.75, 0.6
"""Of that excess, what shuffling must explain: of the feature's own table, and of all features' tables together."""
LEAST_SHARE, MOST_SHARE = 0.1, 1.2


@dataclass(frozen=True, slots=True)
class Unrelated:
    """``share`` of the rows hold another row's value, as far as the labels tell; ``explained`` (0 to 1) is how much of
    what the labels lean on the feature that accounts for."""

    feature: str
    share: float
    explained: float


def unrelated(
    healthy: pd.DataFrame,
    labels: np.ndarray,
    current: pd.DataFrame,
    labels_now: np.ndarray,
    features: Sequence[str],
    predict: Predict,
    rng: np.random.Generator,
) -> Unrelated | None:
    """The feature whose values tell nothing more of the outcome in some of the ``current`` rows, or None.

    ``labels`` (n,) and ``labels_now`` (m,) stand beside the rows, NaN where there is none; ``predict`` is the model of
    the healthy window. Nothing is said with fewer than 400 labels in a window. Raises Unmeasurable when the model
    fails.
    """
    known, known_now = np.flatnonzero(np.isfinite(labels)), np.flatnonzero(np.isfinite(labels_now))
    if min(len(known), len(known_now)) < MIN_ROWS:
        return None
    known, known_now = (evenly(pd.DataFrame({"row": one}), MAX_ROWS)["row"].to_numpy() for one in (known, known_now))
    before, now = healthy.iloc[known], current.iloc[known_now]
    said, said_now = scores(predict, before), scores(predict, now)
    thirds = np.quantile(said, [1 / 3, 2 / 3])
    names = list(features)[:MAX_FEATURES]
    codings = {name: fit_coding(before[name], bins=BINS, max_categories=CATEGORIES) for name in names}

    def tables_of(codes: Mapping[str, np.ndarray], truth: np.ndarray, answers: np.ndarray) -> dict[str, _Table]:
        third = np.searchsorted(thirds, answers)
        return {name: _Table.of(3 * code + third, truth - answers) for name, code in codes.items()}

    codes = {name: encode(coding, before[name]) for name, coding in codings.items()}
    codes_now = {name: encode(coding, now[name]) for name, coding in codings.items()}
    tables, seen = tables_of(codes, labels[known], said), tables_of(codes_now, labels_now[known_now], said_now)
    excess = {name: _excess(seen[name], tables[name]) for name in names}
    suspects = sorted((name for name in names if excess[name] >= LEAST_EXCESS), key=lambda name: -excess[name])
    best: Unrelated | None = None
    for name in suspects[:CANDIDATES]:
        mixed = before.assign(**{name: shuffle(before[name], rng)})
        codes_mixed = {**codes, name: encode(codings[name], mixed[name])}
        torn = tables_of(codes_mixed, labels[known], scores(predict, mixed))
        share = _share(seen[name], tables[name], torn[name])
        if not LEAST_SHARE <= share <= MOST_SHARE:
            continue
        rest = {other: _excess(seen[other], tables[other], torn[other], share) for other in names}
        own = 1 - rest[name] / excess[name]
        total = sum(max(value, 0.0) for value in excess.values())
        of_all = 1 - sum(max(value, 0.0) for value in rest.values()) / total
        if own >= EXPLAINED and of_all >= EXPLAINED_OF_ALL and (best is None or of_all > best.explained):
            best = Unrelated(name, min(1.0, share), of_all)
    return best


@dataclass(frozen=True, slots=True)
class _Table:
    """Rows, mean leftover and its squared error per cell, each of shape (cells,)."""

    rows: np.ndarray
    mean: np.ndarray
    error: np.ndarray

    @staticmethod
    def of(cells: np.ndarray, left: np.ndarray) -> "_Table":
        rows = np.bincount(cells, minlength=3 * (FIRST + max(BINS, CATEGORIES)))
        each = np.maximum(rows, 1)
        mean = np.bincount(cells, weights=left, minlength=len(rows)) / each
        spread = np.bincount(cells, weights=left**2, minlength=len(rows)) / each - mean**2
        return _Table(rows, mean, np.maximum(spread, 1e-12) / each)


def _weights(seen: _Table, before: _Table) -> np.ndarray:
    """One over the squared error of each cell's difference; 0 where either side has few rows."""
    usable = (seen.rows >= FEWEST) & (before.rows >= FEWEST)
    return np.where(usable, 1 / (seen.error + before.error), 0.0)


def _share(seen: _Table, before: _Table, torn: _Table) -> float:
    """The share of shuffled rows that brings the healthy table nearest to the one seen."""
    weights, apart = _weights(seen, before), torn.mean - before.mean
    power = float((weights * apart**2).sum())
    return float((weights * apart * (seen.mean - before.mean)).sum()) / power if power > 0 else 0.0


def _excess(seen: _Table, before: _Table, torn: _Table | None = None, share: float = 0.0) -> float:
    """Chi-square beyond its degrees of freedom of the table seen, against the healthy one or its mixture with
    ``torn``."""
    weights = _weights(seen, before)
    expected = before.mean if torn is None else (1 - share) * before.mean + share * torn.mean
    return float((weights * (seen.mean - expected) ** 2).sum()) - int((weights > 0).sum())
