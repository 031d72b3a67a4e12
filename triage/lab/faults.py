"""Faults to plant in a frame of served rows, each with the truth of what was planted.

Every fault is a pure function of (rows, generator): it returns a new frame and leaves the given one alone. ``severity``
is the share of rows that are touched, unless a function says otherwise. The scores in a frame are those of the rows
before the fault; whoever plants a fault in a model's inputs scores the rows again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
import pandas as pd

from triage.errors import UsageError
from triage.incident import CauseKind

Predict = Callable[[pd.DataFrame], np.ndarray]


@dataclass(frozen=True, slots=True)
class Truth:
    """What was planted: the right answer of a diagnosis. ``share`` is the part of rows that were touched.

    ``fault`` is the function's name, ``subject`` the guilty feature or segment ("" where there is none).
    """

    kind: CauseKind
    fault: str
    subject: str
    share: float
    harmless: bool = False
    details: Mapping[str, str | float] = field(default_factory=dict)


Planted = tuple[pd.DataFrame, Truth]


def null_flood(rows: pd.DataFrame, rng: np.random.Generator, feature: str, severity: float = 0.5) -> Planted:
    """``feature`` arrives as null."""
    hit = _some(rows, rng, severity)
    column = _column(rows, feature)
    return _with(rows, feature, _nullable(column).mask(hit)), _quality("null_flood", feature, hit)


def stuck_value(
    rows: pd.DataFrame, rng: np.random.Generator, feature: str, severity: float = 1.0, value: object = None
) -> Planted:
    """``feature`` reports one value: ``value``, or one that it had somewhere in these rows."""
    hit = _some(rows, rng, severity)
    column = _column(rows, feature)
    if value is None:
        known = column.dropna()
        if known.empty:
            raise UsageError(
                f"'{feature}' holds no value to be stuck at", hint="choose another feature, or give a value"
            )
        value = known.iloc[int(rng.integers(len(known)))]
    return _with(rows, feature, _put(column, hit, value)), _quality("stuck_value", feature, hit, value=str(value))


def unit_change(
    rows: pd.DataFrame, rng: np.random.Generator, feature: str, severity: float = 1.0, factor: float = 1.609344
) -> Planted:
    """``feature`` arrives in another unit: times ``factor``."""
    hit = _some(rows, rng, severity)
    column = _numeric(rows, feature)
    return _with(rows, feature, column.mask(hit, column * factor)), _quality("unit_change", feature, hit, factor=factor)


def category_rename(
    rows: pd.DataFrame, rng: np.random.Generator, feature: str, severity: float = 1.0, suffix: str = "_v2"
) -> Planted:
    """The commonest values of ``feature``, until they make up ``severity`` of the rows, get another spelling."""
    column = _text(rows, feature)
    shares = column.value_counts(normalize=True)
    renamed = shares.index[(shares.cumsum() - shares) < severity]
    hit = column.isin(renamed).to_numpy()
    return _with(rows, feature, column.mask(hit, column + suffix)), _quality("category_rename", feature, hit)


def case_change(rows: pd.DataFrame, rng: np.random.Generator, feature: str, severity: float = 1.0) -> Planted:
    """``feature`` arrives with its letters' case turned over."""
    column = _text(rows, feature)
    turned = column.str.swapcase()
    hit = _some(rows, rng, severity) & (turned != column).to_numpy(dtype=bool, na_value=False)
    return _with(rows, feature, column.mask(hit, turned)), _quality("case_change", feature, hit)


def location_campaign(
    rows: pd.DataFrame, rng: np.random.Generator, feature: str, value: object, severity: float = 0.3
) -> Planted:
    """The population moves: rows with ``value`` become ``severity`` of all, by drawing whole rows again.

    Whole rows move, so the other features and the label move with them as they do in life: covariate drift.
    """
    within = (_column(rows, feature) == value).to_numpy(dtype=bool, na_value=False)
    if not within.any() or within.all():
        raise UsageError(f"no shift can be drawn: '{feature}' is {value!r} in all rows or none", hint="choose a value")
    wanted = round(severity * len(rows))
    picked = np.r_[rng.choice(np.flatnonzero(within), wanted), rng.choice(np.flatnonzero(~within), len(rows) - wanted)]
    moved = rows.iloc[np.sort(picked)].reset_index(drop=True)
    details: dict[str, str | float] = {"value": str(value), "share_before": float(within.mean())}
    return moved, Truth(CauseKind.FEATURE_DRIFT, "location_campaign", feature, severity, details=details)


def concept_flip(
    rows: pd.DataFrame,
    rng: np.random.Generator,
    label: str,
    severity: float = 0.3,
    segment: str = "",
    value: object = None,
) -> Planted:
    """P(y|x) changes: labels are drawn against what they were, everywhere or where ``segment`` is ``value`` only."""
    hit = _some(rows, rng, severity)
    if segment:
        hit &= (_column(rows, segment) == value).to_numpy(dtype=bool, na_value=False)
    truth = Truth(CauseKind.CONCEPT_DRIFT, "concept_flip", segment, _share(hit), details={"value": str(value)})
    return _with(rows, label, _opposite(_column(rows, label), hit)), truth


def bad_model_version(
    rows: pd.DataFrame,
    rng: np.random.Generator,
    score: str,
    predict: Predict,
    version_column: str = "",
    version: str = "",
    severity: float = 1.0,
) -> Planted:
    """Another version answers: ``score`` becomes what ``predict`` says of the same rows."""
    hit = _some(rows, rng, severity)
    served = _with(rows, score, _put(_column(rows, score), hit, predict(rows)[hit]))
    if version_column:
        served = _with(served, version_column, _put(_column(rows, version_column), hit, version))
    return served, Truth(CauseKind.BAD_DEPLOY, "bad_model_version", version, _share(hit))


def serving_skew(
    rows: pd.DataFrame, rng: np.random.Generator, features: Sequence[str], severity: float = 1.0, rows_late: int = 5
) -> Planted:
    """``features`` are served from ``rows_late`` rows before: stale, with margins that stay what they were."""
    hit = _some(rows, rng, severity)
    served = rows
    for feature in features:
        column = _column(rows, feature)
        served = _with(served, feature, column.mask(hit, column.shift(rows_late).fillna(column)))
    return served, Truth(CauseKind.SERVING_SKEW, "serving_skew", ",".join(features), _share(hit))


def label_delay(
    labels: pd.DataFrame,
    rng: np.random.Generator,
    time: str,
    severity: float = 1.0,
    delay: timedelta = timedelta(days=1),
) -> Planted:
    """Labels arrive later: ``time`` moves by ``delay``."""
    hit = _some(labels, rng, severity)
    column = _column(labels, time)
    late = _with(labels, time, column.mask(hit, column + delay))
    return late, Truth(
        CauseKind.LABEL_FAULT, "label_delay", time, _share(hit), details={"seconds": delay.total_seconds()}
    )


def label_flip(labels: pd.DataFrame, rng: np.random.Generator, label: str, severity: float = 0.3) -> Planted:
    """Labels are written wrong: the world is as it was, its record is not."""
    hit = _some(labels, rng, severity)
    truth = Truth(CauseKind.LABEL_FAULT, "label_flip", label, _share(hit))
    return _with(labels, label, _opposite(_column(labels, label), hit)), truth


def swapped_columns(
    rows: pd.DataFrame, rng: np.random.Generator, first: str, second: str, severity: float = 1.0
) -> Planted:
    """``first`` holds ``second``'s values and the other way round."""
    hit = _some(rows, rng, severity)
    one, other = _column(rows, first), _column(rows, second)
    if (one.dtype.kind in "biuf") != (other.dtype.kind in "biuf"):
        raise UsageError(f"'{first}' and '{second}' are of different kinds", hint="swap two of the same kind")
    swapped = _with(_with(rows, first, one.mask(hit, other)), second, other.mask(hit, one))
    return swapped, _quality("swapped_columns", f"{first},{second}", hit)


def shuffled_join(rows: pd.DataFrame, rng: np.random.Generator, feature: str, severity: float = 1.0) -> Planted:
    """``feature`` is joined to the wrong rows: its margin stays, its dependence on everything else goes."""
    hit = np.flatnonzero(_some(rows, rng, severity))
    column = _column(rows, feature)
    order = np.arange(len(rows))
    order[hit] = rng.permutation(hit)
    shuffled = column.iloc[order].set_axis(column.index)
    truth = Truth(CauseKind.DATA_QUALITY, "shuffled_join", feature, len(hit) / max(len(rows), 1))
    return _with(rows, feature, shuffled), truth


def traffic_drop(rows: pd.DataFrame, rng: np.random.Generator, severity: float = 0.5) -> Planted:
    """Rows are missing, whichever they are."""
    hit = _some(rows, rng, severity)
    return rows[~hit].reset_index(drop=True), Truth(CauseKind.INFRASTRUCTURE, "traffic_drop", "", _share(hit))


def harmless_season(rows: pd.DataFrame, rng: np.random.Generator, feature: str, severity: float = 1.0) -> Planted:
    """``feature`` moves by ``severity`` of its standard deviations, as a season would move it.

    Harmless only where the model and the outcome don't depend on ``feature``: the caller chooses one of those.
    """
    column = _numeric(rows, feature)
    jitter = rng.normal(1.0, 0.1, len(rows))
    moved = column + severity * float(column.std()) * jitter
    return _with(rows, feature, moved), Truth(CauseKind.SEASONAL, "harmless_season", feature, 1.0, harmless=True)


def _some(rows: pd.DataFrame, rng: np.random.Generator, severity: float) -> np.ndarray:
    """Which rows are hit, (n,) bool."""
    if not 0 <= severity <= 1:
        raise UsageError(f"a severity of {severity} is no share of rows", hint="give a number from 0 to 1")
    return rng.random(len(rows)) < severity


def _column(rows: pd.DataFrame, name: str) -> pd.Series:
    if name not in rows:
        raise UsageError(f"the rows have no column '{name}'", hint=f"columns: {', '.join(map(str, rows.columns[:30]))}")
    return rows[name]


def _numeric(rows: pd.DataFrame, name: str) -> pd.Series:
    column = _column(rows, name)
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        raise UsageError(f"'{name}' is not numeric", hint="choose a numeric feature")
    return column.astype(float)


def _text(rows: pd.DataFrame, name: str) -> pd.Series:
    column = _column(rows, name)
    if pd.api.types.is_numeric_dtype(column):
        raise UsageError(f"'{name}' is not categorical", hint="choose a categorical feature")
    return column.astype("str")


def _nullable(column: pd.Series) -> pd.Series:
    """``column`` in a type that can hold null."""
    if pd.api.types.is_bool_dtype(column):
        return column.astype("boolean")
    return column.astype(float) if pd.api.types.is_numeric_dtype(column) else column


def _put(column: pd.Series, hit: np.ndarray, value: object) -> pd.Series:
    changed = column.copy()
    changed[hit] = value
    return changed


def _opposite(label: pd.Series, hit: np.ndarray) -> pd.Series:
    """``label`` (0/1 or bool, nulls stay) turned over where ``hit``."""
    if pd.api.types.is_bool_dtype(label):
        return label ^ hit
    return label.mask(hit, 1 - label)


def _with(rows: pd.DataFrame, name: str, column: pd.Series) -> pd.DataFrame:
    return rows.assign(**{name: column})


def _share(hit: np.ndarray) -> float:
    return float(hit.mean()) if len(hit) else 0.0


def _quality(fault: str, subject: str, hit: np.ndarray, **details: str | float) -> Truth:
    return Truth(CauseKind.DATA_QUALITY, fault, subject, _share(hit), details=details)
