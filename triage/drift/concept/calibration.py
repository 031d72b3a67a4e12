"""Does a score still mean what it meant? Calibration against the labels in both windows, and prior shift told from
concept.

Labels are 0/1 with scores as probabilities (logistic regression), or numbers with scores as predictions (least
squares).
"""

import warnings
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
import scipy

from triage.errors import Unmeasurable

if TYPE_CHECKING:
    from statsmodels.regression.linear_model import RegressionResults

MIN_ROWS, MAX_ROWS = 100, 50_000
SIGNIFICANT = 0.001
MIN_CHANGE = 0.02  # of the labels' mean, or of their spread where they are numbers


class LabelChange(StrEnum):
    """What the labels say, given the scores."""

    NONE = "no change"
    PRIOR_SHIFT = "prior shift"
    CONCEPT = "concept change"


@dataclass(frozen=True, slots=True)
class CalibrationShift:
    """Likelihood-ratio test (2 df) that intercept and slope of label on score are the same in both windows.

    ``intercept`` and ``slope`` are the changes, in log-odds (0/1 labels) or label units. ``change`` says which kind it
    is. ``label_rate`` is the labels' mean now, ``expected_rate`` what the scores lead one to expect if nothing else
    changed, ``prior_rate`` what the scores alone (Saerens, Latinne and Decaestecker 2002) would make it under a prior
    shift; None for numeric labels.
    """

    chi_square: float
    p_value: float
    intercept: float
    slope: float
    change: LabelChange
    label_rate: float
    expected_rate: float
    healthy_rate: float
    prior_rate: float | None
    n_baseline: int
    n_current: int


def calibration_shift(
    labels: np.ndarray,
    scores: np.ndarray,
    current_labels: np.ndarray,
    current_scores: np.ndarray,
    *,
    design_effect: float = 1.0,
) -> CalibrationShift:
    """Regress label on logit(score) with and without an interaction with the window; NaN labels are left out.

    ``design_effect`` divides the statistic where rows are clustered. Raises Unmeasurable with fewer than 100 labels in
    a window, one class only, or scores that don't vary.
    """
    y, x = _known(labels, scores)
    y_now, x_now = _known(current_labels, current_scores)
    if min(len(y), len(y_now)) < MIN_ROWS:
        raise Unmeasurable(
            f"calibration needs {MIN_ROWS} labels in each window, there are {len(y)} and {len(y_now)}",
            hint="wait for labels, or widen the window",
        )
    both = np.concatenate([y, y_now])
    binary = bool(np.isin(both, (0.0, 1.0)).all())
    for name, part in (("healthy", y), ("current", y_now)):
        if part.min() == part.max():
            raise Unmeasurable(
                f"every label of the {name} window is {part[0]:g}", hint="check the label pipeline; widen the window"
            )
    if binary:
        x, x_now = logit(x), logit(x_now)
    if x.std() < 1e-9 or x_now.std() < 1e-9:
        raise Unmeasurable("the scores of a window are all the same", hint="check what the model served")
    score, window = np.concatenate([x, x_now]), np.repeat([0.0, 1.0], [len(x), len(x_now)])
    restricted = np.column_stack([np.ones_like(score), score])
    full = np.column_stack([restricted, window, window * score])
    small, large = _fit(both, restricted, binary), _fit(both, full, binary)
    statistic = max(0.0, 2 * (large.llf - small.llf)) / design_effect
    p_value = float(scipy.stats.chi2.sf(statistic, 2))
    intercept, slope = float(large.params[2]), float(large.params[3])
    healthy = _fit(y, np.column_stack([np.ones_like(x), x]), binary)
    linear = healthy.params[0] + healthy.params[1] * x_now
    expected = _sigmoid(linear) if binary else linear
    change, prior = LabelChange.NONE, None
    if binary:
        prior = prior_from_scores(expected, float(y.mean()))
    # Large windows make trifles significant: the labels must also miss the scores by something that matters.
    missed = _fitted(large, full[len(x) :], binary) - (_sigmoid(linear) if binary else linear)
    matters = float(np.abs(missed).mean()) > MIN_CHANGE * (1.0 if binary else float(both.std()))
    if p_value < SIGNIFICANT and matters:
        change = LabelChange.CONCEPT
        if prior is not None and _is_prior_shift(y, y_now, prior, x, slope, large.bse[3] * np.sqrt(design_effect)):
            change = LabelChange.PRIOR_SHIFT
    return CalibrationShift(
        chi_square=statistic,
        p_value=p_value,
        intercept=intercept,
        slope=slope,
        change=change,
        label_rate=float(y_now.mean()),
        expected_rate=float(expected.mean()),
        healthy_rate=float(y.mean()),
        prior_rate=prior,
        n_baseline=len(y),
        n_current=len(y_now),
    )


def logit(p: np.ndarray) -> np.ndarray:
    """Log-odds of probabilities, kept 1e-6 away from 0 and 1."""
    clipped = np.clip(p, 1e-6, 1 - 1e-6)
    odds: np.ndarray = np.log(clipped) - np.log1p(-clipped)
    return odds


def prior_from_scores(scores: np.ndarray, healthy_rate: float, *, rounds: int = 200) -> float:
    """The label rate that calibrated ``scores`` point to under a pure prior shift, by EM (Saerens et al. 2002)."""
    rate = healthy_rate
    for _ in range(rounds):
        odds = rate / healthy_rate, (1 - rate) / (1 - healthy_rate)
        posterior = odds[0] * scores / np.maximum(odds[0] * scores + odds[1] * (1 - scores), 1e-12)
        fresh = float(np.clip(posterior.mean(), 1e-4, 1 - 1e-4))
        if abs(fresh - rate) < 1e-6:
            break
        rate = fresh
    return rate


def _is_prior_shift(
    y: np.ndarray, y_now: np.ndarray, prior: float, x: np.ndarray, slope: float, slope_error: float
) -> bool:
    """The label rate went, clearly, to where the scores alone say, and the slope stayed."""
    before, after = float(y.mean()), float(y_now.mean())
    # The EM estimate rests on scores that separate the classes; with d' apart its error is about 1 / d'.
    gap = abs(float(x[y == 1].mean() - x[y == 0].mean())) / max(float(x.std()), 1e-9)
    sampling = np.sqrt(after * (1 - after) / len(y_now) + before * (1 - before) / len(y))
    error = sampling * (1 + 2 / max(gap, 0.1))
    moved = abs(after - before) > 3 * sampling
    return moved and abs(prior - after) < max(3 * error, abs(after - before) / 3) and abs(slope) < 4 * slope_error


def _known(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.asarray(labels, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if y.shape != x.shape:
        raise ValueError(f"{len(y)} labels for {len(x)} scores")
    known = np.flatnonzero(np.isfinite(y) & np.isfinite(x))
    if len(known) > MAX_ROWS:
        known = known[np.linspace(0, len(known) - 1, MAX_ROWS).astype(np.int64)]
    return y[known], x[known]


def _fit(y: np.ndarray, design: np.ndarray, binary: bool) -> "RegressionResults":
    from statsmodels.discrete.discrete_model import Logit  # of statsmodels.api most modules are not needed here
    from statsmodels.regression.linear_model import OLS
    from statsmodels.tools.sm_exceptions import PerfectSeparationError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return Logit(y, design).fit(disp=0, maxiter=100) if binary else OLS(y, design).fit()
        except (np.linalg.LinAlgError, PerfectSeparationError) as error:
            raise Unmeasurable(
                f"label on score can't be regressed ({error})", hint="widen the window: the scores separate the labels"
            ) from error


def _fitted(model: "RegressionResults", design: np.ndarray, binary: bool) -> np.ndarray:
    linear: np.ndarray = design @ model.params
    return _sigmoid(linear) if binary else linear


def _sigmoid(x: np.ndarray) -> np.ndarray:
    result: np.ndarray = 1 / (1 + np.exp(-np.clip(x, -30, 30)))
    return result
