"""Is this window unusual among healthy windows of the same kind? A shift seen every Monday is no cause."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd

from triage.drift.codes import as_floats
from triage.errors import Unmeasurable
from triage.incident import Window

MIN_WINDOWS = 6
UNUSUAL_SHARE, UNUSUAL_Z = 0.05, 3.0
MIN_ROWS_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Typicality:
    """Where a figure stands among the same figure of healthy windows.

    ``as_extreme`` is the share of windows, this one counted, at least as far from the median on the same side (a
    permutation p-value); ``z`` the robust z (median and MAD, with a t-like allowance for few windows).
    """

    current: float
    median: float
    low: float
    high: float
    as_extreme: float
    z: float
    windows: int

    @property
    def usual(self) -> bool:
        """Not further out than chance among these windows allows."""
        return abs(self.z) < UNUSUAL_Z or self.low <= self.current <= self.high


@dataclass(frozen=True, slots=True)
class SeasonalComparison:
    """The window's level, and its change from the time just before, each among windows of the same kind."""

    level: Typicality
    change: Typicality | None
    period: timedelta


def typicality(current: float, healthy: np.ndarray) -> Typicality:
    """Rank ``current`` among ``healthy`` (n,) figures; NaN are left out. Raises Unmeasurable with fewer than 6."""
    others = np.asarray(healthy, dtype=np.float64)
    others = others[np.isfinite(others)]
    if len(others) < MIN_WINDOWS or not np.isfinite(current):
        raise Unmeasurable(
            f"{len(others)} healthy windows of the same kind; {MIN_WINDOWS} are needed",
            hint="keep a longer history, or compare with windows of another day",
        )
    median = float(np.median(others))
    spread = 1.4826 * float(np.median(np.abs(others - median))) or float(others.std()) or 1e-12
    spread *= 1 + 2 / len(others)
    beyond = others >= current if current >= median else others <= current
    return Typicality(
        current=float(current),
        median=median,
        low=float(others.min()),
        high=float(others.max()),
        as_extreme=float((1 + beyond.sum()) / (1 + len(others))),
        z=float(np.clip((current - median) / spread, -1e6, 1e6)),
        windows=len(others),
    )


def same_kind(
    window: Window, first: pd.Timestamp, period: timedelta = timedelta(days=7), most: int = 52
) -> list[Window]:
    """Earlier windows at the same phase of ``period``, newest first, that don't overlap ``window`` and start at or
    after ``first`` (aware)."""
    found: list[Window] = []
    shift = period * int(np.ceil(window.length / period))
    while len(found) < most and window.start - shift >= first:
        found.append(Window(window.start - shift, window.end - shift))
        shift += period
    return found


def compare_with_season(
    times: pd.Series, values: np.ndarray, window: Window, *, period: timedelta = timedelta(days=7), most: int = 52
) -> SeasonalComparison:
    """Mean of ``values`` (n,; NaN left out) at ``times`` in ``window``, among windows of the same phase of ``period``
    before.

    Windows with less than a fifth of the median number of rows are left out. Raises Unmeasurable when too few remain or
    the window itself is empty.
    """
    clock, figures = _seconds(times), np.asarray(values, dtype=np.float64)
    keep = np.isfinite(clock) & np.isfinite(figures)
    order = np.argsort(clock[keep], kind="stable")
    clock, figures = clock[keep][order], figures[keep][order]
    if not len(clock):
        raise Unmeasurable("no value has a time", hint="name the event time in the catalogue")
    sums = np.concatenate(([0.0], np.cumsum(figures)))

    def level(start: float, end: float) -> tuple[float, int]:
        low, high = np.searchsorted(clock, [start, end])
        return (float(sums[high] - sums[low]) / (high - low) if high > low else np.nan), int(high - low)

    length = window.length.total_seconds()
    first = pd.Timestamp(clock[0], unit="s", tz="UTC")
    starts = [item.start.timestamp() for item in same_kind(window, first, period, most)]
    current, rows = level(window.start.timestamp(), window.end.timestamp())
    if not rows:
        raise Unmeasurable(f"no rows from {window}", hint="check the arrival of data")
    levels = [level(start, start + length) for start in starts]
    enough = MIN_ROWS_SHARE * float(np.median([count for _, count in levels])) if levels else 0.0
    healthy = np.array([mean if count >= enough else np.nan for mean, count in levels])
    change = None
    before, rows_before = level(window.start.timestamp() - length, window.start.timestamp())
    if rows_before:
        changes = healthy - np.array([level(start - length, start)[0] for start in starts])
        if np.isfinite(changes).sum() >= MIN_WINDOWS:
            change = typicality(current - before, changes)
    return SeasonalComparison(typicality(current, healthy), change, period)


def _seconds(times: pd.Series) -> np.ndarray:
    """Unix seconds; times without a zone are taken as UTC."""
    return as_floats(times if pd.api.types.is_datetime64_any_dtype(times.dtype) else pd.to_datetime(times, utc=True))
