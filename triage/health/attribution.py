"""How much of a KPI's drop the infrastructure's signals predict, by what both did while all was well."""

from dataclasses import dataclass

import numpy as np

from triage.health.robust import block_length, block_resample, effective_size, robust_scale

FEWEST_ROWS = 48
FOLDS = 5
DRAWS = 200
LEVEL = 0.90
PENALTIES = (0.01, 0.1, 1.0, 10.0, 100.0)


@dataclass(frozen=True, slots=True)
class Attribution:
    """``share`` of the KPI's shift that the signals predict (1 is all of it), with a 90% interval, and each signal's
    part of it. ``r_squared`` is measured on blocks of healthy history that the fit had not seen. ``extrapolated`` names
    signals that are now outside their healthy range: what they predict is a straight line drawn on."""

    share: float
    low: float
    high: float
    parts: tuple[float, ...]
    r_squared: float
    rows: int
    extrapolated: tuple[int, ...]


def attribute(
    kpi_history: np.ndarray,
    signals_history: np.ndarray,
    kpi_current: np.ndarray,
    signals_current: np.ndarray,
    rng: np.random.Generator,
) -> Attribution | str:
    """Ridge regression of the KPI's deseasonalised residual, shape (n,), on the signals', (n, k), over history; then
    its prediction for the current window, (m,) and (m, k). Rows with a gap are left out. Or why it can't be done.

    Columns are scaled by their robust spread and clipped at ten of them for the fit. The penalty is chosen by blocked
    cross-validation; the interval is a block bootstrap over history and window together (Künsch 1989).
    """
    known = ~np.isnan(kpi_history) & ~np.isnan(signals_history).any(axis=1)
    y, x = kpi_history[known], signals_history[known]
    now = ~np.isnan(kpi_current) & ~np.isnan(signals_current).any(axis=1)
    if y.size < FEWEST_ROWS:
        return f"only {y.size} moments of healthy history where the KPI and the signals are known, {FEWEST_ROWS} needed"
    if now.sum() < 2:
        return "the KPI and the signals are not known together in the window"
    scale = np.array([robust_scale(column) or float(np.std(column)) for column in x.T])
    usable = scale > 0
    if not usable.any():
        return "the signals never moved in healthy history, so what they do to the KPI was never seen"
    shift = float(np.median(kpi_current[now]) - np.median(y))
    if shift == 0:
        return "the KPI did not move"
    unit = np.where(usable, scale, 1.0)
    centre = np.median(x, axis=0)
    design = np.clip((x - centre) / unit, -10, 10) * usable
    moved = (signals_current[now] - centre) / unit * usable
    target = y - np.median(y)
    penalty, r_squared = _choose_penalty(design, target)
    parts = np.median(moved, axis=0) * _fit(design, target, penalty) / shift
    block = block_length(y.size, effective_size(target) / y.size)
    past = block_resample(y.size, block, DRAWS, rng)
    present = block_resample(int(now.sum()), min(block, max(1, int(now.sum()) // 3)), DRAWS, rng)
    kpi_now = kpi_current[now] - np.median(y)
    shares = np.array(
        [
            float(np.median(moved[here], axis=0) @ _fit(design[rows], target[rows], penalty))
            / (float(np.median(kpi_now[here])) or shift)
            for rows, here in zip(past, present, strict=True)
        ]
    )
    low, high = np.quantile(shares, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    share = float(parts.sum())
    reach = np.quantile(np.abs(design), 0.999, axis=0)
    outside = np.flatnonzero((np.abs(np.median(moved, axis=0)) > 1.5 * reach) | ~usable)
    return Attribution(
        share=share,
        low=min(float(low), share),
        high=max(float(high), share),
        parts=tuple(float(part) for part in parts),
        r_squared=r_squared,
        rows=int(y.size),
        extrapolated=tuple(int(column) for column in outside),
    )


def _fit(design: np.ndarray, target: np.ndarray, penalty: float) -> np.ndarray:
    """Ridge coefficients with the intercept left free; the penalty is per row, so it does not fade with n."""
    middle = design.mean(axis=0)
    centred = design - middle
    gram = centred.T @ centred / target.size + penalty * np.eye(design.shape[1])
    return np.linalg.solve(gram, centred.T @ (target - target.mean()) / target.size)


def _choose_penalty(design: np.ndarray, target: np.ndarray) -> tuple[float, float]:
    """The penalty with the least error on held-out contiguous blocks, and the share of variance explained there."""
    fold = np.arange(target.size) * FOLDS // target.size
    best = (float("inf"), PENALTIES[-1])
    for penalty in PENALTIES:
        error = 0.0
        for held in range(FOLDS):
            seen = fold != held
            fitted = _fit(design[seen], target[seen], penalty)
            guess = target[seen].mean() + (design[~seen] - design[seen].mean(axis=0)) @ fitted
            error += float(np.sum((target[~seen] - guess) ** 2))
        best = min(best, (error, penalty))
    total = float(np.sum((target - target.mean()) ** 2))
    return best[1], max(0.0, 1 - best[0] / total) if total > 0 else 0.0
