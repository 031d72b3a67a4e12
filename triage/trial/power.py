"""How many rows it takes to see, or to rule out, a difference."""

import numpy as np
import scipy

from triage.trial.sequential import mixture_width


def rows_for_shares(
    share: float, difference: float, *, weight: float = 0.5, alpha: float = 0.05, power: float = 0.8
) -> int:
    """Requests in both arms together to detect ``difference`` above ``share`` in one look, one-sided, unpaired.

    ``weight`` is the challenger's part of the traffic. By statsmodels' two-sample test of proportions.
    """
    from statsmodels.stats.proportion import samplesize_proportions_2indep_onetail

    _check(share=share, difference=difference, weight=weight, alpha=alpha, power=power)
    ratio = weight / (1 - weight)
    champion = samplesize_proportions_2indep_onetail(
        -difference, share + difference, power, ratio=ratio, alpha=alpha, alternative="smaller"
    )
    return int(np.ceil(float(champion) / (1 - weight)))


def rows_for_paired_shares(disagreement: float, difference: float, *, alpha: float = 0.05, power: float = 0.8) -> int:
    """Mirrored rows to detect a ``difference`` of two shares on the same rows, one-sided (Connor 1987, for McNemar's
    test).

    ``disagreement`` is the share of rows on which exactly one model is right: the smaller, the fewer rows it takes.
    """
    _check(disagreement=disagreement, difference=difference, alpha=alpha, power=power)
    if difference > disagreement:
        raise ValueError(
            f"models that differ on {disagreement:.1%} of rows can't differ by {difference:.1%} in accuracy"
        )
    z_alpha, z_power = scipy.stats.norm.ppf(1 - alpha), scipy.stats.norm.ppf(power)
    root = z_alpha * np.sqrt(disagreement) + z_power * np.sqrt(disagreement - difference**2)
    return int(np.ceil(root**2 / difference**2))


def rows_to_rule_out(
    deviation: float, margin: float, *, weight: float = 0.5, confidence: float = 0.95, power: float = 0.8
) -> int:
    """Requests in both arms together until an always-valid sequence rules out a harm of ``margin`` where there is none.

    ``deviation`` is the standard deviation of one request, sqrt(p (1 - p)) for a share. Solves: half width plus the
    ``power`` quantile of the estimate's error equals the margin. This is the price of looking at any time.
    """
    _check(weight=weight, alpha=1 - confidence, power=power)
    if not (deviation > 0 and margin > 0):
        raise ValueError(f"deviation {deviation} and margin {margin} must be above 0")
    one = deviation**2 * (1 / weight + 1 / (1 - weight))
    z_power = scipy.stats.norm.ppf(power)

    def missing(log_rows: float) -> float:
        variance = one / float(np.exp(log_rows))
        return float(mixture_width(variance, margin, confidence) + z_power * np.sqrt(variance)) - margin

    start = float(np.log(one / margin**2))
    return int(np.ceil(np.exp(scipy.optimize.brentq(missing, start, start + 12))))


def _check(**shares: float) -> None:
    for name, value in shares.items():
        if not 0 < value < 1:
            raise ValueError(f"{name} is {value}; it must lie between 0 and 1")
