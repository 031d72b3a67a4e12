"""From when to when something was wrong: the stretch of rows in which bad ones are most over-represented."""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd


@dataclass(frozen=True, slots=True)
class Episode:
    """Rows ``[start, stop)`` of a window in time order; ``share`` of them are bad.

    ``onset`` and ``until`` are the times of the first and last row, None without times. ``from_first_row`` says that
    the window may have begun too late to hold the onset.
    """

    start: int
    stop: int
    share: float
    onset: datetime | None
    until: datetime | None
    from_first_row: bool


def find_episode(bad: np.ndarray, healthy_share: float, times: pd.Series | None = None) -> Episode | None:
    """The stretch with the largest log-likelihood ratio of "bad at its own rate" over "bad at ``healthy_share``".

    ``bad`` is boolean, shape (n,); ``times`` beside it (any order). None when no row is bad. Maximum-sum subarray of
    Bernoulli log-likelihood ratios, the rate re-estimated once from the first answer.
    """
    bad = np.asarray(bad, dtype=bool)
    if not bad.any():
        return None
    order = np.arange(len(bad)) if times is None else np.argsort(times.to_numpy(), kind="stable")
    ordered = bad[order]
    floor = min(0.5, max(healthy_share, 0.5 / len(bad)))
    start, stop = 0, len(bad)
    for _ in range(2):
        rate = min(max(float(ordered[start:stop].mean()), floor * 1.5), 1 - 0.5 / (stop - start + 1))
        gain = np.where(ordered, np.log(rate / floor), np.log((1 - rate) / (1 - floor)))
        sums = np.concatenate(([0.0], np.cumsum(gain)))
        rises = sums[1:] - np.minimum.accumulate(sums)[:-1]
        stop = int(np.argmax(rises)) + 1
        start = int(np.argmin(sums[:stop]))
    moment = None if times is None else pd.DatetimeIndex(times.iloc[order[[start, stop - 1]]])
    share = float(ordered[start:stop].mean())
    # Duplicated timestamps: the onset is the time, whichever of its rows was first.
    first = start == 0 or (moment is not None and moment[0] == times.iloc[order[0]])  # type: ignore[union-attr]
    return Episode(start, stop, share, _utc(moment, 0), _utc(moment, 1), bool(first))


def _utc(moments: pd.DatetimeIndex | None, i: int) -> datetime | None:
    return None if moments is None else moment(moments[i])


def moment(stamp: pd.Timestamp) -> datetime | None:
    """An aware time in UTC; None for NaT. A stamp without a zone is taken as UTC."""
    if pd.isna(stamp):
        return None
    aware = stamp.tz_localize(UTC) if stamp.tzinfo is None else stamp.tz_convert(UTC)
    result: datetime = aware.to_pydatetime()
    return result
