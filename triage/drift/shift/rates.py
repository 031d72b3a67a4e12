"""Shares of rows that fail in some way (null, unseen, out of range, one value too often), compared between two
windows."""

from dataclasses import dataclass
from math import erfc, sqrt


@dataclass(frozen=True, slots=True)
class RateChange:
    """``change`` is current minus baseline share, with its 95% interval ``[low, high]``; all as fractions of rows."""

    name: str
    baseline: float
    current: float
    low: float
    high: float
    p_value: float
    n_baseline: int
    n_current: int

    @property
    def change(self) -> float:
        return self.current - self.baseline


def wilson_interval(count: float, rows: float, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's score interval of a share (Wilson 1927); [0, 1] without rows.

    >>> low, high = wilson_interval(81, 263)  # Newcombe 1998, table I
    >>> round(low, 4), round(high, 4)
    (0.2553, 0.3662)
    """
    if rows <= 0:
        return 0.0, 1.0
    share, extra = count / rows, z * z / rows
    centre = (share + extra / 2) / (1 + extra)
    half = z / (1 + extra) * sqrt(share * (1 - share) / rows + extra / (4 * rows))
    return max(0.0, centre - half), min(1.0, centre + half)


def rate_change(
    name: str, in_baseline: int, n_baseline: int, in_current: int, n_current: int, design_effect: float = 1.0
) -> RateChange:
    """Two-proportion z-test (pooled), with Newcombe's interval of the difference (Newcombe 1998, method 10).

    >>> change = rate_change("nulls", 48, 80, 56, 70)  # Newcombe's example (a): 56/70 - 48/80 = 0.2000
    >>> round(change.low, 4), round(change.high, 4)
    (0.0524, 0.3339)
    """
    if not n_baseline or not n_current:
        return RateChange(name, 0.0, 0.0, -1.0, 1.0, 1.0, n_baseline, n_current)
    n, m = n_baseline / design_effect, n_current / design_effect
    p, q = in_baseline / n_baseline, in_current / n_current
    p_low, p_high = wilson_interval(p * n, n)
    q_low, q_high = wilson_interval(q * m, m)
    low = (q - p) - sqrt((q - q_low) ** 2 + (p_high - p) ** 2)
    high = (q - p) + sqrt((q_high - q) ** 2 + (p - p_low) ** 2)
    pooled = (in_baseline + in_current) / (n_baseline + n_current)
    spread = sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    p_value = erfc(abs(q - p) / spread / sqrt(2)) if spread else 1.0
    return RateChange(name, p, q, low, high, p_value, n_baseline, n_current)
