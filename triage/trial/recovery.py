"""Did it help? The KPI (or a model metric) after a release, against what it was before and during the incident."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np

from triage.trial.sequential import Arm, SequentialTest, difference_sequence
from triage.trial.verdict import Interval


class Recovery(StrEnum):
    RECOVERED = "recovered"
    NOT_RECOVERED = "not_recovered"
    CANNOT_TELL_YET = "cannot_tell_yet"
    WORSE = "worse"


@dataclass(frozen=True, slots=True)
class Followed:
    """A metric in equal intervals, each array (n,), NaN a gap; ``after_times`` are the ends of the intervals after
    release.

    Where the metric has a season, values are what is left after its expected course (see the health package): a Sunday
    is not a recovery from a Friday.
    """

    healthy: np.ndarray
    incident: np.ndarray
    after: np.ndarray
    after_times: tuple[datetime, ...]
    higher_is_better: bool = True

    def __post_init__(self) -> None:
        if len(self.after) != len(self.after_times):
            raise ValueError(f"{len(self.after)} values after the release but {len(self.after_times)} times")


@dataclass(frozen=True, slots=True)
class RecoveryLimits:
    """``required_share`` of the drop must be regained. The first ``settle`` after the release is left out.

    A value is used only once it is ``label_delay`` old; the question is closed ``label_delay`` after the ``deadline``.
    """

    deadline: timedelta = timedelta(hours=24)
    label_delay: timedelta = timedelta(0)
    settle: timedelta = timedelta(0)
    required_share: float = 0.8
    min_points: int = 12
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if not 0 < self.required_share < 1:
            raise ValueError(f"required_share is {self.required_share}; it must lie between 0 and 1 to be provable")
        if self.settle >= self.deadline:
            raise ValueError("the time to settle takes up the whole time to the deadline")


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """``regained`` is the share of the drop that came back, 1 in full; ``closed``: no later look will change the
    verdict.

    ``shortfall`` is how far the metric still is below its healthy level, in its unit, turned so that above 0 is worse.
    """

    verdict: Recovery
    reason: str
    closed: bool
    healthy: float
    incident: float
    after: float | None
    shortfall: Interval | None
    regained: Interval | None
    n_points: int
    next_look_at: datetime | None


def judge_recovery(
    followed: Followed, limits: RecoveryLimits, *, released_at: datetime, now: datetime
) -> RecoveryReport:
    """The verdict by what is known ``now``; safe to ask at every interval, since its limits are always valid.

    ``worse`` (below the level of the incident) and ``recovered`` may be said early, ``not_recovered`` only at the
    deadline: recoveries take time. What can't be told by then is closed as such, and never as recovered.
    Autocorrelation of neighbouring intervals widens the limits. Raises ValueError when there was no drop to recover
    from.
    """
    sign = 1.0 if followed.higher_is_better else -1.0
    healthy, incident = (_finite(sign * values) for values in (followed.healthy, followed.incident))
    if min(len(healthy), len(incident)) < 2:
        raise ValueError("recovery is judged against at least two healthy intervals and two of the incident")
    drop = float(healthy.mean() - incident.mean())
    if drop <= 0:
        raise ValueError("the metric was not worse during the incident than before; there is nothing to recover from")
    times = np.array([time.timestamp() for time in followed.after_times])
    begins, known = (released_at + limits.settle).timestamp(), (now - limits.label_delay).timestamp()
    ends = (released_at + limits.deadline).timestamp()
    after = _finite(sign * followed.after[(times > begins) & (times <= min(known, ends))])
    close_at = released_at + limits.deadline + limits.label_delay
    over = now >= close_at
    levels = (float(sign * healthy.mean()), float(sign * incident.mean()))

    if len(after) < limits.min_points:
        held = (
            "1 interval since the release has its"
            if len(after) == 1
            else f"{len(after)} intervals since the release have their"
        )
        reason = f"{held} labels; {limits.min_points} are needed"
        mean = float(sign * after.mean()) if len(after) else None
        return RecoveryReport(
            Recovery.CANNOT_TELL_YET,
            reason + ("; the deadline has passed, a person must look" if over else ""),
            over, *levels, mean, None, None, len(after), None if over else close_at,
        )  # fmt: skip
    worth = _autocorrelation_factor(healthy)
    allowed = (1 - limits.required_share) * drop
    shortfall = _behind(after, healthy, allowed, limits.confidence, worth).difference
    below_incident = _behind(after, incident, allowed, limits.confidence, worth).difference
    regained = Interval(
        1 - shortfall.value / drop, 1 - shortfall.high / drop, 1 - shortfall.low / drop, limits.confidence
    )
    verdict, reason, closed = _conclude(shortfall, below_incident, regained, allowed, limits, over)
    return RecoveryReport(
        verdict=verdict,
        reason=reason,
        closed=closed,
        healthy=levels[0],
        incident=levels[1],
        after=float(sign * after.mean()),
        shortfall=shortfall,
        regained=regained,
        n_points=len(after),
        next_look_at=None if closed else close_at,
    )


def _conclude(
    shortfall: Interval,
    below_incident: Interval,
    regained: Interval,
    allowed: float,
    limits: RecoveryLimits,
    over: bool,
) -> tuple[Recovery, str, bool]:
    shown = f"{regained.value:.0%} of the drop regained [{regained.low:.0%}, {regained.high:.0%}]"
    asked = f"{limits.required_share:.0%} asked"
    if below_incident.low > 0:
        return Recovery.WORSE, f"worse than during the incident by {below_incident}", True
    if shortfall.high <= allowed:
        return Recovery.RECOVERED, f"{shown}, {asked}", True
    if not over:
        return Recovery.CANNOT_TELL_YET, f"{shown}, {asked}; the deadline is not over", False
    if shortfall.low > allowed:
        return Recovery.NOT_RECOVERED, f"{shown}, {asked}", True
    return Recovery.CANNOT_TELL_YET, f"{shown}, {asked}; the deadline has passed, a person must look", True


def _behind(after: np.ndarray, level: np.ndarray, effect: float, confidence: float, worth: float) -> SequentialTest:
    """How far ``after`` is below ``level``."""
    return difference_sequence(
        Arm.from_values(after), Arm.from_values(level), effect=effect, confidence=confidence, design_effect=worth
    )


def _autocorrelation_factor(values: np.ndarray) -> float:
    """1 + 2 times the sum of autocorrelations with Bartlett weights (Newey, West 1987), at least 1."""
    n = len(values)
    centred = values - values.mean()
    power = float(centred @ centred)
    if n < 8 or power == 0:
        return 1.0
    lags = int(np.ceil(4 * (n / 100) ** (2 / 9))) + 1
    total = sum((1 - lag / (lags + 1)) * float(centred[lag:] @ centred[:-lag]) for lag in range(1, lags + 1))
    return max(1.0, 1 + 2 * total / power)


def _finite(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    return values[np.isfinite(values)]
