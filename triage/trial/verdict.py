"""What a trial may say, and the interval behind it."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum


class TrialVerdict(StrEnum):
    """Five answers that are never merged: too little data is not a pass, and a broken measurement is not a failure."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NO_DATA = "no_data"
    ERROR = "error"


_GRAVEST_FIRST = (
    TrialVerdict.FAIL,
    TrialVerdict.ERROR,
    TrialVerdict.NO_DATA,
    TrialVerdict.INCONCLUSIVE,
    TrialVerdict.PASS,
)


def combine(verdicts: Collection[TrialVerdict]) -> TrialVerdict:
    """The verdict of the whole: one failure fails it, it passes only if every part does; no part at all is no data."""
    return next((verdict for verdict in _GRAVEST_FIRST if verdict in verdicts), TrialVerdict.NO_DATA)


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its limits; ``confidence`` is two-sided, as a fraction. All in the unit of ``value``."""

    value: float
    low: float
    high: float
    confidence: float = 0.95

    @property
    def negated(self) -> "Interval":
        return Interval(-self.value, -self.high, -self.low, self.confidence)

    def __str__(self) -> str:
        return f"{self.value:+.4g} [{self.low:+.4g}, {self.high:+.4g}]"


def judge_margin(harm: Interval, margin: float) -> TrialVerdict:
    """Non-inferiority: pass when the upper limit of ``harm`` is within ``margin``, fail when the lower is beyond it.

    A negative margin demands a gain of that size.
    """
    if harm.low > margin:
        return TrialVerdict.FAIL
    return TrialVerdict.PASS if harm.high <= margin else TrialVerdict.INCONCLUSIVE
