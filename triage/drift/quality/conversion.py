"""Has all of a feature changed its unit? Mean and standard deviation of a rescaled column give the factor away."""

import math
from dataclasses import dataclass

from triage.drift.profiles.profile import FeatureProfile
from triage.drift.quality.units import CONVERSIONS, Conversion

TOLERANCE = 0.03


@dataclass(frozen=True, slots=True)
class Rescaled:
    """The current column is the baseline's through ``conversion``; ``misfit`` says how badly that fits, as a
    fraction."""

    conversion: Conversion
    misfit: float


def find_rescaling(baseline: FeatureProfile, current: FeatureProfile) -> Rescaled | None:
    """The known conversion that maps mean and standard deviation of the baseline to the current ones, if one does.

    Both must fit within `TOLERANCE` (the mean: of the larger of mean and standard deviation), and far better than no
    change at all. A column whose mean is near 0 rests on its standard deviation alone, and is not judged.
    """
    before = baseline.mean, baseline.standard_deviation
    now = current.mean, current.standard_deviation
    if not all(map(math.isfinite, (*before, *now))) or not before[1] or not now[1] or abs(before[0]) < 0.2 * before[1]:
        return None
    unchanged = _misfit(before, now, Conversion("no change", 1.0))
    if unchanged <= 5 * TOLERANCE:
        return None
    best = min((Rescaled(known, _misfit(before, now, known)) for known in CONVERSIONS), key=lambda fit: fit.misfit)
    return best if best.misfit <= TOLERANCE and unchanged > 5 * max(best.misfit, TOLERANCE) else None


def _misfit(before: tuple[float, float], now: tuple[float, float], conversion: Conversion) -> float:
    mean, spread = conversion.factor * before[0] + conversion.offset, abs(conversion.factor) * before[1]
    return max(abs(now[1] / spread - 1), abs(now[0] - mean) / max(abs(mean), spread))
