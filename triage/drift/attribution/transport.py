"""Move one feature's values from one window's distribution to another's, with the least change to each row.

Injecting: healthy rows get the current window's distribution, which shows what the change costs on rows whose labels
are known. Undoing: incident rows get the healthy distribution back. A stuck feature can't get its information back that
way.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from triage.drift.codes import as_floats, as_labels, is_number
from triage.drift.quality.spelling import explain_new_categories

MIN_ATOM_SHARE, MIN_ATOM_GROWTH = 0.02, 0.02
GRID = np.linspace(0, 1, 513)


@dataclass(frozen=True, slots=True)
class Marginal:
    """What `carry` needs of the window it carries to: fitted once, applied to any rows.

    Numbers: ``atoms`` (values with their growth in share of non-null rows) and ``quantiles`` of the rest, on both
    sides. Categories: ``moves`` maps each category that loses mass to where it goes, as (probability of leaving,
    targets, odds).
    """

    feature: str
    null_before: float
    null_after: float
    atoms: tuple[tuple[float, float], ...]
    before: np.ndarray | None
    after: np.ndarray | None
    moves: dict[str, tuple[float, tuple[object, ...], np.ndarray]]


def fit_transport(before: pd.Series, after: pd.Series) -> Marginal:
    """How the feature's marginal went from ``before`` (n rows) to ``after`` (m rows)."""
    nulls = float(before.isna().mean()) if len(before) else 0.0, float(after.isna().mean()) if len(after) else 0.0
    name = str(before.name)
    if is_number(before) and is_number(after):
        atoms, old, new = _numbers(as_floats(before), as_floats(after))
        return Marginal(name, *nulls, atoms, old, new, {})
    return Marginal(name, *nulls, (), None, None, _moves(before, after))


def carry(rows: pd.Series, change: Marginal, rng: np.random.Generator, nulls: np.ndarray | None = None) -> pd.Series:
    """``rows`` with ``change`` applied; the same index, and the same dtype where the new values fit it.

    Nulls are spread at random, where ``nulls`` (n,), uniform between 0 and 1, is smallest if it is given; a value that
    newly dominates takes its excess share at random; categories move with the least mass transport (a renamed one as a
    whole); other numbers are mapped quantile to quantile, so that order holds.
    """
    n = len(rows)
    missing = rows.isna().to_numpy()
    if is_number(rows):
        floats = as_floats(rows)
        values: np.ndarray = floats if change.before is None else _carry_numbers(floats, change, rng)
    else:
        values = rows.astype(object).to_numpy(dtype=object, copy=True)
        positions, labels = as_labels(rows)
        for i, label in enumerate(labels):
            if label in change.moves:
                leaving, targets, odds = change.moves[label]
                at = np.flatnonzero((positions == i) & (rng.random(n) < leaving))
                values[at] = np.fromiter(targets, object)[rng.choice(len(targets), size=len(at), p=odds)]
    if change.null_after > change.null_before:
        rise = (change.null_after - change.null_before) / max(1 - change.null_before, 1e-12)
        values[~missing & ((rng.random(n) if nulls is None else nulls) < rise)] = (
            np.nan if values.dtype != object else None
        )
    elif change.null_after < change.null_before and missing.any() and not missing.all():
        filled = missing & (rng.random(n) < 1 - change.null_after / change.null_before)
        values[filled] = rng.choice(values[~missing], size=int(filled.sum()))
    return _as_before(values, rows)


def _as_before(values: np.ndarray, rows: pd.Series) -> pd.Series:
    """``values`` in the dtype of ``rows`` where they fit it: models check the types of their inputs."""
    series = pd.Series(values, index=rows.index, name=rows.name, dtype=values.dtype)
    if isinstance(rows.dtype, pd.CategoricalDtype):
        known = rows.dtype.categories
        fresh = pd.Index(series.dropna().unique()).difference(known, sort=False)
        return series.astype(pd.CategoricalDtype(known.append(fresh), ordered=rows.dtype.ordered))
    if pd.api.types.is_integer_dtype(rows.dtype) or pd.api.types.is_bool_dtype(rows.dtype):
        whole = not series.isna().any() and bool((series == series.round()).all() if values.dtype != object else True)
        return series.astype(rows.dtype) if whole else series
    if isinstance(rows.dtype, pd.StringDtype) and not all(isinstance(value, str) for value in series.dropna()):
        return series
    return series.astype(rows.dtype)


def shuffle(rows: pd.Series, rng: np.random.Generator, share: float = 1.0) -> pd.Series:
    """``rows`` with a ``share`` of them, taken at random, in another order: the same marginal, and no dependence on
    labels or other features in those."""
    order = np.arange(len(rows))
    moved = np.flatnonzero(rng.random(len(rows)) < share)
    order[moved] = rng.permutation(moved)
    return pd.Series(rows.array.take(order), index=rows.index, name=rows.name)


def _numbers(
    before: np.ndarray, after: np.ndarray
) -> tuple[tuple[tuple[float, float], ...], np.ndarray | None, np.ndarray | None]:
    before, after = before[~np.isnan(before)], after[~np.isnan(after)]
    if not len(before) or not len(after):
        return (), None, None
    distinct, counts = np.unique(after, return_counts=True)
    often = counts >= MIN_ATOM_SHARE * len(after)
    usual, usual_counts = np.unique(before, return_counts=True)
    atoms = []
    for value, count in zip(distinct[often], counts[often], strict=True):
        place = np.searchsorted(usual, value)
        old = usual_counts[place] / len(before) if place < len(usual) and usual[place] == value else 0.0
        # Where values are few, a share that grew is part of an ordinary shift: the quantile map moves it in order.
        if count / len(after) - old > max(MIN_ATOM_GROWTH, 2 * old) and len(usual) > 20:
            atoms.append((float(value), float(count / len(after) - old)))
    if sum(growth for _, growth in atoms) > 0.95:
        return tuple(atoms), np.quantile(before, GRID), None
    rest = after
    for value, growth in atoms:
        here = np.flatnonzero(rest == value)
        rest = np.delete(rest, here[: round(growth * len(after))])
    if not len(rest) or _same(np.sort(before), np.sort(rest)):
        return tuple(atoms), np.quantile(before, GRID), None
    return tuple(atoms), np.quantile(before, GRID), np.quantile(rest, GRID)


def _same(before: np.ndarray, rest: np.ndarray) -> bool:
    """Whether two sorted samples are the same by Kolmogorov and Smirnov at 5%: sampling noise is no change to carry."""
    points = np.concatenate([before, rest])
    gap = np.searchsorted(before, points, "right") / len(before) - np.searchsorted(rest, points, "right") / len(rest)
    return bool(np.abs(gap).max() < 1.36 * np.sqrt(1 / len(before) + 1 / len(rest)))


def _carry_numbers(values: np.ndarray, change: Marginal, rng: np.random.Generator) -> np.ndarray:
    assert change.before is not None
    result = values.copy()
    present = ~np.isnan(values)
    if change.after is not None and not np.allclose(change.before, change.after, rtol=1e-9, atol=0):
        held = values[present]
        # Ties (a value that fills several quantiles) are spread over their quantiles, so an unmoved value stays put.
        low = np.searchsorted(change.before, held, side="left")
        high = np.maximum(np.searchsorted(change.before, held, side="right") - 1, low)
        tied = high > low
        between = np.interp(held, change.before, np.arange(len(GRID)))
        place = np.where(tied, low + rng.random(len(held)) * (high - low), between)
        if _whole(change.before) and _whole(change.after):
            mapped = change.after[np.round(place).astype(np.int64)]
        else:
            mapped = np.interp(place, np.arange(len(GRID)), change.after)
        # Beyond the baseline's ends the map goes on with the same step.
        over, under = held > change.before[-1], held < change.before[0]
        mapped[over] += held[over] - change.before[-1]
        mapped[under] += held[under] - change.before[0]
        result[present] = mapped
    if change.atoms:
        growth = np.array([share for _, share in change.atoms])
        chosen = rng.random(len(values)) < growth.sum()
        drawn = rng.choice([value for value, _ in change.atoms], size=len(values), p=growth / growth.sum())
        result = np.where(present & chosen, drawn, result)
    return result


def _whole(values: np.ndarray) -> bool:
    """Whether these quantiles are of whole numbers (interpolation between neighbours may leave a few that are not)."""
    return bool(np.mean(values == np.round(values)) > 0.9)


def _moves(before: pd.Series, after: pd.Series) -> dict[str, tuple[float, tuple[object, ...], np.ndarray]]:
    """For each category that lost mass: the probability of leaving it, and where to."""
    old, new = _shares(before), _shares(after)
    lost = {label: share - new.get(label, (0.0, None))[0] for label, (share, _) in old.items()}
    lost = {label: loss for label, loss in lost.items() if loss > 1e-12}
    gained = {label: share - old.get(label, (0.0, None))[0] for label, (share, _) in new.items()}
    gained = {label: gain for label, gain in gained.items() if gain > 1e-12}
    flows: dict[str, dict[str, float]] = {label: {} for label in lost}
    for renamed in explain_new_categories(before, after):
        if renamed.old in lost and renamed.new in gained:
            mass = min(lost[renamed.old], gained[renamed.new])
            flows[renamed.old][renamed.new] = mass
            lost[renamed.old] -= mass
            gained[renamed.new] -= mass
    total = sum(gained.values())
    moves = {}
    for label, targets in flows.items():
        if total > 1e-12:
            for target, gain in gained.items():
                targets[target] = targets.get(target, 0.0) + lost[label] * gain / total
        mass = sum(targets.values())
        if mass > 1e-12:
            values = tuple(new[target][1] for target in targets)
            leaving = min(1.0, mass / old[label][0])
            moves[label] = (leaving, values, np.array(list(targets.values())) / mass)
    return moves


def _shares(values: pd.Series) -> dict[str, tuple[float, object]]:
    """Share of the non-null rows, and the value itself, of each label."""
    positions, labels = as_labels(values)
    present = positions >= 0
    counts = np.bincount(positions[present], minlength=len(labels)) / max(int(present.sum()), 1)
    first = np.zeros(len(labels), dtype=np.int64)
    first[positions[present][::-1]] = np.flatnonzero(present)[::-1]
    return {label: (float(counts[i]), values.iloc[first[i]]) for i, label in enumerate(labels)}
