"""Published tests for two models on the same rows: McNemar for accuracy, DeLong for the area under the ROC curve."""

from dataclasses import dataclass

import numpy as np
import scipy

from triage.trial.verdict import Interval


@dataclass(frozen=True, slots=True)
class McNemar:
    """``only_champion`` and ``only_challenger`` count the rows that one model alone got right."""

    only_champion: int
    only_challenger: int
    n: int
    p_value: float
    method: str


def mcnemar(champion_right: np.ndarray, challenger_right: np.ndarray, cluster: np.ndarray | None = None) -> McNemar:
    """Two-sided McNemar test of equal accuracy; booleans of shape (n,).

    Mid-p exact (Fagerland, Lydersen, Laake 2013); with ``cluster`` the sum of within-cluster differences over its
    empirical standard error (Durkalski et al. 2003).

    >>> a, b = np.repeat([True, False], [30, 12]), np.repeat([False, True], [30, 12])
    >>> round(mcnemar(a, b).p_value, 4)
    0.0054
    """
    champion_right, challenger_right = np.asarray(champion_right, bool), np.asarray(challenger_right, bool)
    b = int(np.count_nonzero(champion_right & ~challenger_right))
    c = int(np.count_nonzero(~champion_right & challenger_right))
    n = len(champion_right)
    if cluster is None:
        smaller = min(b, c)
        exact = 2 * scipy.stats.binom.cdf(smaller, b + c, 0.5) - scipy.stats.binom.pmf(smaller, b + c, 0.5)
        return McNemar(b, c, n, float(min(1.0, exact)), "mid-p")
    codes = np.unique(cluster, return_inverse=True)[1].reshape(-1)
    within = np.bincount(codes, weights=champion_right.astype(float) - challenger_right)
    spread = float(np.sqrt(np.sum(within**2)))
    p_value = 1.0 if spread == 0 else float(2 * scipy.stats.norm.sf(abs(within.sum()) / spread))
    return McNemar(b, c, n, p_value, "clustered")


@dataclass(frozen=True, slots=True)
class DeLong:
    """Areas under the ROC curve of both models, and challenger minus champion with its standard error."""

    champion: float
    challenger: float
    difference: Interval
    standard_error: float
    p_value: float


def delong(
    truth: np.ndarray,
    champion: np.ndarray,
    challenger: np.ndarray,
    cluster: np.ndarray | None = None,
    *,
    confidence: float = 0.95,
) -> DeLong | None:
    """Compare two correlated areas under the ROC curve on the same rows; None when only one class is present.

    ``truth`` 0/1, scores higher for class 1, all shape (n,). DeLong, DeLong, Clarke-Pearson (1988) by midranks (Sun, Xu
    2014); with ``cluster`` the structural components are summed within clusters first (Obuchowski 1997).
    """
    positive = np.asarray(truth) == 1
    n_pos, n_neg = int(positive.sum()), int((~positive).sum())
    if n_pos < 2 or n_neg < 2:
        return None
    areas, influence = [], np.empty((2, len(positive)))
    for model, scores in enumerate((champion, challenger)):
        scores = np.asarray(scores, dtype=np.float64)
        ranks = scipy.stats.rankdata(scores)
        above = (ranks[positive] - scipy.stats.rankdata(scores[positive])) / n_neg
        below = 1 - (ranks[~positive] - scipy.stats.rankdata(scores[~positive])) / n_pos
        area = float(above.mean())
        areas.append(area)
        influence[model, positive] = (above - area) / n_pos
        influence[model, ~positive] = (below - area) / n_neg
    gap = influence[1] - influence[0]
    if cluster is None:
        variance = gap[positive].var(ddof=1) * n_pos + gap[~positive].var(ddof=1) * n_neg
    else:
        codes = np.unique(cluster, return_inverse=True)[1].reshape(-1)
        within = np.bincount(codes, weights=gap)
        variance = float(np.sum(within**2)) * len(within) / max(1, len(within) - 1)
    error = float(np.sqrt(variance))
    difference = areas[1] - areas[0]
    width = float(scipy.stats.norm.ppf((1 + confidence) / 2)) * error
    p_value = float(2 * scipy.stats.norm.sf(abs(difference) / error)) if error > 0 else float(difference == 0)
    return DeLong(
        areas[0],
        areas[1],
        Interval(difference, difference - width, difference + width, confidence),
        error,
        p_value,
    )
