"""Paired bootstrap over clusters or blocks of rows.

Rows of one user, session or hour are not independent, so whole units are drawn, never rows. Both models are scored on
the same drawn rows, which cancels what the rows have in common.
"""

import numpy as np
import scipy

from triage.trial.verdict import Interval

MAX_UNITS = 2_000


def resampling_units(
    n_rows: int, cluster: np.ndarray | None = None, *, block_rows: int = 1, max_units: int = MAX_UNITS
) -> np.ndarray:
    """The unit each row is drawn with, int64 codes ``0..k-1``, shape (n_rows,).

    With ``cluster`` (any dtype, shape (n_rows,)) a unit is a cluster; without, a run of ``block_rows`` consecutive
    rows. More than ``max_units`` units are merged into neighbours: the interval stays valid and its cost bounded.
    """
    if cluster is None:
        codes = np.arange(n_rows) // max(1, block_rows)
    else:
        if len(cluster) != n_rows:
            raise ValueError(f"{len(cluster)} cluster ids for {n_rows} rows: one for each row is needed")
        codes = np.unique(cluster, return_inverse=True)[1].reshape(-1)
    count = int(codes.max()) + 1 if n_rows else 0
    return codes * max_units // count if count > max_units else codes


def sums_by_unit(values: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Column sums within each unit: ``values`` (n, columns) and ``units`` (n,) give (k, columns)."""
    count = int(units.max()) + 1
    return np.stack([np.bincount(units, weights=column, minlength=count) for column in values.T], axis=1)


def resampled_sums(sums: np.ndarray, rng: np.random.Generator, replicates: int) -> np.ndarray:
    """Totals of ``sums`` (k, columns) over k units drawn with replacement: (replicates, columns)."""
    k = len(sums)
    totals = np.empty((replicates, sums.shape[1]))
    chunk = max(1, 4_000_000 // k)
    for start in range(0, replicates, chunk):
        rows = min(chunk, replicates - start)
        totals[start : start + rows] = rng.multinomial(k, np.full(k, 1 / k), size=rows) @ sums
    return totals


def percentile_interval(value: float, draws: np.ndarray, n_units: int, confidence: float = 0.95) -> Interval:
    """Expanded percentile interval: percentiles moved out to the t quantile, so that few units do not narrow it.

    Hesterberg (2015), What teachers should know about the bootstrap, section 4.3. Non-finite draws count as the worst
    on either side.
    """
    if n_units < 2:
        return Interval(value, -np.inf, np.inf, confidence)
    tail = scipy.stats.norm.cdf(
        -np.sqrt(n_units / (n_units - 1)) * scipy.stats.t.ppf((1 + confidence) / 2, n_units - 1)
    )
    low = np.quantile(np.where(np.isfinite(draws), draws, -np.inf), tail, method="lower")
    high = np.quantile(np.where(np.isfinite(draws), draws, np.inf), 1 - tail, method="higher")
    return Interval(value, float(low), float(high), confidence)


def p_at_most(draws: np.ndarray, limit: float, n_units: int) -> float:
    """One-sided p-value of "the true value is at most ``limit``", the test that `percentile_interval` inverts.

    Where fewer than ten draws reach the limit their t approximation is used: counted, no p-value could be smaller than
    one in the number of draws, and a correction over many segments could never find harm.
    """
    if n_units < 2:
        return 1.0
    reaching = np.count_nonzero(~(draws > limit))
    spread = float(draws.std(ddof=1) * np.sqrt(n_units / (n_units - 1))) if np.all(np.isfinite(draws)) else np.inf
    if reaching < 10 and 0 < spread < np.inf:
        return float(scipy.stats.t.cdf((limit - draws.mean()) / spread, n_units - 1))
    share = (1 + reaching) / (len(draws) + 1)
    return float(
        scipy.stats.t.cdf(scipy.stats.norm.ppf(min(share, 1 - 1e-12)) * np.sqrt((n_units - 1) / n_units), n_units - 1)
    )


def design_effect(values: np.ndarray, cluster: np.ndarray) -> float:
    """How many times larger the variance of the mean is than for independent rows, at least 1; inputs (n,).

    Kish (1965): the variance of cluster totals over n times that of single rows.
    """
    codes = np.unique(cluster, return_inverse=True)[1].reshape(-1)
    centred = np.asarray(values, dtype=np.float64) - np.mean(values)
    alone, k = float(np.sum(centred**2)), int(codes.max()) + 1
    if alone == 0 or k < 2:
        return 1.0
    return max(1.0, float(np.sum(np.bincount(codes, weights=centred) ** 2)) / alone * k / (k - 1))
