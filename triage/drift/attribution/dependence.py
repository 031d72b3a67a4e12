"""Features that lost their dependence on the others: shuffled rows, a stale join, the wrong entity. Marginals don't
move.

Spearman correlations of all pairs, compared between the windows by Fisher's z, and peeled off: the feature with the
most broken ties is taken out first, so that its partners are not blamed for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from triage.drift.codes import as_floats, as_labels, evenly, is_number
from triage.incident import Unmeasured

Z_LIMIT, MIN_TIE, MAX_KEPT_OF_TIE, MAX_KEPT = 6.0, 0.2, 0.8, 0.8
MAX_KEPT_ONE_TIE = 0.1
MIN_ROWS, MAX_ROWS, MAX_FEATURES = 100, 10_000, 400
MIN_PARTS, MAX_PARTS, HEALTHY_MARGIN = 6, 12, 1.5
MAX_ORDERING = 60
"""Numbers that may lend categories their order."""
SPEARMAN_VARIANCE = 1.06
MOST_TIES = 5


@dataclass(frozen=True, slots=True)
class BrokenTie:
    """One partner: the rank correlation with it before and after, and Fisher's z of the difference."""

    partner: str
    before: float
    after: float
    z: float


@dataclass(frozen=True, slots=True)
class BrokenFeature:
    """A feature whose ties broke. ``kept`` is the share of its healthy dependence that is left (1: all, 0: none)."""

    feature: str
    kept: float
    broken_ties: int
    ties: tuple[BrokenTie, ...]


@dataclass(frozen=True, slots=True)
class Dependence:
    """``broken`` in the order peeled. ``z_limit`` is what the typical tie had to exceed: 6, or more where ties vary in
    health."""

    broken: tuple[BrokenFeature, ...]
    z_limit: float
    features_checked: int
    unmeasured: tuple[Unmeasured, ...]


def broken_dependence(
    baseline: pd.DataFrame,
    current: pd.DataFrame,
    features: Sequence[str],
    *,
    design_effect: float = 1.0,
    population: np.ndarray | None = None,
) -> Dependence:
    """Compare the rank correlations of ``features`` between both frames.

    Nulls count for neither feature of a pair. Categories are ranked by the baseline's mean rank of the number most tied
    to them. ``design_effect`` divides the row counts where rows are clustered. ``population`` (n,) weighs the
    baseline's rows into the current population: a tie must be weaker than among those, too. At most 400 features and
    10,000 evenly spaced rows are read, so 2,000 features take bounded time; those left out are named as unmeasured. A
    tie of at least 0.2 is broken when it lost 20% or more, with |z| beyond 6 and half more than ties vary between parts
    of the baseline; a feature is named when it kept less than 80% of its dependence in all (10%, where only one tie
    broke).
    """
    usable = [name for name in features if name in baseline and name in current]
    if min(len(baseline), len(current)) < MIN_ROWS or len(usable) < 2:
        reason = (
            f"{len(usable)} features, {len(baseline)} and {len(current)} rows; 2 and {MIN_ROWS} are needed at least"
        )
        return Dependence((), Z_LIMIT, 0, (Unmeasured("dependence between features", reason, "widen the window"),))
    unmeasured = []
    if len(usable) > MAX_FEATURES:
        reason = f"{len(usable)} features; the ties of the first {MAX_FEATURES} were compared"
        unmeasured.append(Unmeasured("dependence between features", reason, "put the important features first"))
        usable = usable[:MAX_FEATURES]
    before, now = map(_places, _numbers(evenly(baseline, MAX_ROWS)[usable], evenly(current, MAX_ROWS)[usable]))
    old, old_n = _spearman(before)
    new, new_n = _spearman(now)
    z = _fisher(old, new, old_n, new_n, design_effect)
    lost = (np.abs(old) >= MIN_TIE) & (new * np.sign(old) < MAX_KEPT_OF_TIE * np.abs(old))
    expected = old
    if population is not None:
        expected, expected_n = _in_population(before, evenly(pd.DataFrame({"w": population}), MAX_ROWS)["w"].to_numpy())
        z_there = _fisher(expected, new, expected_n, new_n, design_effect)
        z = np.where(np.abs(z_there) < np.abs(z), z_there, z)
        lost &= (expected * np.sign(old) > 0) & (new * np.sign(old) < MAX_KEPT_OF_TIE * np.abs(expected))
    parts = int(np.clip(len(baseline) // len(current), MIN_PARTS, MAX_PARTS))
    limit = np.maximum(Z_LIMIT, HEALTHY_MARGIN * _healthy_extreme(before, parts, design_effect))
    apart = (np.abs(z) > limit) & lost
    weight = np.where(apart, np.abs(z), 0.0)
    alive = np.ones(len(usable), dtype=bool)
    found = []
    while True:
        ties = apart & alive[:, None] & alive[None, :]
        held = np.maximum(_kept(old, new, alive), _kept(np.nan_to_num(expected), new, alive))
        # One tie alone may break by the partner's fault or by season; it counts when nothing of the dependence is left.
        guilty = ties.any(axis=1) & (held < np.where(ties.sum(axis=1) > 1, MAX_KEPT, MAX_KEPT_ONE_TIE))
        if not guilty.any():
            break
        # The most ties first, then the most weight. A pair that broke alone is blamed on the one with less left.
        order = np.lexsort((held, -(weight * ties).sum(axis=1), -ties.sum(axis=1), ~guilty))
        worst = int(order[0])
        partners = np.flatnonzero(ties[worst])
        partners = partners[np.argsort(-np.abs(z[worst, partners]))]
        named = tuple(
            BrokenTie(usable[i], float(old[worst, i]), float(new[worst, i]), float(z[worst, i])) for i in partners
        )
        found.append(BrokenFeature(usable[worst], float(held[worst]), len(partners), named[:MOST_TIES]))
        alive[worst] = False
    typical = float(np.median(limit[~np.eye(len(usable), dtype=bool)]))
    return Dependence(tuple(found), typical, len(usable), tuple(unmeasured))


def _in_population(placed: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rank correlations of rows resampled by ``weights`` (n,), and pair counts no larger than Kish's effective rows."""
    chance = weights / weights.sum()
    steps = (np.arange(len(placed)) + 0.5) / len(placed)  # systematic resampling: every row by its share, no dice
    drawn = np.minimum(np.searchsorted(np.cumsum(chance), steps), len(placed) - 1)
    correlation, pairs = _spearman(placed[drawn])
    return correlation, np.minimum(pairs, 1 / float(np.square(chance).sum()))


def _kept(old: np.ndarray, new: np.ndarray, alive: np.ndarray) -> np.ndarray:
    """Per feature, the projection of its current ties on its healthy ties, among features not yet peeled off."""
    mask = alive[None, :] & ~np.eye(len(old), dtype=bool)
    total = (old**2 * mask).sum(axis=1)
    kept: np.ndarray = np.clip((old * new * mask).sum(axis=1) / np.maximum(total, 1e-12), 0.0, 1.0)
    return kept


def _numbers(before: pd.DataFrame, now: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Float arrays of shape (n, k) and (m, k): numbers and times as they are, categories by their mean rank of a
    number."""
    values, values_now = np.full(before.shape, np.nan), np.full(now.shape, np.nan)
    textual = []
    for i, name in enumerate(before):
        old, new = before[name], now[name]
        if _ordered(old) and _ordered(new):
            values[:, i], values_now[:, i] = as_floats(old), as_floats(new)
        else:
            textual.append(i)
    numeric = [i for i in range(len(before.columns)) if i not in set(textual)]
    asked = numeric[:MAX_ORDERING] if textual else []
    ranks = [_ranks(_column_places(values[:, i])) for i in asked]
    for i in textual:
        positions, labels = as_labels(before.iloc[:, i])
        positions_now, labels_now = as_labels(now.iloc[:, i])
        place = {label: j for j, label in enumerate(labels)}
        order = _category_order(positions, len(labels), ranks)
        values[:, i] = np.append(order, np.nan)[positions]
        table = np.array([*(order[place[label]] if label in place else np.nan for label in labels_now), np.nan])
        values_now[:, i] = table[positions_now]
    return values, values_now


def _ordered(values: pd.Series) -> bool:
    return is_number(values) or pd.api.types.is_datetime64_any_dtype(values.dtype)


def _category_order(positions: np.ndarray, size: int, ranks: Sequence[np.ndarray]) -> np.ndarray:
    """A number per category: its mean rank of the number that differs most between categories, else its frequency."""
    present = positions >= 0
    counts = np.bincount(positions[present], minlength=size)
    best, order = 0.0, counts.astype(float)
    for column in ranks:
        means = np.bincount(positions[present], weights=column[present], minlength=size) / np.maximum(counts, 1)
        spread = float((counts * means**2).sum() / max(counts.sum(), 1)) - size / max(counts.sum(), 1)
        if spread > best:
            best, order = spread, means
    return order


def _places(values: np.ndarray) -> np.ndarray:
    """For each value (n, k) its place among the distinct values of its column, −1 for NaN: sorted once, and any choice
    of the rows is then ranked by counting."""
    return np.column_stack([_column_places(column) for column in values.T])


def _column_places(values: np.ndarray) -> np.ndarray:
    places = np.unique(values, return_inverse=True)[1]
    return np.where(np.isnan(values), -1, places)


def _ranks(places: np.ndarray) -> np.ndarray:
    """Ranks of shape (n,), equal values at their mean, with mean 0 and variance 1 among the values that are there; 0
    for those that are not."""
    result = np.zeros(len(places))
    present = places >= 0
    if present.sum() > 1:
        counts = np.bincount(places[present])
        ranked = (np.cumsum(counts) - (counts - 1) / 2)[places[present]]
        spread = ranked.std()
        result[present] = (ranked - ranked.mean()) / spread if spread > 0 else 0.0
    return result


def _spearman(placed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rank correlations and pair counts of `_places` (n, k), both of shape (k, k). A pair without variance has
    correlation NaN."""
    there = placed >= 0
    ranks = np.column_stack([_ranks(column) for column in placed.T])
    counts, own = there.sum(axis=0).astype(float), (ranks**2).sum(axis=0)
    pairs, squares = np.minimum.outer(counts, counts), np.repeat(own[:, None], len(own), axis=1)
    gaps = np.flatnonzero(counts < len(placed))
    present = there[:, gaps].astype(float)
    with threadpool_limits(1):  # small products; threads that spin beside a busy server cost more than they win
        pairs[np.ix_(gaps, gaps)] = present.T @ present
        squares[:, gaps] = (ranks**2).T @ present
        products = ranks.T @ ranks
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = products / np.sqrt(squares * squares.T)
    return np.clip(correlation, -0.9999, 0.9999), pairs


def _fisher(old: np.ndarray, new: np.ndarray, old_n: np.ndarray, new_n: np.ndarray, design_effect: float) -> np.ndarray:
    """Fisher's z of the difference of two Spearman correlations (Fieller, Hartley and Pearson 1957); 0 where
    unknown."""
    enough = (old_n > MIN_ROWS / 2) & (new_n > MIN_ROWS / 2)
    variance = SPEARMAN_VARIANCE * design_effect * (1 / np.maximum(old_n - 3, 1) + 1 / np.maximum(new_n - 3, 1))
    z = np.where(enough, (np.arctanh(new) - np.arctanh(old)) / np.sqrt(variance), 0.0)
    np.fill_diagonal(z, 0.0)
    return np.nan_to_num(z)


def _healthy_extreme(placed: np.ndarray, parts: int, design_effect: float) -> np.ndarray:
    """For each tie the largest |z|, over consecutive parts of the baseline, of the part against the rest; shape (k, k).

    A tie is taken to vary at least as much as is common among its two features' ties: few parts tell little of one tie.
    """
    size = placed.shape[1]
    extremes = np.zeros((size, size))
    pieces = np.array_split(np.arange(len(placed)), parts)
    if len(pieces[0]) < MIN_ROWS:
        return extremes
    for piece in pieces:
        rest = np.setdiff1d(np.arange(len(placed)), piece)
        one, other = _spearman(placed[piece]), _spearman(placed[rest])
        extremes = np.maximum(extremes, np.abs(_fisher(other[0], one[0], other[1], one[1], design_effect)))
    common = np.median(extremes, axis=1)
    return np.maximum(extremes, np.sqrt(np.outer(common, common)))
