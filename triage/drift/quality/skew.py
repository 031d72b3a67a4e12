"""Training-serving skew: the rows that were served, beside what the pipeline recomputes for the same entity and time.

A join, not a distribution: rows can all be wrong while every marginal looks as always. Where rows differ it says how:
an affine relation, a copy of another column, another hour's values; since when; and for which upstream sources.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from triage.drift.codes import as_floats, evenly, is_number
from triage.drift.episode import find_episode
from triage.drift.quality.relation import Relation, find_affine, find_copy
from triage.errors import Unmeasurable
from triage.incident import Unmeasured

MIN_MATCHED = 30
MAX_ROWS, MAX_LAG_ROWS, MAX_LAG_STEPS = 100_000, 4000, 26
EQUAL_SHARE = 0.98
LAG_GAIN = 0.2
FILLED_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class FeatureParity:
    """``equal`` is the share of matched rows that agree (within tolerance, or both null).

    ``only_served_null`` and ``only_reference_null`` are shares where one side alone is null; ``gap`` is the median
    absolute difference of numbers that differ; ``relation`` what the served value is instead, if that was found, and
    ``filler`` the one value that nearly all rows hold that differ, a default most likely.
    """

    feature: str
    source: str
    equal: float
    compared: int
    only_served_null: float
    only_reference_null: float
    gap: float | None
    relation: Relation | None
    filler: str | None
    onset: datetime | None
    until: datetime | None
    onset_in_window: bool

    @property
    def skewed(self) -> bool:
        return self.equal < EQUAL_SHARE


@dataclass(frozen=True, slots=True)
class SourceParity:
    """All features of one source together. ``equal`` is the share of rows in which every one of them agrees.

    ``lag`` says that the served rows agree better (in ``lag_equal`` of values, over ``equal_values`` without) with the
    reference this much earlier (negative) or later than their own time.
    """

    source: str
    skewed: tuple[str, ...]
    features: int
    equal: float
    equal_values: float
    lag: timedelta | None
    lag_equal: float | None
    onset: datetime | None


@dataclass(frozen=True, slots=True)
class Skew:
    """``matched`` of ``served`` rows found their entity and time in the reference, by the keys ``on``."""

    served: int
    matched: int
    features: tuple[FeatureParity, ...]
    sources: tuple[SourceParity, ...]
    unmeasured: tuple[Unmeasured, ...]

    @property
    def skewed(self) -> tuple[FeatureParity, ...]:
        return tuple(feature for feature in self.features if feature.skewed)


def row_parity(
    served: pd.DataFrame,
    reference: pd.DataFrame,
    features: Sequence[str],
    rng: np.random.Generator,
    *,
    on: Sequence[str],
    time: str | None = None,
    sources: Mapping[str, str] | None = None,
    tolerance: float = 1e-4,
) -> Skew:
    """Join on the keys ``on`` (entity and time, in both frames) and compare every feature, row by row.

    Numbers are equal within ``tolerance``, relative or absolute. ``time`` names the served event time, for the onset;
    if it is among ``on``, values of other times are tried too (up to 26 of the reference's own steps either way). Keys
    that the reference holds more than once are left out. Raises Unmeasurable with fewer than 30 matched rows.
    """
    sources = sources or {}
    unmeasured: list[Unmeasured] = []
    keys = list(on)
    present = [name for name in features if name in served and name in reference and name not in keys]
    absent = [name for name in features if name not in present and name not in keys]
    unmeasured.extend(
        Unmeasured(name, "not in both the served and the reference rows", "recompute it in the reference dataset")
        for name in absent
    )
    table = reference[[*keys, *present]].dropna(subset=keys)
    repeated = table.duplicated(keys, keep=False)
    if repeated.any():
        reason = f"{int(repeated.sum())} reference rows share their key with another and were left out"
        unmeasured.append(Unmeasured("row parity", reason, "join on a key that is unique"))
        table = table[~repeated]
    columns = list(dict.fromkeys([*keys, *present, *([time] if time else [])]))
    rows = evenly(served[columns], MAX_ROWS).reset_index(drop=True)
    place = _match(rows, table, keys)
    found = np.flatnonzero(place >= 0)
    if len(found) < MIN_MATCHED or not present:
        raise Unmeasurable(
            f"{len(found)} of {len(rows)} served rows have a reference row with the same {', '.join(keys)}",
            hint="check that both datasets name the same keys, in the same type and time zone",
        )
    ours, theirs = rows.iloc[found].reset_index(drop=True), table.iloc[place[found]].reset_index(drop=True)
    equal = {name: _equal(ours[name], theirs[name], tolerance) for name in present}
    times = ours[time] if time else None
    parity = [_parity(name, ours, theirs, equal, sources, times, rng) for name in present]
    groups: dict[str, list[FeatureParity]] = {}
    for item in parity:
        groups.setdefault(item.source or item.feature, []).append(item)
    by_source = []
    for source, members in groups.items():
        names = [member.feature for member in members]
        lag, lag_equal = None, None
        values = float(np.mean([equal[name].mean() for name in names]))
        if time is not None and time in keys and any(member.skewed for member in members):
            lag, lag_equal = _lag(rows, table, keys, time, names, values, tolerance)
        every = np.logical_and.reduce([equal[name] for name in names])
        onsets = [member.onset for member in members if member.skewed and member.onset is not None]
        skewed = tuple(member.feature for member in members if member.skewed)
        by_source.append(
            SourceParity(
                source, skewed, len(names), float(every.mean()), values, lag, lag_equal, min(onsets, default=None)
            )
        )
    return Skew(
        len(rows),
        len(found),
        tuple(sorted(parity, key=lambda item: item.equal)),
        tuple(sorted(by_source, key=lambda item: (-len(item.skewed), item.equal))),
        tuple(unmeasured),
    )


def _match(rows: pd.DataFrame, table: pd.DataFrame, keys: list[str]) -> np.ndarray:
    """For each row the position of its key in ``table``, −1 where there is none."""
    positions = table[keys].astype(_plain(table, keys)).assign(**{"\0at": np.arange(len(table))})
    try:
        merged = rows[keys].astype(_plain(rows, keys)).merge(positions, on=keys, how="left")
    except (ValueError, TypeError) as error:
        raise Unmeasurable(
            f"served and reference rows can't be joined on {', '.join(keys)} ({error})", hint="give keys the same type"
        ) from error
    return merged["\0at"].fillna(-1).to_numpy(dtype=np.int64)


def _plain(frame: pd.DataFrame, keys: list[str]) -> dict[str, str]:
    """Categories joined as what they stand for: two categoricals with other categories don't merge well."""
    return {key: "object" for key in keys if isinstance(frame[key].dtype, pd.CategoricalDtype)}


def _equal(ours: pd.Series, theirs: pd.Series, tolerance: float) -> np.ndarray:
    null, other = ours.isna().to_numpy(), theirs.isna().to_numpy()
    if is_number(ours) and is_number(theirs):
        same = np.isclose(as_floats(ours), as_floats(theirs), rtol=tolerance, atol=tolerance)
    else:
        same = ours.astype(str).to_numpy() == theirs.astype(str).to_numpy()
    result: np.ndarray = (same & ~null & ~other) | (null & other)
    return result


def _parity(
    name: str,
    ours: pd.DataFrame,
    theirs: pd.DataFrame,
    agrees: Mapping[str, np.ndarray],
    sources: Mapping[str, str],
    times: pd.Series | None,
    rng: np.random.Generator,
) -> FeatureParity:
    equal = agrees[name]
    null, other = ours[name].isna().to_numpy(), theirs[name].isna().to_numpy()
    share = float(equal.mean())
    gap = relation = None
    filler = _filler(ours[name][~equal]) if share < EQUAL_SHARE else None
    if is_number(ours[name]) and is_number(theirs[name]):
        apart = ~equal & ~null & ~other
        x, y = as_floats(theirs[name]), as_floats(ours[name])
        gap = float(np.median(np.abs(y - x)[apart])) if apart.any() else None
        if share < EQUAL_SHARE:
            relation = find_affine(x[apart], y[apart], rng)
            if relation is None:
                near = sorted(map(str, ours), key=lambda other: sources.get(other, "") != sources.get(name, ""))
                relation = find_copy(name, near, ours, theirs, rng)
    if relation is not None and filler is not None:
        # Two defaults are multiples of one another; a column that is served right is what it looks like.
        filler, relation = (None, relation) if _right(relation.of, agrees) else (filler, None)
    episode = find_episode(~equal, 1 - EQUAL_SHARE, times) if share < EQUAL_SHARE else None
    return FeatureParity(
        feature=name,
        source=sources.get(name, ""),
        equal=share,
        compared=len(equal),
        only_served_null=float((null & ~other).mean()),
        only_reference_null=float((other & ~null).mean()),
        gap=gap,
        relation=relation,
        filler=filler,
        onset=episode.onset if episode else None,
        until=episode.until if episode else None,
        onset_in_window=episode is not None and not episode.from_first_row,
    )


def _right(feature: str, agrees: Mapping[str, np.ndarray]) -> bool:
    """Whether ``feature`` is served as computed; that is also said of no feature, and of one that can't be compared."""
    return feature not in agrees or float(agrees[feature].mean()) >= EQUAL_SHARE


def _filler(wrong: pd.Series) -> str | None:
    """The value that at least nine in ten of ``wrong`` hold, where there are enough of them to tell; never null."""
    held = wrong.dropna().astype(str).value_counts()
    if len(wrong) < MIN_MATCHED or held.empty:
        return None
    return str(held.index[0]) if held.iloc[0] >= FILLED_SHARE * len(wrong) else None


def _lag(
    rows: pd.DataFrame, table: pd.DataFrame, keys: list[str], time: str, names: list[str], now: float, tolerance: float
) -> tuple[timedelta | None, float | None]:
    """The shift of the reference's time at which values agree best, if that is clearly better than none."""
    moments = np.unique(table[time].dropna().to_numpy())
    if len(moments) < 3 or not np.issubdtype(moments.dtype, np.datetime64):
        return None, None
    step = pd.Timedelta(np.median(np.diff(moments)))
    sample = evenly(rows, MAX_LAG_ROWS)
    best, best_share = None, now + LAG_GAIN
    for k in (sign * size for size in range(1, MAX_LAG_STEPS + 1) for sign in (-1, 1)):
        place = _match(sample.assign(**{time: sample[time] + k * step}), table, keys)
        found = np.flatnonzero(place >= 0)
        if len(found) < len(sample) / 2:
            continue
        ours, theirs = sample.iloc[found], table.iloc[place[found]]
        share = float(np.mean([_equal(ours[name], theirs[name], tolerance).mean() for name in names]))
        if share > best_share:
            best, best_share = (k * step).to_pytimedelta(), share
    return best, best_share if best is not None else None
