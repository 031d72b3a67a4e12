"""Did the concept change? The error at equal inputs, in both windows.

The loss of each window is averaged over the inputs that both share (density proportional to pq/(p+q), from a
cross-fitted domain classifier), and compared there: what remains cannot be due to different inputs. Decomposition of
the difference as in Cai, Namkoong and Yadlowsky 2023 (DISDE); the overlap weights lie in [0, 1] by construction, so
none explodes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from triage.drift.attribution.reweight import effective_rows
from triage.drift.codes import as_floats, encode, fit_coding, is_number
from triage.drift.resample import block_sums, difference
from triage.errors import Unmeasurable

MIN_ROWS, MIN_SHARED_ROWS = 100, 50
MAX_ROWS, MAX_CELLS = 20_000, 1_500_000
MAX_CLASSES = 200
BINS = 255
RUNS = 20
MAX_RATIO, MOST_SEPARABLE = 20.0, 0.9


@dataclass(frozen=True, slots=True)
class ConceptShift:
    """All in the loss's unit per row; the three parts add up to ``total``, current minus baseline loss.

    ``concept`` is the change at equal inputs, with its 95% block-bootstrap interval and z; ``inputs`` is what the
    baseline's own loss changes on moving to the shared inputs and the current loss on moving from them. ``at_current``
    is the change at the *current* inputs, with its interval: the part of ``total`` that the inputs do not explain. It
    needs the current inputs to be covered by the baseline (None where they are not).
    ``separability`` is the domain classifier's AUC (0.5: same inputs, 1: nothing shared); ``shared_baseline`` and
    ``shared_current`` are effective row counts on the shared inputs.
    """

    total: float
    concept: float
    low: float
    high: float
    z: float
    inputs: float
    separability: float
    shared_baseline: float
    shared_current: float
    n_baseline: int
    n_current: int
    at_current: tuple[float, float, float] | None = None

    @property
    def changed(self) -> bool:
        """The interval of the change at equal inputs excludes 0."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class Overlap:
    """Weights of shape (n,) and (m,) that give both windows the same inputs, and how separable the windows were."""

    baseline: np.ndarray
    current: np.ndarray
    separability: float


def overlap(
    baseline: pd.DataFrame,
    current: pd.DataFrame,
    features: Sequence[str],
    rng: np.random.Generator,
    *,
    baseline_blocks: np.ndarray | None = None,
    current_blocks: np.ndarray | None = None,
) -> Overlap:
    """Overlap weights from a boosted-tree domain classifier, cross-fitted in two folds with balanced windows.

    Numbers enter in 255 bins of equal mass, categories as codes ordered by frequency (200 at most). Whole blocks go to
    one fold or the other (runs of neighbouring rows without blocks): rows of one hour that share the same weather would
    give each other away, and the windows would seem to have nothing in common.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    inputs = np.column_stack([_input(baseline[name], current[name]) for name in features])
    n, m = len(baseline), len(current)
    domain = np.repeat([0, 1], [n, m])
    weight = np.where(domain == 1, 0.5 / m, 0.5 / n) * (n + m)
    fold = np.concatenate([_fold(n, baseline_blocks, rng), _fold(m, current_blocks, rng)])
    chance = np.empty(n + m)
    for held in (0, 1):
        seed = int(rng.integers(2**31))
        model = HistGradientBoostingClassifier(
            max_iter=60, max_leaf_nodes=15, min_samples_leaf=max(20, (n + m) // 400), random_state=seed,
            l2_regularization=1.0, early_stopping=False,
        )  # fmt: skip
        learn = fold != held
        with threadpool_limits(1):  # small fits; threads that spin beside a busy server cost more than they win
            model.fit(inputs[learn], domain[learn], sample_weight=weight[learn])
            chance[~learn] = model.predict_proba(inputs[~learn])[:, 1]
    return Overlap(chance[:n], 1 - chance[n:], float(roc_auc_score(domain, chance)))


def error_at_equal_inputs(
    baseline: pd.DataFrame,
    baseline_loss: np.ndarray,
    current: pd.DataFrame,
    current_loss: np.ndarray,
    features: Sequence[str],
    rng: np.random.Generator,
    *,
    baseline_blocks: np.ndarray | None = None,
    current_blocks: np.ndarray | None = None,
) -> ConceptShift:
    """Compare ``baseline_loss`` (n,) and ``current_loss`` (m,) at equal inputs; NaN marks rows without a label.

    ``features`` are the inputs to hold equal (no ids, no calendar). ``…_blocks`` name what rows are clustered by (hour,
    day, user). Raises Unmeasurable with fewer than 100 labelled rows in a window, or when they share too few inputs.
    """
    before, now = _labelled(baseline, baseline_loss), _labelled(current, current_loss)
    if min(len(before), len(now)) < MIN_ROWS:
        raise Unmeasurable(
            f"{len(now)} labelled rows now and {len(before)} before; equal inputs need {MIN_ROWS} of each",
            hint="wait for labels, or widen the window",
        )
    most = int(np.clip(MAX_CELLS // max(len(features), 1), MIN_ROWS * 2, MAX_ROWS))
    before, now = (np.sort(rng.permutation(rows)[:most]) for rows in (before, now))
    loss, loss_now = baseline_loss[before], current_loss[now]
    usable = [name for name in features if name in baseline and name in current]
    if not usable:
        raise Unmeasurable("no feature is in both windows", hint="compare the datasets' columns with the catalogue")
    blocks = None if baseline_blocks is None else np.asarray(baseline_blocks)[before]
    blocks_now = None if current_blocks is None else np.asarray(current_blocks)[now]
    shared = overlap(
        baseline.iloc[before], current.iloc[now], usable, rng, baseline_blocks=blocks, current_blocks=blocks_now
    )
    rows, rows_now = effective_rows(shared.baseline), effective_rows(shared.current)
    if min(rows, rows_now) < MIN_SHARED_ROWS or shared.separability > 0.995:
        raise Unmeasurable(
            f"the windows share too few inputs to compare errors (separability {shared.separability:.3f})",
            hint="choose a baseline of the same season, or leave out features that only tell the time",
        )
    change, low, high, error = difference(
        block_sums(loss, blocks, shared.baseline), block_sums(loss_now, blocks_now, shared.current), rng
    )
    total = float(loss_now.mean() - loss.mean())
    return ConceptShift(
        total=total,
        concept=change,
        low=low,
        high=high,
        z=change / max(error, 1e-12),
        inputs=total - change,
        separability=shared.separability,
        shared_baseline=rows,
        shared_current=rows_now,
        n_baseline=len(before),
        n_current=len(now),
        at_current=_at_current(loss, loss_now, shared, blocks, blocks_now, rng),
    )


def _at_current(
    loss: np.ndarray,
    loss_now: np.ndarray,
    shared: Overlap,
    blocks: np.ndarray | None,
    blocks_now: np.ndarray | None,
    rng: np.random.Generator,
) -> tuple[float, float, float] | None:
    """The current loss beside the baseline's, weighted to the current inputs (density ratio of the classifier)."""
    weights = np.minimum(shared.baseline / np.maximum(1 - shared.baseline, 1e-6), MAX_RATIO)
    if shared.separability > MOST_SEPARABLE or effective_rows(weights) < MIN_ROWS:
        return None
    change, low, high, _ = difference(block_sums(loss, blocks, weights), block_sums(loss_now, blocks_now), rng)
    return change, low, high


def _fold(rows: int, blocks: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    """0 or 1 for each row, the same within a block."""
    place = np.arange(rows) * RUNS // max(rows, 1) if blocks is None else np.unique(blocks, return_inverse=True)[1]
    folds: np.ndarray = (rng.permutation(int(place.max(initial=0)) + 1) % 2)[place]
    return folds


def _labelled(frame: pd.DataFrame, loss: np.ndarray) -> np.ndarray:
    if len(frame) != len(loss):
        raise ValueError(f"{len(loss)} losses for {len(frame)} rows")
    return np.flatnonzero(~np.isnan(loss))


def _input(baseline: pd.Series, current: pd.Series) -> np.ndarray:
    if is_number(baseline) and is_number(current):
        return _in_bins(np.concatenate([as_floats(baseline), as_floats(current)]))
    coding = fit_coding(baseline, max_categories=MAX_CLASSES)
    return np.concatenate([encode(coding, baseline), encode(coding, current)]).astype(np.float64)


def _in_bins(floats: np.ndarray) -> np.ndarray:
    """``floats`` as the numbers of at most `BINS` bins of equal mass, NaN kept: what the classifier would make of them,
    but it takes each quantile of weighted rows by a sort of its own."""
    known = floats[~np.isnan(floats)]
    if not len(known):
        return np.zeros_like(floats)
    edges = np.unique(np.quantile(known, np.arange(1, BINS) / BINS, method="inverted_cdf"))
    return np.where(np.isnan(floats), np.nan, np.searchsorted(edges, floats, side="left"))
