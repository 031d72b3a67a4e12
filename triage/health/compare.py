"""One signal's verdict: the current window against what was to be expected of it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import numpy as np

from triage.health.excursion import Excursion, strongest_excursion
from triage.health.onset import Onset, find_onset, onset_between
from triage.health.seasonal import Baseline, BaselineKind, baseline_for
from triage.health.series import bounds, tidy
from triage.health.shift import Size, size_of_shift
from triage.health.tail import FEWEST_CURRENT, LEAST_COVERAGE, medians_of_windows, strongest_tail
from triage.incident import Window
from triage.ports import Series

LEAST_Z = 4.0
ONSET_HISTORY_WINDOWS = 3


class Worse(StrEnum):
    """Which way is worse."""

    HIGHER = "higher_is_worse"
    LOWER = "lower_is_worse"
    BOTH = "both"

    @property
    def sign(self) -> int:
        """1 where more is worse, -1 where less is, 0 where either is."""
        return {Worse.HIGHER: 1, Worse.LOWER: -1, Worse.BOTH: 0}[self]


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
    ``until`` is when a departure was over that did not last to the window's end; the figures are of its stretch.
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
    until: datetime | None = None

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
        since += f" until {self.until:%H:%M}" if self.until else ""
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
    Where that level is steady, a departure that passed is looked for: `excursion.strongest_excursion`.
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
    found = _lasting(baseline, worse, limits, rng)
    if not found.changed:
        found = _passing(baseline, worse, limits, rng) or found
    size = found.size
    return SignalVerdict(
        name=name,
        unit=unit,
        worse=worse,
        change=Change.CHANGED if found.changed else Change.STEADY,
        expected=size.expected,
        level=size.level,
        shift=size.shift,
        shift_low=size.low,
        shift_high=size.high,
        relative=_relative(size.shift, size.expected),
        relative_low=_relative(size.low, size.expected),
        relative_high=_relative(size.high, size.expected),
        z=found.z,
        p_value=size.p_value,
        n=n,
        n_effective=size.n_effective,
        coverage=covered,
        since_share=found.share,
        baseline=baseline.kind,
        periods=baseline.periods,
        onset=found.onset,
        until=found.until,
    )


def _too_little(clean: Series, start: float, end: float, n: int, of: int) -> str:
    if n == 0:
        last = clean.times[(clean.times < start) & ~np.isnan(clean.values)]
        since = f"; the last one was {(start - last[-1]) / 60:.0f} min before it" if last.size else ""
        return f"no samples in the window of {(end - start) / 60:.0f} min{since}"
    return f"only {n} of {of} points in the window hold a number; {max(FEWEST_CURRENT, -(-of // 2))} are needed"


@dataclass(frozen=True, slots=True)
class _Found:
    """What departed: ``share`` of the window, counted from its end, is what it began in."""

    changed: bool
    share: float
    z: float
    size: Size
    onset: Onset | None = None
    until: datetime | None = None


def _lasting(baseline: Baseline, worse: Worse, limits: Limits, rng: np.random.Generator) -> _Found:
    """The level at the window's end."""
    n = baseline.current.size
    tail = strongest_tail(baseline, worse.sign, _least(baseline, limits))
    size = size_of_shift(baseline, n - tail.points, n, tail.null, rng)
    changed = _matters(size, limits) and abs(tail.z) >= limits.z and abs(tail.shift) > tail.usual
    onset = _onset(baseline, worse, size.shift, _least(baseline, limits), rng) if changed else None
    return _Found(changed, tail.share, tail.z, size, onset)


def _passing(baseline: Baseline, worse: Worse, limits: Limits, rng: np.random.Generator) -> _Found | None:
    """A departure that need not have lasted to the window's end, and that no past window had; None without one."""
    n = baseline.current.size
    burst = strongest_excursion(
        baseline.history,
        baseline.current,
        scale=baseline.scale,
        least=_least(baseline, limits),
        sign=worse.sign,
    )
    if burst is None or abs(burst.z) < limits.z or burst.record <= 1:
        return None
    null = medians_of_windows(baseline.history, burst.end - burst.first)
    size = size_of_shift(baseline, burst.first, burst.end, null, rng)
    if not _matters(size, limits):
        return None
    return _Found(
        changed=True,
        share=1 - burst.first / n,
        z=burst.z,
        size=size,
        onset=_beginning(baseline, burst, rng),
        until=None if burst.end == n else datetime.fromtimestamp(baseline.times[baseline.split + burst.end], tz=UTC),
    )


def _matters(size: Size, limits: Limits) -> bool:
    return size.shift != 0 and abs(size.shift) >= max(limits.absolute, limits.relative * abs(size.expected))


def _least(baseline: Baseline, limits: Limits) -> float:
    """The smallest robust standard deviation to count in, so that a change that matters little never counts much."""
    expected = float(np.nanmedian(np.abs(baseline.expected[baseline.split :])))
    return max(limits.absolute, limits.relative * expected) / limits.z


def _relative(shift: float, expected: float) -> float | None:
    return shift / abs(expected) if expected else None


def _onset(baseline: Baseline, worse: Worse, shift: float, least: float, rng: np.random.Generator) -> Onset | None:
    """When the level that lasted came about.

    First by the strongest departure in the window, for where no past window had the like it began the change; it may
    have gone the other way than what lasted where either way counts. Else in the window and some of its history, for
    the window may have been chosen too late.
    """
    sign = int(np.sign(shift)) if worse.sign else 0
    burst = strongest_excursion(baseline.history, baseline.current, scale=baseline.scale, least=least, sign=sign)
    if burst is not None and burst.record > 1 and burst.first > 0:
        return _beginning(baseline, burst, rng)
    reach = max(0, baseline.split - ONSET_HISTORY_WINDOWS * baseline.current.size)
    return find_onset(baseline.times[reach:], baseline.residual[reach:], baseline.scale, rng, upward=bool(shift > 0))


def _beginning(baseline: Baseline, burst: Excursion, rng: np.random.Generator) -> Onset | None:
    at = baseline.split + burst.first
    start = max(0, at - baseline.current.size)
    return onset_between(baseline.times, baseline.residual, start, at, baseline.split + burst.end, rng)
