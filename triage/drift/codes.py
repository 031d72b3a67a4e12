"""A feature as small whole numbers: null, never seen, other, and then quantile bins or categories of the baseline.

Everything that compares joint shares (reweighting, segments, slices) works on these codes: they make numbers, text,
booleans and times alike, and bound the cost of a feature with 10,000 categories.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

NULL, UNSEEN, OTHER, FIRST = 0, 1, 2, 3
BEYOND_SHARE_OF_SPAN = 0.1


@dataclass(frozen=True, slots=True)
class Coding:
    """How one feature is coded: ``edges`` are inner bin edges (numbers), ``labels`` the categories kept (all else).

    For numbers ``low`` and ``high`` bound what counts as seen: the baseline's span and a tenth of it on either side.
    """

    feature: str
    edges: np.ndarray | None
    labels: tuple[str, ...] | None
    known: frozenset[str]
    low: float
    high: float

    @property
    def size(self) -> int:
        """How many codes there are, the reserved three included."""
        return FIRST + (len(self.edges) + 1 if self.edges is not None else len(self.labels or ()))

    def name(self, code: int) -> str:
        """What ``code`` stands for, in words a report can use."""
        if code < FIRST:
            return ("null", "never seen before", "other")[code]
        if self.edges is None:
            return (self.labels or ())[code - FIRST]
        bounds = [self.low, *self.edges, self.high]
        first, last = code == FIRST, code == self.size - 1
        if first and last:
            return "any value"
        if first:
            return f"< {bounds[1]:.4g}"
        return f"≥ {bounds[-2]:.4g}" if last else f"{bounds[code - FIRST]:.4g} to {bounds[code - FIRST + 1]:.4g}"


def is_number(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype)


def as_floats(values: pd.Series) -> np.ndarray:
    """Float64 of shape (n,), with NaN for nulls and for infinities. Times become seconds."""
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        seconds = values.astype("int64").to_numpy() / {"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}[values.dt.unit]
        return np.where(values.isna().to_numpy(), np.nan, seconds)
    floats = values.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.isfinite(floats), floats, np.nan)


def as_labels(values: pd.Series) -> tuple[np.ndarray, list[str]]:
    """Positions of shape (n,), −1 for null, into the list of distinct values as text; whole floats read as integers."""
    try:
        positions, distinct = pd.factorize(values, use_na_sentinel=True)
    except TypeError:  # values that can't be hashed, such as lists
        positions, distinct = pd.factorize(values.astype(str), use_na_sentinel=True)
    texts = [str(int(v)) if isinstance(v, (float, np.floating)) and float(v).is_integer() else str(v) for v in distinct]
    if len(set(texts)) == len(texts):
        return positions, texts
    merged, kept = pd.factorize(np.asarray(texts, dtype=object))
    return np.where(positions < 0, -1, merged[positions]), [str(text) for text in kept]


def fit_coding(
    baseline: pd.Series, *, bins: int = 20, max_categories: int = 200, window: pd.Series | None = None
) -> Coding:
    """Fit on the baseline alone, so that codes of any later window mean the same.

    With ``window``, the categories kept are those that are common in either, so that one which was rare in the baseline
    and grew is not lost among the others.
    """
    name = str(baseline.name)
    if is_number(baseline) or pd.api.types.is_datetime64_any_dtype(baseline.dtype):
        floats = as_floats(baseline)
        floats = floats[~np.isnan(floats)]
        if not len(floats):
            return Coding(name, np.empty(0), None, frozenset(), -np.inf, np.inf)
        edges = np.unique(np.quantile(floats, np.linspace(0, 1, bins + 1)[1:-1]))
        low, high = float(floats.min()), float(floats.max())
        margin = BEYOND_SHARE_OF_SPAN * (high - low) or max(abs(high), 1.0) * 1e-9
        return Coding(name, edges[edges > low], None, frozenset(), low - margin, high + margin)
    positions, texts = as_labels(baseline)
    counts = np.bincount(positions[positions >= 0], minlength=len(texts))
    common = counts / max(counts.sum(), 1)
    if window is not None:
        found = window.dropna().astype(str).value_counts(normalize=True)
        common = np.maximum(common, found.reindex(texts, fill_value=0.0).to_numpy())
    order = np.argsort(-common, kind="stable")[:max_categories]
    return Coding(name, None, tuple(texts[i] for i in order), frozenset(texts), np.nan, np.nan)


def encode(coding: Coding, values: pd.Series) -> np.ndarray:
    """Codes of shape (n,), int64, in ``range(coding.size)``. A value of the wrong type is one never seen before."""
    if coding.edges is not None:
        if not (is_number(values) or pd.api.types.is_datetime64_any_dtype(values.dtype)):
            values = pd.to_numeric(values, errors="coerce").where(values.notna(), np.nan)
        floats = as_floats(values)
        codes = FIRST + np.searchsorted(coding.edges, floats, side="right")
        codes[(floats < coding.low) | (floats > coding.high)] = UNSEEN
        codes[np.isnan(floats)] = NULL
        return codes.astype(np.int64)
    positions, texts = as_labels(values)
    place = {label: FIRST + i for i, label in enumerate(coding.labels or ())}
    table = np.array([place.get(text, OTHER if text in coding.known else UNSEEN) for text in texts] + [NULL])
    return table[positions].astype(np.int64)


def evenly(frame: pd.DataFrame, max_rows: int) -> pd.DataFrame:
    """At most ``max_rows`` rows, evenly spaced in the order given: always the same rows, from all of the window."""
    if len(frame) <= max_rows:
        return frame
    return frame.iloc[np.linspace(0, len(frame) - 1, max_rows).astype(np.int64)]
