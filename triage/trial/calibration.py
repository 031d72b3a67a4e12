"""Does a score of 0.3 happen 30% of the time?"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Calibration:
    """Expected calibration error as a fraction, and what a perfectly calibrated model would show on as many rows.

    The error of finitely many rows is never zero; only what exceeds ``if_calibrated_p95`` speaks of miscalibration.
    """

    error: float
    if_calibrated_p95: float
    n: int

    @property
    def beyond_chance(self) -> bool:
        return self.error > self.if_calibrated_p95


def expected_calibration_error(truth: np.ndarray, score: np.ndarray, bins: int = 15) -> float:
    """Mean over rows of |mean score - mean outcome| in bins of equal row counts; inputs (n,), NaN for no rows.

    Equal-mass bins: Nixon et al. (2019), Measuring calibration in deep learning. Equal scores share a bin.
    """
    if len(score) == 0:
        return float("nan")
    return _binned_error(np.asarray(truth, float), np.asarray(score, float), _bin_codes(np.asarray(score, float), bins))


def calibration(
    truth: np.ndarray, score: np.ndarray, rng: np.random.Generator, *, bins: int = 15, replicates: int = 1_000
) -> Calibration:
    """The expected calibration error beside its 95th percentile were every score the true probability.

    The outcomes' sum in a bin is drawn from its normal approximation: sum of p, variance sum of p(1 - p).
    """
    truth, score = np.asarray(truth, float), np.asarray(score, float)
    if len(score) == 0:
        return Calibration(float("nan"), float("nan"), 0)
    codes = _bin_codes(score, bins)
    probability = np.clip(score, 0.0, 1.0)
    spread = np.sqrt(np.bincount(codes, weights=probability * (1 - probability)))
    chance = np.abs(rng.standard_normal((replicates, len(spread))) * spread).sum(axis=1) / len(score)
    return Calibration(_binned_error(truth, score, codes), float(np.quantile(chance, 0.95)), len(score))


def _bin_codes(score: np.ndarray, bins: int) -> np.ndarray:
    edges = np.unique(np.quantile(score, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.searchsorted(edges, score, side="right")


def _binned_error(truth: np.ndarray, score: np.ndarray, codes: np.ndarray) -> float:
    return float(np.abs(np.bincount(codes, weights=score - truth)).sum() / len(score))
