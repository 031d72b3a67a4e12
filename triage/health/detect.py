"""Watch one series as it arrives and raise an alarm when it does what it has not done lately. Causal: no look-ahead."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from triage.health.series import DAY_SECONDS, resample, step_seconds, tidy
from triage.ports import Series

LEARNT_POINTS = 30
REFRESH_POINTS = 12
NORMAL_INTERDECILE = 2.563103131089201
NORMAL_68 = 0.68
LEAST_ROUGHNESS = 0.7  # e^0.7: twice as rough as usual
SPREAD_FLOOR = 0.1
CONSTANT_FLOOR = 1e-3
TINY = 1e-12
PAST_DAYS = 3


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """An alarm asks for ``least_z`` scales, and ``margin`` times the largest departure of the last ``record_seconds``;
    then there is silence for ``cool_down_seconds``. ``learn_seconds`` is how far back the usual level is taken from;
    ``points`` samples are averaged for sustained departures, twice as many for roughness."""

    least_z: float = 3.0
    margin: float = 1.1
    record_seconds: float = 3 * DAY_SECONDS
    cool_down_seconds: float = DAY_SECONDS / 2
    learn_seconds: float = 7 * DAY_SECONDS
    points: int = 12


@dataclass(frozen=True, slots=True)
class Alarm:
    """``time`` in Unix seconds; ``channel`` says what was unusual: point, level, season or roughness."""

    time: float
    channel: str
    score: float


def detect(series: Series, sensitivity: Sensitivity | None = None) -> tuple[Alarm, ...]:
    """Alarms over a series, in order of time.

    Four channels, each in robust scales of the trailing window: the sample itself, the mean of the last hour's worth of
    points, the median departure from the same time on the last three days, and the logarithm of how rough the series
    is against how rough it was. A channel alarms when it exceeds its own record: metrics with bursts every night keep a
    high record and stay silent, where a fixed number of deviations fires every night.
    """
    how = sensitivity or Sensitivity()
    clean = tidy(series)
    step = step_seconds(clean)
    if clean.times.size < LEARNT_POINTS or not step > 0:
        return ()
    grid = resample(clean, clean.times[0], clean.times[-1] + step, step)
    found = [
        Alarm(float(grid.times[index]), name, float(score[index]))
        for name, score, least, lag in _channels(grid.values, step, how)
        for index in _records(score, least, lag, how, step)
    ]
    found.sort(key=lambda alarm: (alarm.time, -alarm.score))
    alarms: list[Alarm] = []
    for alarm in found:
        if not alarms or alarm.time - alarms[-1].time >= how.cool_down_seconds:
            alarms.append(alarm)
    return tuple(alarms)


def _channels(values: np.ndarray, step: float, how: Sensitivity) -> list[tuple[str, np.ndarray, float, int]]:
    """Name, score (n,), least score and points to leave out before a sample; two-sided channels come as two."""
    window = max(round(how.learn_seconds / step), LEARNT_POINTS + 1)
    centre, scale, deviation = _usual(values, window)
    point = (values - centre) / scale
    level = (_moving(values, how.points, np.nanmean) - centre) / scale
    day = max(1, round(DAY_SECONDS / step))
    past = np.stack([_shifted(values, day * back) for back in range(1, PAST_DAYS + 1)])
    departure = values - _nan_quiet(np.nanmedian, past, axis=0)
    usual_departure = _trailing(np.abs(departure), window, lambda seen: float(np.quantile(seen, NORMAL_68)))
    season = _moving(departure, how.points, np.nanmedian) / np.maximum(usual_departure, _least_scale(centre, deviation))
    jumps = _moving(np.abs(np.diff(values, prepend=np.nan)), 2 * how.points, np.nanmean)
    floor = SPREAD_FLOOR / 2 * deviation
    usual_jumps = _trailing(jumps, window, lambda seen: float(np.median(seen)))
    with np.errstate(invalid="ignore", divide="ignore"):
        roughness = np.log((jumps + floor) / (usual_jumps + floor))
    sided = [("point", point, 1), ("level", level, how.points), ("season", season, how.points)]
    channels = [(name, sign * score, how.least_z, lag) for name, score, lag in sided for sign in (1, -1)]
    return [*channels, ("roughness", roughness, LEAST_ROUGHNESS, 2 * how.points)]


def _records(score: np.ndarray, least: float, lag: int, how: Sensitivity, step: float) -> np.ndarray:
    """Where ``score`` beats both its least and its record, which ends ``lag`` points before, so that a departure does
    not compete with its own beginning."""
    positive = np.where(np.isnan(score), 0.0, np.maximum(score, 0.0))
    reach = max(round(how.record_seconds / step), LEARNT_POINTS)
    padded = np.concatenate((np.zeros(reach), positive))
    record = _shifted(sliding_window_view(padded, reach)[1:].max(axis=1), lag)
    with np.errstate(invalid="ignore"):
        beats = (positive > how.margin * record) & (positive > least)
    beats[: LEARNT_POINTS + lag] = False
    return np.flatnonzero(beats)


def _usual(values: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Median, robust scale and standard deviation of the points before each one."""
    centre = _trailing(values, window, lambda seen: float(np.median(seen)))
    deviation = _trailing(values, window, lambda seen: float(np.std(seen)))
    between = _trailing(values, window, lambda seen: float(np.subtract(*np.quantile(seen, [0.9, 0.1]))))
    return centre, np.maximum(between / NORMAL_INTERDECILE, _least_scale(centre, deviation)), deviation


def _least_scale(centre: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """A tenth of the deviation, for a metric that is nearly always zero has no spread but its bursts; and a thousandth
    of the level, so that a constant that moves is seen, whatever it was."""
    return np.maximum(np.maximum(SPREAD_FLOOR * deviation, CONSTANT_FLOOR * np.abs(centre)), TINY)


def _trailing(values: np.ndarray, window: int, statistic: Callable[[np.ndarray], float]) -> np.ndarray:
    """``statistic`` of the known ones among the ``window`` points before, renewed every twelve points."""
    result = np.full(values.size, np.nan)
    for start in range(0, values.size, REFRESH_POINTS):
        seen = values[max(0, start - window) : start]
        seen = seen[~np.isnan(seen)]
        if seen.size >= LEARNT_POINTS:
            result[start : start + REFRESH_POINTS] = statistic(seen)
    return result


def _moving(values: np.ndarray, points: int, statistic: Callable[..., np.ndarray]) -> np.ndarray:
    """``statistic`` of the last ``points`` points, this one included; NaN before there are so many."""
    result = np.full(values.size, np.nan)
    if values.size >= points:
        result[points - 1 :] = _nan_quiet(statistic, sliding_window_view(values, points), axis=1)
    return result


def _shifted(values: np.ndarray, by: int) -> np.ndarray:
    return np.concatenate((np.full(min(by, values.size), np.nan), values[: max(0, values.size - by)]))


def _nan_quiet(statistic: Callable[..., np.ndarray], table: np.ndarray, axis: int) -> np.ndarray:
    """A nan-statistic that is NaN, without a warning, where nothing is known."""
    empty = np.isnan(table).all(axis=axis)
    filled = np.where(np.expand_dims(empty, axis), 0.0, table)
    return np.where(empty, np.nan, statistic(filled, axis=axis))
