"""Looking as often as one likes: confidence sequences that hold at every look at once.

A 95% confidence *interval* looked at every minute is wrong far more than 5% of the time. A confidence *sequence* covers
the truth at all times simultaneously, so that one may stop, go on, or look again whenever one wants. A normal mixture
(Robbins 1970; Howard, Ramdas, McAuliffe, Sekhon 2021) does this for differences between two arms; its dual test is the
mixture sequential probability ratio test, mSPRT (Johari, Koomen, Pekelis, Walsh 2017).
"""

from dataclasses import dataclass

import numpy as np

from triage.trial.verdict import Interval


@dataclass(frozen=True, slots=True)
class Arm:
    """All that one arm has shown so far: ``n`` observations, their mean, and the variance of one of them."""

    n: int
    mean: float
    variance: float

    @classmethod
    def from_count(cls, events: float, n: int) -> "Arm":
        """An arm of ``n`` yes/no observations; ``mean`` is the share of ``events``.

        The variance adds one event and one non-event: at zero events the plain estimate is zero, which would make an
        arm that has barely been seen look perfectly known.
        """
        if n < 0 or not 0 <= events <= n:
            raise ValueError(f"{events} events in {n} requests: the events must be among the requests")
        if n == 0:
            return cls(0, float("nan"), float("nan"))
        share = (events + 1) / (n + 2)
        return cls(n, events / n, share * (1 - share))

    @classmethod
    def from_values(cls, values: np.ndarray) -> "Arm":
        """An arm of measured values, shape (n,); NaN are left out."""
        values = np.asarray(values, dtype=np.float64)
        values = values[np.isfinite(values)]
        if len(values) < 2:
            return cls(len(values), float(values.mean()) if len(values) else float("nan"), float("nan"))
        return cls(len(values), float(values.mean()), float(values.var(ddof=1)))

    @classmethod
    def from_sums(cls, n: int, total: float, total_of_squares: float) -> "Arm":
        """An arm of measured values of which only the sums are known."""
        if n < 2:
            return cls(n, total / n if n else float("nan"), float("nan"))
        return cls(n, total / n, max(0.0, (total_of_squares - total**2 / n) / (n - 1)))


@dataclass(frozen=True, slots=True)
class SequentialTest:
    """Challenger minus champion at one look.

    ``p_value`` is always valid: the chance that it *ever* falls to a or below is at most a when there is no difference.
    It belongs to this look; the smallest of all looks is valid as well.
    """

    difference: Interval
    p_value: float
    n_champion: int
    n_challenger: int


def difference_sequence(
    champion: Arm, challenger: Arm, *, effect: float, confidence: float = 0.95, design_effect: float = 1.0
) -> SequentialTest:
    """Always-valid interval of the difference of two means or proportions, at one look of many.

    ``effect`` is the size of difference that matters (the standard deviation of the mixture): the sequence is narrowest
    around it and must be chosen before looking. ``design_effect`` is the factor by which requests of one user or
    session inflate the variance. The arms' variances are estimated, so validity is asymptotic (Waudby-Smith et al.
    2024); for proportions `exact.proportion_sequence` holds at any count. Without two observations in each arm the
    interval is infinite.

    With V the variance of the difference D, the limits are D ± sqrt(V (V + e²)/e² · log((V + e²)/(V a²))), and
    p = sqrt((V + e²)/V) · exp(-e² D² / (2 V (V + e²))): Johari et al. (2017), equation 12.
    """
    _positive(effect=effect, design_effect=design_effect)
    difference = challenger.mean - champion.mean
    if min(champion.n, challenger.n) < 2:
        return SequentialTest(Interval(difference, -np.inf, np.inf, confidence), 1.0, champion.n, challenger.n)
    variance = design_effect * (champion.variance / champion.n + challenger.variance / challenger.n)
    if variance == 0:
        return SequentialTest(Interval(difference, -np.inf, np.inf, confidence), 1.0, champion.n, challenger.n)
    width, wide = mixture_width(variance, effect, confidence), variance + effect**2
    log_p = 0.5 * np.log(wide / variance) - effect**2 * difference**2 / (2 * variance * wide)
    return SequentialTest(
        Interval(difference, difference - width, difference + width, confidence),
        float(min(1.0, np.exp(log_p))),
        champion.n,
        challenger.n,
    )


def mixture_width(variance: float, effect: float, confidence: float = 0.95) -> float:
    """Half the width of a normal-mixture sequence around an estimate whose variance is ``variance`` now."""
    wide = variance + effect**2
    return float(np.sqrt(variance * wide / effect**2 * np.log(wide / (variance * (1 - confidence) ** 2))))


def _positive(**values: float) -> None:
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"{name} is {value}; it must be above 0")
