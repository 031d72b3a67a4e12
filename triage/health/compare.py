"""One signal's verdict: the current window against what was to be expected of it."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from triage.health.onset import Onset, find_onset
from triage.health.robust import block_length, block_resample, effective_size, pairwise_shift, robust_scale
from triage.health.seasonal import Baseline, BaselineKind, baseline_for
from triage.health.series import bounds, tidy
from triage.incident import Window
from triage.ports import Series

FEWEST_CURRENT = 3
LEAST_COVERAGE = 0.5
LEAST_Z = 4.0
NULL_QUANTILE = 0.95
LEVEL = 0.95
DRAWS = 400
ONSET_HISTORY_WINDOWS = 3


class Worse(StrEnum):
    """Which way is worse."""

    HIGHER = "higher_is_worse"
    LOWER = "lower_is_worse"
    BOTH = "both"


class Change(StrEnum):
    CHANGED = "changed"
    STEADY = "steady"
    UNMEASURED = "unmeasured"


@dataclass(frozen=True, slots=True)
class Limits:
    """What makes a change: at least ``relative`` of the expected level and ``absolute`` in the signal's unit, ``z``
    robust standard deviations of past windows of the same length, and more than 19 in 20 of those windows showed.

    The Mann–Whitney p-value is reported but decides nothing: of strongly autocorrelated values a window holds so few
    that count that no shift, however large, could reach a small one.
    """

    relative: float = 0.10
    absolute: float = 0.0
    z: float = LEAST_Z


@dataclass(frozen=True, slots=True)
class SignalVerdict:
    """What one signal did. ``shift`` (Hodges–Lehmann, with a 95% interval) is in the signal's ``unit``, ``relative`` is
    the same as a fraction of ``expected``; both are None where they could not be taken. ``since_share`` is the part of
    the window, counted from its end, that was compared: a change that began late is not diluted by what came before.
    """

    name: str
    unit: str
    worse: Worse
    change: Change
    reason: str = ""
    expected: float | None = None
    level: float | None = None
    shift: float | None = None
    shift_low: float | None = None
    shift_high: float | None = None
    relative: float | None = None
    relative_low: float | None = None
    relative_high: float | None = None
    z: float | None = None
    p_value: float | None = None
    n: int = 0
    n_effective: float = 0.0
    coverage: float = 0.0
    since_share: float = 1.0
    baseline: BaselineKind | None = None
    periods: int = 0
    onset: Onset | None = None

    @property
    def is_worse(self) -> bool:
        """Changed, and in the direction that is worse."""
        if self.change is not Change.CHANGED or self.shift is None:
            return False
        return self.worse is Worse.BOTH or (self.shift > 0) is (self.worse is Worse.HIGHER)

    @property
    def statement(self) -> str:
        """One sentence with the figures."""
        if self.change is Change.UNMEASURED or self.level is None or self.expected is None:
            return f"{self.name} could not be measured: {self.reason}"
        unit = f" {self.unit}" if self.unit else ""
        against = f"{self.level:.4g}{unit} against {self.expected:.4g}{unit} expected ({self.baseline})"
        if self.change is Change.STEADY:
            return f"{self.name} is steady: {against}"
        way = "rose" if (self.shift or 0) > 0 else "fell"
        by = f" by {abs(self.relative):.0%}" if self.relative is not None else ""
        since = f" at {self.onset.at:%H:%M}" if self.onset else ""
        return f"{self.name} {way}{by}{since}: {against}"


def judge(
    series: Series,
    window: Window,
    *,
    name: str,
    unit: str = "",
    worse: Worse = Worse.BOTH,
    limits: Limits | None = None,
    step: float | None = None,
    rng: np.random.Generator | None = None,
) -> SignalVerdict:
    """Compare the samples in ``window`` with the seasonal baseline made of the samples before it.

    The window's shift is measured over all of it, its last half and its last quarter, each in units of the shifts that
    past healthy windows of that length had: seasonality, autocorrelation and slow wandering are in that null already.
    Never raises for poor data: too little of it is ``unmeasured``, with the reason.
    """
    start, end = bounds(window)
    limits = limits or Limits()
    rng = rng or np.random.default_rng(0)
    clean = tidy(series)
    baseline = baseline_for(clean, start, end, step=step)
    if isinstance(baseline, str):
        return SignalVerdict(name, unit, worse, Change.UNMEASURED, reason=baseline)
    known = ~np.isnan(baseline.current)
    n, covered = int(known.sum()), float(np.mean(known))
    if n < FEWEST_CURRENT or covered < LEAST_COVERAGE:
        reason = _too_little(clean, start, end, n, known.size)
        return SignalVerdict(name, unit, worse, Change.UNMEASURED, reason=reason, n=n, coverage=covered)
    tail = _strongest_tail(baseline, worse, limits)
    size = _size_of_shift(baseline, tail, rng)
    floor = max(limits.absolute, limits.relative * abs(size.expected))
    enough = abs(size.shift) >= floor and size.shift != 0
    changed = enough and abs(tail.z) >= limits.z and abs(tail.shift) > tail.usual
    return SignalVerdict(
        name=name,
        unit=unit,
        worse=worse,
        change=Change.CHANGED if changed else Change.STEADY,
        expected=size.expected,
        level=size.level,
        shift=size.shift,
        shift_low=size.low,
        shift_high=size.high,
        relative=_relative(size.shift, size.expected),
        relative_low=_relative(size.low, size.expected),
        relative_high=_relative(size.high, size.expected),
        z=tail.z,
        p_value=size.p_value,
        n=n,
        n_effective=size.n_effective,
        coverage=covered,
        since_share=tail.share,
        baseline=baseline.kind,
        periods=baseline.periods,
        onset=_onset(baseline, size.shift, rng) if changed else None,
    )


def _too_little(clean: Series, start: float, end: float, n: int, of: int) -> str:
    if n == 0:
        last = clean.times[(clean.times < start) & ~np.isnan(clean.values)]
        since = f"; the last one was {(start - last[-1]) / 60:.0f} min before it" if last.size else ""
        return f"no samples in the window of {(end - start) / 60:.0f} min{since}"
    return f"only {n} of {of} points in the window hold a number; {max(FEWEST_CURRENT, -(-of // 2))} are needed"


@dataclass(frozen=True, slots=True)
class _Tail:
    share: float
    points: int
    shift: float
    z: float
    null: np.ndarray

    @property
    def usual(self) -> float:
        """The shift that 19 in 20 past windows did not exceed."""
        return float(np.quantile(np.abs(self.null - np.median(self.null)), NULL_QUANTILE)) if self.null.size else 0.0


def _strongest_tail(baseline: Baseline, worse: Worse, limits: Limits) -> _Tail:
    """The whole window, its last half or its last quarter: whichever departs furthest from healthy windows so long."""
    whole = baseline.current.size
    expected = float(np.nanmedian(np.abs(baseline.expected[baseline.split :])))
    least = max(limits.absolute, limits.relative * expected) / limits.z
    tails = []
    for share in (1.0, 0.5, 0.25):
        points = max(1, round(share * whole))
        part = baseline.current[-points:]
        if np.sum(~np.isnan(part)) < FEWEST_CURRENT:
            continue
        null = _medians_of_windows(baseline.history, points)
        unit = max(robust_scale(null), baseline.scale / np.sqrt(points), least)
        shift = float(np.nanmedian(part)) - (float(np.nanmedian(null)) if null.size else 0.0)
        tails.append(_Tail(share, points, shift, _ratio(shift, unit), null))
    sign = {Worse.HIGHER: 1, Worse.LOWER: -1, Worse.BOTH: 0}[worse]
    return max(tails, key=lambda tail: (tail.z * sign if sign else abs(tail.z), abs(tail.shift), tail.share))


def _medians_of_windows(history: np.ndarray, points: int) -> np.ndarray:
    """Medians of the disjoint windows of ``points`` points that end with history, those at least half known."""
    count = history.size // points
    table = history[history.size - count * points :].reshape(count, points)
    table = table[np.mean(~np.isnan(table), axis=1) >= LEAST_COVERAGE]
    return np.nanmedian(table, axis=1) if table.size else np.zeros(0)


def _ratio(shift: float, unit: float) -> float:
    if unit > 0:
        return float(np.clip(shift / unit, -1e6, 1e6))
    return 0.0 if shift == 0 else float(np.copysign(1e6, shift))


@dataclass(frozen=True, slots=True)
class _Size:
    expected: float
    level: float
    shift: float
    low: float
    high: float
    p_value: float
    n_effective: float


def _size_of_shift(baseline: Baseline, tail: _Tail, rng: np.random.Generator) -> _Size:
    """Hodges–Lehmann shift; its interval joins the block bootstrap of the window with the wandering of past ones.

    How much an autocorrelated value is worth is read from history: a step inside the window would look like it.
    """
    part = baseline.current[-tail.points :]
    current = part[~np.isnan(part)]
    history = baseline.history[~np.isnan(baseline.history)]
    reference = history if history.size else np.zeros(1)
    shift = pairwise_shift(current, reference)
    worth = effective_size(reference) / reference.size
    picks = block_resample(current.size, block_length(current.size, worth), DRAWS, rng)
    draws = np.median(current[picks], axis=1) - np.median(current)
    if tail.null.size:
        draws = draws - rng.choice(tail.null - np.median(tail.null), size=DRAWS)
    low, high = np.quantile(shift + draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    n_effective = max(1.0, worth * current.size)
    return _Size(
        expected=float(np.nanmedian(baseline.expected[-tail.points :])),
        level=float(np.nanmedian(baseline.values[-tail.points :])),
        shift=shift,
        low=float(min(low, shift)),
        high=float(max(high, shift)),
        p_value=mann_whitney(current, reference, n_effective, worth * reference.size),
        n_effective=n_effective,
    )


def mann_whitney(current: np.ndarray, baseline: np.ndarray, n_current: float, n_baseline: float) -> float:
    """Two-sided p-value of the Mann–Whitney test by its normal approximation, with *effective* sample sizes.

    The probability that a current value exceeds a baseline value is taken from all of them, ties split; its standard
    error from ``n_current`` and ``n_baseline`` independent ones: sqrt((m + n + 1) / (12 m n)). Never below the
    smallest p-value that so few values can give, 2 m! n! / (m + n)!.
    """
    from scipy.special import gammaln, ndtr

    ordered = np.sort(baseline)
    below = np.searchsorted(ordered, current, side="left")
    upto = np.searchsorted(ordered, current, side="right")
    exceeds = float(np.mean(below + upto)) / (2 * ordered.size)
    error = np.sqrt((n_current + n_baseline + 1) / (12 * n_current * n_baseline))
    smallest = 2 * np.exp(gammaln(n_current + 1) + gammaln(n_baseline + 1) - gammaln(n_current + n_baseline + 1))
    return float(min(1.0, max(2 * ndtr(-abs(exceeds - 0.5) / error), smallest)))


def _relative(shift: float, expected: float) -> float | None:
    return shift / abs(expected) if expected else None


def _onset(baseline: Baseline, shift: float, rng: np.random.Generator) -> Onset | None:
    """Looked for in the window and some of its history, for the window may have been chosen too late."""
    reach = max(0, baseline.split - ONSET_HISTORY_WINDOWS * baseline.current.size)
    return find_onset(baseline.times[reach:], baseline.residual[reach:], baseline.scale, rng, upward=bool(shift > 0))
