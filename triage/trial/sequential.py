"""Looking as often as one likes: confidence sequences that hold at every look at once.

A 95% confidence *interval* looked at every minute is wrong far more than 5% of the time. A confidence *sequence* covers
the truth at all times simultaneously, so that one may stop, go on, or look again whenever one wants. A normal mixture
(Robbins 1970; Howard, Ramdas, McAuliffe, Sekhon 2021) does this for differences between two arms; its dual test is the
mixture sequential probability ratio test, mSPRT (Johari, Koomen, Pekelis, Walsh 2017).
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

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


def effect_for_look(variance: float, confidence: float = 0.95) -> float:
    """The mixture that is narrowest when the difference's variance has shrunk to ``variance``.

    Howard et al. (2021), proposition 3: with r = 1/e² and information v = 1/variance, v/r = -W(-a²/e) - 1 on the lower
    branch of the Lambert function.
    """
    alpha = 1 - confidence
    ratio = -float(special.lambertw(-(alpha**2) / np.e, k=-1).real) - 1
    return float(np.sqrt(ratio * variance))


def bounded_mean_sequence(
    values: np.ndarray, *, low: float, high: float, confidence: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Running limits of the mean of values in ``[low, high]``, valid at every n and for any sample size, few or many.

    Empirical-Bernstein confidence sequence: Howard et al. (2021), theorem 4, with the polynomial stitched boundary of
    their equations 10-11 (eta 2, s 1.4, from 1 unit of variance). Values must come in order, shape (n,); returns lower
    and upper limits, each (n,).
    """
    values = np.asarray(values, dtype=np.float64)
    if len(values) and (values.min() < low or values.max() > high):
        raise ValueError(f"values from {values.min():.4g} to {values.max():.4g} are outside [{low:.4g}, {high:.4g}]")
    scaled = (values - low) / (high - low)
    n = np.arange(1, len(scaled) + 1)
    means = np.cumsum(scaled) / n
    predicted = np.concatenate([[0.5], means[:-1]])[: len(scaled)]
    spread = np.maximum(np.cumsum((scaled - predicted) ** 2), 1.0)
    eta, power = 2.0, 1.4
    k1, k2 = (eta**0.25 + eta**-0.25) / np.sqrt(2), (np.sqrt(eta) + 1) / 2
    alpha = (1 - confidence) / 2
    level = power * np.log(np.log(eta * spread) / np.log(eta)) + np.log(special.zeta(power) / alpha)
    width = (np.sqrt(k1**2 * spread * level + k2**2 * level**2) + k2 * level) / n
    span = high - low
    return np.maximum(means - width, 0) * span + low, np.minimum(means + width, 1) * span + low


def _positive(**values: float) -> None:
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"{name} is {value}; it must be above 0")
