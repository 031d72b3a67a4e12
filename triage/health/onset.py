"""When a signal changed, and how sure that is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from triage.health.robust import block_length, block_resample, effective_size, robust_scale

FEWEST_POINTS = 6
DRAWS = 200
ABNORMAL_SHARE = 0.5
LEVEL = 0.90


@dataclass(frozen=True, slots=True)
class Onset:
    """``at`` is the first sample of the new level; it began in ``[low, high]`` with 90% confidence.

    ``low`` is never later than the sample before ``at``: between two samples nobody looked. ``level`` is the shift
    of the residual from the healthy level, in the signal's unit.
    """

    at: datetime
    low: datetime
    high: datetime
    level: float


def find_onset(
    times: np.ndarray, residual: np.ndarray, scale: float, rng: np.random.Generator, *, upward: bool | None = None
) -> Onset | None:
    """The start of the last sustained departure of ``residual`` (shape (n,), NaN gaps) from zero.

    Whether there was a change is for `compare.judge` to say; here is asked when.

    ``times`` in Unix seconds; ``scale`` the healthy robust standard deviation; ``upward`` restricts to one side.
    The residual, clipped at eight scales beyond its median level so that a lone spike is not a level, is cut into
    pieces of constant mean by PELT (Killick et al. 2012) with a penalty of 3 log n, raised for autocorrelation as an
    AR(1) process asks for (Romano et al. 2022: variance of a mean times (1 + ρ)/(1 - ρ)). The interval comes from a
    block bootstrap of the noise around the two levels. Where the penalty leaves one piece, the best single split is
    taken. None: it departed before the first sample, not at all, or there are fewer than six points.
    """
    known = ~np.isnan(residual)
    times, residual = times[known], residual[known]
    n = residual.size
    if n < FEWEST_POINTS:
        return None
    unit = _noise(residual, scale)
    if unit <= 0:
        return None
    middle = float(np.median(residual))
    clipped = np.clip(residual / unit, min(middle / unit, 0) - 8, max(middle / unit, 0) + 8)
    noise = np.diff(clipped)
    penalty = 3 * np.log(n) * _inflation(noise)
    ends = _pieces(clipped, penalty)
    levels = [float(np.mean(clipped[start:end])) for start, end in zip([0, *ends], ends, strict=False)]
    first = _first_abnormal(levels, upward)
    if first is None or first == 0:
        return None
    at = ends[first - 1]
    before_from = ends[first - 2] if first > 1 else 0
    until = ends[first]
    return _with_interval(times, residual, clipped, before_from, at, until, rng)


def onset_between(
    times: np.ndarray, residual: np.ndarray, start: int, at: int, end: int, rng: np.random.Generator
) -> Onset | None:
    """The onset of a departure known to fill points ``[at, end)``, with the interval that ``[start, at)`` before it
    gives; None where nothing is known before it."""
    known = np.flatnonzero(~np.isnan(residual[:end]))
    known = known[known >= start]
    split = int(np.searchsorted(known, at))
    if split == 0 or split == known.size:
        return None
    times, residual = times[known], residual[known]
    unit = _noise(residual, 0.0)
    return _with_interval(times, residual, residual / unit if unit > 0 else residual, 0, split, known.size, rng)


def _with_interval(
    times: np.ndarray,
    residual: np.ndarray,
    values: np.ndarray,
    before_from: int,
    at: int,
    until: int,
    rng: np.random.Generator,
) -> Onset:
    low, high = _interval(values[before_from:until], at - before_from, rng)
    low_index = min(before_from + low, at) - 1
    return Onset(
        at=_moment(times[at]),
        low=_moment(times[max(low_index, 0)]),
        high=_moment(times[max(before_from + high, at)]),
        level=float(np.median(residual[at:until])),
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(float(seconds), tz=UTC)


def _noise(residual: np.ndarray, scale: float) -> float:
    """The larger of the healthy scale and the noise between neighbours, which a change of level does not inflate."""
    between_neighbours = robust_scale(np.diff(residual)) / np.sqrt(2)
    unit = max(scale, between_neighbours)
    return unit if unit > 0 else float(np.std(residual)) / 10


def _inflation(differences: np.ndarray) -> float:
    """(1 + ρ)/(1 - ρ) with ρ of an AR(1) process, read from its differences, whose own correlation is (ρ - 1)/2."""
    variance = float(np.mean(differences**2))
    if differences.size < 3 or variance <= 0:
        return 1.0
    correlation = float(np.mean(differences[1:] * differences[:-1])) / variance
    rho = float(np.clip(1 + 2 * correlation, 0.0, 0.9))
    return (1 + rho) / (1 - rho)


def _pieces(values: np.ndarray, penalty: float) -> list[int]:
    """Ends (exclusive) of pieces with constant mean."""
    from ruptures import KernelCPD  # 1 s of processor time to import: only when an onset is asked for

    search = KernelCPD(kernel="linear", min_size=2, jump=1).fit(values.reshape(-1, 1))
    ends = search.predict(pen=penalty)
    if len(ends) == 1:
        ends = search.predict(n_bkps=1)
    return [int(end) for end in ends]


def _first_abnormal(levels: Sequence[float], upward: bool | None) -> int | None:
    """Where the last run of pieces begins that lie on the far side of half the largest departure."""
    signed = [0.0 if upward is not None and (level > 0) is not upward else level for level in levels]
    largest = max(signed, key=abs)
    if abs(largest) < 1:
        return None
    abnormal = [level * np.sign(largest) >= ABNORMAL_SHARE * abs(largest) for level in signed]
    last = max(index for index, is_abnormal in enumerate(abnormal) if is_abnormal)
    while last > 0 and abnormal[last - 1]:
        last -= 1
    return last


def _interval(values: np.ndarray, at: int, rng: np.random.Generator) -> tuple[int, int]:
    """Percentiles of the least-squares change point over noise resampled in blocks around the two levels."""
    before, after = values[:at], values[at:]
    step = np.concatenate((np.full(before.size, before.mean()), np.full(after.size, after.mean())))
    noise = values - step
    picks = block_resample(values.size, block_length(noise.size, effective_size(noise) / noise.size), DRAWS, rng)
    worlds = step + noise[picks]
    sums = np.cumsum(worlds, axis=1)
    k = np.arange(1, values.size)
    left = sums[:, :-1]
    gain = left**2 / k + (sums[:, -1:] - left) ** 2 / (values.size - k)
    found = 1 + np.argmax(gain, axis=1)
    low, high = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return int(np.floor(low)), int(np.ceil(high))
