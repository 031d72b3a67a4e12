"""A departure that did not last: a burst inside the window that the window's level does not show."""

from dataclasses import dataclass

import numpy as np

from triage.health.robust import robust_scale

FEWEST_WINDOW_POINTS = 12
USUAL_MAXIMUM = 3.0
RECORD_QUANTILE = 0.99
LEAST_COVERAGE = 0.5
SPREAD_FLOOR = 0.1
TINY = 1e-12
CLEAR = 3.0
MOST_Z = 1e6


@dataclass(frozen=True, slots=True)
class Excursion:
    """``[first, end)`` are points of the window. ``shift`` is the mean departure in the signal's unit, ``z`` the same
    in robust standard deviations of past stretches as long; ``record`` is how far it goes beyond what past windows of
    that length held, 1 being just as far."""

    first: int
    end: int
    shift: float
    z: float
    record: float


def strongest_excursion(
    history: np.ndarray, current: np.ndarray, *, scale: float, least: float = 0.0, sign: int = 0
) -> Excursion | None:
    """The stretch of ``current`` that departs furthest for its length; None where too little is known to look.

    ``history`` and ``current`` are residuals on one grid, (n,) with NaN gaps, the one right before the other; ``scale``
    the healthy robust standard deviation, ``least`` the smallest one to count in; ``sign`` restricts to departures
    above (1) or below (-1).

    A scan statistic: stretches of 1, 2, 4, … points up to half the window, each mean in units of the robust scale of
    past means of that length, and then of the median maximum that past windows held at it, so that lengths compare.
    Its null is the same statistic on every past window, which pays for the many places and lengths looked at. Where
    the stretch began and ended is Page's cumulative sum with half the departure as its reference (Page 1954).
    """
    n = current.size
    windows = history.size // n if n else 0
    if n < FEWEST_WINDOW_POINTS or windows < 1 or np.all(np.isnan(history)):
        return None
    centre = float(np.nanmedian(history))
    held = np.zeros(windows)
    best: tuple[float, float, int, int] | None = None
    floor = max(SPREAD_FLOOR * float(np.nanstd(history)), least, TINY)
    for points in _lengths(n):
        past, now = _means(history - centre, points), _means(current - centre, points)
        unit = max(robust_scale(past), scale / np.sqrt(points), floor)
        if np.all(np.isnan(now)):
            continue
        maxima = _maxima(_one_sided(past, sign) / unit, windows, n)
        usual = max(float(np.nanmedian(maxima)), USUAL_MAXIMUM) if not np.all(np.isnan(maxima)) else USUAL_MAXIMUM
        held = np.fmax(held, maxima / usual)
        departure = _one_sided(now, sign) / unit
        at = int(np.nanargmax(departure))
        if best is None or departure[at] / usual > best[0]:
            best = (float(departure[at]) / usual, float(departure[at]), at - points + 1, points)
    if best is None or best[0] <= 0:
        return None
    strength, z, first, points = best
    direction = np.sign(np.nanmean(current[first : first + points] - centre))
    around = np.concatenate((history[-n:], current)) - centre
    first, end = _extent(around * direction, n + first, points, noise=max(scale, least, TINY))
    first, end = max(first - n, 0), end - n
    return Excursion(
        first=first,
        end=end,
        shift=float(np.nanmean(current[first:end])) - centre,
        z=float(direction * min(z, MOST_Z)),
        record=strength / max(float(np.quantile(held, RECORD_QUANTILE)), 1e-9),
    )


def _lengths(n: int) -> list[int]:
    return [2**power for power in range((n // 2).bit_length()) if 2**power <= n // 2]


def _means(values: np.ndarray, points: int) -> np.ndarray:
    """Mean of the last ``points`` points, this one included, (n,); NaN where fewer than half of them are known."""
    known = ~np.isnan(values)
    total = np.concatenate(([0.0], np.cumsum(np.where(known, values, 0.0))))
    count = np.concatenate(([0], np.cumsum(known)))
    result = np.full(values.size, np.nan)
    n = count[points:] - count[:-points]
    result[points - 1 :] = np.where(
        n >= LEAST_COVERAGE * points, (total[points:] - total[:-points]) / np.maximum(n, 1), np.nan
    )
    return result


def _one_sided(values: np.ndarray, sign: int) -> np.ndarray:
    return values * sign if sign else np.abs(values)


def _maxima(values: np.ndarray, windows: int, n: int) -> np.ndarray:
    """The largest value in each of the disjoint ``windows`` of ``n`` points that end with ``values``."""
    table = values[values.size - windows * n :].reshape(windows, n)
    known = np.mean(~np.isnan(table), axis=1) >= LEAST_COVERAGE
    return np.where(known, np.max(np.where(np.isnan(table), -np.inf, table), axis=1), np.nan)


def _extent(values: np.ndarray, first: int, points: int, noise: float) -> tuple[int, int]:
    """Where an upward departure found in ``[first, first + points)`` began and ended, in points of ``values``.

    A rate over some minutes climbs for as long: from where it is half way, its beginning is the first of the points
    before that all lie beyond ``CLEAR`` times the ``noise``, and a tenth of the way up.
    """
    upward = np.nan_to_num(values)
    half = float(np.mean(upward[first : first + points])) / 2
    began = _page_start(upward[: first + points] - half, first)
    ended = values.size - _page_start((upward[first:] - half)[::-1], upward.size - first - points)
    clear = max(CLEAR * noise, half / 5)
    while began > 0 and upward[began - 1] >= clear:
        began -= 1
    return (began, max(ended, began + 1))


def _page_start(excess: np.ndarray, least: int) -> int:
    """Where the run of excesses began whose cumulative sum is largest, of those whose largest comes at ``least``."""
    total, start, largest, found = 0.0, 0, -np.inf, least
    for index, value in enumerate(excess):
        if total <= 0:
            total, start = 0.0, index
        total += float(value)
        if index >= least and total > largest:
            largest, found = total, start
    return found
