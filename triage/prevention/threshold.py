"""Where a rule's threshold lies: at what is promised where history kept it, else beyond what healthy time reached."""

import math
from dataclasses import dataclass

import numpy as np

from triage.prevention.nouns import Worse

FEWEST_POINTS = 24
MARGIN = 1.25
"""A threshold lies a quarter further from the usual level than healthy time ever went, as a difference or as a ratio:
whichever is nearer."""


@dataclass(frozen=True, slots=True)
class Threshold:
    value: float
    why: str


def choose(healthy: np.ndarray, worse: Worse, *, floor: float | None, target: float | None) -> Threshold | None:
    """The threshold for a figure whose ``healthy`` values (shape (n,), NaN a gap) are known; None with too few.

    >>> choose(np.linspace(0.0, 0.04, 100), Worse.HIGHER, floor=0.1, target=None)
    Threshold(value=0.1, why='the least that matters; healthy time reached 0.04')
    >>> choose(np.linspace(0.1, 0.2, 101), Worse.HIGHER, floor=0.1, target=None).value
    0.22
    >>> choose(np.linspace(100.0, 400.0, 101), Worse.LOWER, floor=None, target=500.0).value
    79.0
    >>> choose(np.linspace(0.098, 0.102, 101), Worse.LOWER, floor=None, target=0.095)
    Threshold(value=0.095, why='what is promised; healthy time kept it')
    """
    known = healthy[np.isfinite(healthy)]
    if len(known) < FEWEST_POINTS:
        return None
    sign = 1.0 if worse is Worse.HIGHER else -1.0
    usual = float(np.median(known))
    worst = usual + sign * max(0.0, float((sign * (known - usual)).max()))
    if target is not None and sign * (target - worst) >= 0:
        return Threshold(target, "what is promised; healthy time kept it")
    beyond = usual + MARGIN * (worst - usual)
    if usual > 0 and worst > 0:
        with np.errstate(over="ignore"):
            by_ratio = float(usual * np.power(np.float64(worst / usual), MARGIN))
        beyond = sign * min(sign * beyond, sign * by_ratio)
    if floor is not None and sign * (floor - beyond) >= 0:
        return Threshold(floor, f"the least that matters; healthy time reached {worst:.3g}")
    up = worse is Worse.HIGHER
    value = _rounded(beyond, up=up)
    if value == worst == usual:
        value = _rounded(usual + sign * max(abs(usual) * 0.05, 1e-6), up=up)
    if sign * (value - worst) < 0:  # lost in rounding
        value = worst
    kept = "" if target is None else f"; healthy time did not keep the {target:g} that is promised"
    return Threshold(value, f"a quarter beyond the {worst:.3g} that healthy time reached{kept}")


def _rounded(value: float, *, up: bool) -> float:
    """Two significant digits, away from the healthy side."""
    if abs(value) < 1e-290 or not math.isfinite(value):
        return value
    size = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    return float(f"{(math.ceil if up else math.floor)(round(value / size, 6)) * size:.6g}")
