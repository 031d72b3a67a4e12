"""Which segments lost most: a beam search over one and two features, with the number of segments tried accounted
for."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy

from triage.drift.codes import Coding, encode, evenly, fit_coding

BEAM = 12
MIN_ROWS = 30
MAX_ROWS, MAX_FEATURES = 50_000, 300
SIGNIFICANT = 0.01


@dataclass(frozen=True, slots=True)
class Slice:
    """A segment: ``where`` holds (feature, value in words). ``before`` and ``after`` are mean loss in the two windows.

    ``change`` is their difference, ``rest_change`` the same for all other rows; ``z`` is of the difference of the two,
    and ``p_value`` is Bonferroni-corrected for every segment tried. ``share_of_drop`` is how much of the whole window's
    change happened inside, at the segment's current size; None when the whole did not get worse.
    """

    where: tuple[tuple[str, str], ...]
    rows_baseline: int
    rows_current: int
    before: float
    after: float
    change: float
    rest_change: float
    z: float
    p_value: float
    share_of_drop: float | None

    def __str__(self) -> str:
        return " and ".join(
            f"{feature} {value}" if value.startswith(("<", "≥")) else f"{feature} = {value}"
            for feature, value in self.where
        )


@dataclass(frozen=True, slots=True)
class SliceSearch:
    """``worst`` are the significant segments, strongest first, none of which merely repeats one before it."""

    worst: tuple[Slice, ...]
    tried: int
    total_change: float
    features_left_out: int


@dataclass(frozen=True, slots=True)
class _Window:
    codes: list[np.ndarray]
    loss: np.ndarray

    def moments(self, feature: int, size: int) -> np.ndarray:
        """Count, sum and sum of squares of the loss per code of ``feature``, shape (3, size)."""
        return _moments(self.codes[feature], self.loss, size)

    def parted(self, feature: int, code: int) -> tuple["_Window", np.ndarray]:
        """The rows with ``code``, and the moments of all others, shape (3, 1)."""
        inside = self.codes[feature] == code
        rows = np.flatnonzero(inside)
        return _Window([codes[rows] for codes in self.codes], self.loss[rows]), _moments(inside, self.loss, 2)[:, :1]


def _moments(codes: np.ndarray, loss: np.ndarray, size: int) -> np.ndarray:
    return np.stack(
        [
            np.bincount(codes, minlength=size),
            np.bincount(codes, loss, minlength=size),
            np.bincount(codes, loss**2, minlength=size),
        ]
    )


def worst_slices(
    baseline: pd.DataFrame,
    baseline_loss: np.ndarray,
    current: pd.DataFrame,
    current_loss: np.ndarray,
    features: Sequence[str],
    *,
    most: int = 5,
    design_effect: float = 1.0,
    either_way: bool = False,
) -> SliceSearch:
    """Segments whose loss (n,) and (m,) grew more than everyone else's; NaN losses (no label) are left out.

    With ``either_way`` and residuals (label minus score) for losses, it finds where P(y|x) changed. At most 300
    features and 50,000 evenly spaced rows are read; numbers are cut in 6 quantile bins, categories in their 30 most
    frequent of either window. Variances are those had nothing changed, of both windows together (a score test), times
    ``design_effect`` where rows are clustered. Segments need 30 rows in both windows.
    """
    names = [name for name in features if name in baseline and name in current]
    used = names[:MAX_FEATURES]
    before, now = _labelled(baseline, baseline_loss), _labelled(current, current_loss)
    total = float(now["\0loss"].mean() - before["\0loss"].mean()) if len(before) and len(now) else float("nan")
    if min(len(before), len(now)) < 2 * MIN_ROWS:
        return SliceSearch((), 0, total, len(names))
    codings = [fit_coding(before[name], bins=6, max_categories=30, window=now[name]) for name in used]
    old, new = (
        _Window([encode(c, frame[c.feature]) for c in codings], frame["\0loss"].to_numpy()) for frame in (before, now)
    )
    found: list[tuple[float, tuple[tuple[int, int], ...], np.ndarray]] = []
    tried = 0
    for i, coding in enumerate(codings):
        rows, count = _judge(old.moments(i, coding.size), new.moments(i, coding.size), design_effect, either_way)
        tried += count
        found.extend((z, ((i, code),), figures) for code, z, figures in rows)
    found.sort(key=lambda item: -item[0])
    for _, ((i, code),), _ in list(found[:BEAM]):
        (inside, outside), (inside_now, outside_now) = old.parted(i, code), new.parted(i, code)
        for j, coding in enumerate(codings):
            if j == i:
                continue
            # Rows outside the parent count as a code of their own, so that "the rest" is still everyone else.
            rows, count = _judge(
                np.hstack([inside.moments(j, coding.size), outside]),
                np.hstack([inside_now.moments(j, coding.size), outside_now]),
                design_effect,
                either_way,
            )
            tried += count
            found.extend(
                (z, ((i, code), (j, other)), figures)
                for other, z, figures in rows
                if other < coding.size and figures[0] + figures[1] < len(inside.loss) + len(inside_now.loss)
            )
    found.sort(key=lambda item: (-item[0], len(item[1])))
    return SliceSearch(
        _distinct(found, codings, tried, total, len(new.loss), most, either_way), tried, total, len(names) - len(used)
    )


def _labelled(frame: pd.DataFrame, loss: np.ndarray) -> pd.DataFrame:
    if len(frame) != len(loss):
        raise ValueError(f"{len(loss)} losses for {len(frame)} rows")
    known = np.isfinite(loss)
    return evenly(frame[known].assign(**{"\0loss": np.asarray(loss, dtype=np.float64)[known]}), MAX_ROWS)


def _judge(
    a: np.ndarray, b: np.ndarray, design_effect: float, either_way: bool
) -> tuple[list[tuple[int, float, np.ndarray]], int]:
    """For each code with enough rows, of its moments before and now: its z and its figures; and how many there were."""
    rest_a, rest_b = a.sum(axis=1, keepdims=True) - a, b.sum(axis=1, keepdims=True) - b
    enough = np.flatnonzero((np.minimum(a[0], b[0]) >= MIN_ROWS) & (np.minimum(rest_a[0], rest_b[0]) >= MIN_ROWS))
    means, errors = [], []
    for before, now in ((a, b), (rest_a, rest_b)):
        # The variance had nothing changed: by itself a small window without a single event would be certain of itself.
        n, total, squares = (before + now)[:, enough]
        variance = np.maximum(squares / n - (total / n) ** 2, 1e-12) * design_effect
        for part in (before, now):
            n, total, _ = part[:, enough]
            means.append(total / n)
            errors.append(variance / n)
    change, rest = means[1] - means[0], means[3] - means[2]
    z = (change - rest) / np.sqrt(sum(errors))
    # A segment that lost must have got worse itself, not only have got better by less than the rest.
    strength = np.abs(z) if either_way else np.minimum(z, change / np.sqrt(errors[0] + errors[1]))
    rows = [
        (
            int(code),
            float(strength[k]),
            np.array([a[0, code], b[0, code], means[0][k], means[1][k], change[k], rest[k], z[k]]),
        )
        for k, code in enumerate(enough)
    ]
    return rows, len(enough)


def _distinct(
    found: list[tuple[float, tuple[tuple[int, int], ...], np.ndarray]],
    codings: list[Coding],
    tried: int,
    total: float,
    rows: int,
    most: int,
    either_way: bool,
) -> tuple[Slice, ...]:
    kept: list[Slice] = []
    seen: list[set[tuple[int, int]]] = []
    for strength, where, figures in found:
        p = min(1.0, float(scipy.stats.norm.sf(strength)) * (2 if either_way else 1) * max(tried, 1))
        if p > SIGNIFICANT or len(kept) == most:
            break
        # A segment that shares a condition with a stronger one is the same finding, seen again.
        if any(set(where) & other for other in seen):
            continue
        seen.append(set(where))
        n, m, before, after, change, rest, z = figures.tolist()
        share = change * m / rows / total if total > 0 else None
        named = tuple((codings[i].feature, codings[i].name(code)) for i, code in where)
        kept.append(Slice(named, int(n), int(m), before, after, change, rest, z, p, share))
    return tuple(kept)
