"""Was a number's unit or scale changed, in all rows or in some? A two-part mixture over known conversions."""

from dataclasses import dataclass

import numpy as np

MIN_MOVED, MIN_PARTLY_EXPLAINED = 0.03, 0.5
MAX_LEFT_NEAR, MAX_LEFT_FAR = 0.15, 0.3
MIN_ROWS = 50


@dataclass(frozen=True, slots=True)
class Conversion:
    name: str
    factor: float
    offset: float = 0.0

    @property
    def far(self) -> bool:
        """So large a factor that ordinary drift hardly imitates it."""
        return not 1 / 3 <= self.factor <= 3


@dataclass(frozen=True, slots=True)
class UnitChange:
    """``share`` of the current rows are the baseline's values through ``conversion``.

    ``moved`` is the total variation distance between the windows, ``left`` what of it the mixture does not explain.
    """

    conversion: Conversion
    share: float
    moved: float
    left: float


def _both_ways(name: str, back: str, factor: float) -> tuple[Conversion, Conversion]:
    return Conversion(name, factor), Conversion(back, 1 / factor)


# Knots and miles per hour (×1.15) are left out: a marginal can't tell them from drift, row parity can.
CONVERSIONS: tuple[Conversion, ...] = (
    *(c for k in (10, 100, 1000, 10_000, 1e6) for c in _both_ways(f"times {k:,.0f}", f"divided by {k:,.0f}", k)),
    Conversion("sign flipped", -1.0),
    *_both_ways("minutes to seconds (or hours to minutes)", "seconds to minutes (or minutes to hours)", 60),
    *_both_ways("hours to seconds", "seconds to hours", 3600),
    *_both_ways("days to hours", "hours to days", 24),
    *_both_ways("miles to kilometres", "kilometres to miles", 1.609344),
    *_both_ways("kilograms to pounds", "pounds to kilograms", 2.2046226),
    *_both_ways("metres to feet", "feet to metres", 3.2808399),
    *_both_ways("inches to centimetres", "centimetres to inches", 2.54),
    *_both_ways("metres per second to kilometres per hour", "kilometres per hour to metres per second", 3.6),
    *_both_ways("metres per second to miles per hour", "miles per hour to metres per second", 2.2369363),
    *_both_ways("knots to kilometres per hour", "kilometres per hour to knots", 1.852),
    *_both_ways("inches of mercury to hectopascals", "hectopascals to inches of mercury", 33.863886),
    *_both_ways("gallons to litres", "litres to gallons", 3.7854118),
    Conversion("Fahrenheit to Celsius", 5 / 9, -160 / 9),
    Conversion("Celsius to Fahrenheit", 9 / 5, 32.0),
    Conversion("Celsius to kelvin", 1.0, 273.15),
    Conversion("kelvin to Celsius", 1.0, -273.15),
)


def find_unit_change(
    baseline: np.ndarray, current: np.ndarray, *, conversions: tuple[Conversion, ...] = CONVERSIONS, bins: int = 48
) -> UnitChange | None:
    """The conversion that explains how ``current`` differs from ``baseline`` (1-d floats without NaN), if one does.

    The current histogram is fitted as (1−s)·baseline + s·converted baseline by least squares; the change is believed
    when that leaves at most 15% (30% for factors beyond 3) of the total variation distance, sampling noise taken off. A
    factor near 1 is only believed when all rows carry it: part of the rows at ×1.15 is indistinguishable from drift.
    """
    if min(len(baseline), len(current)) < MIN_ROWS:
        return None
    bins = int(np.clip(min(len(baseline), len(current)) // 15, 6, bins))
    edges = np.unique(
        np.concatenate([np.quantile(sample, np.linspace(0, 1, bins // 2 + 1)) for sample in (baseline, current)])
    )
    if len(edges) < 6:
        return None
    before, now = _shares(baseline, edges), _shares(current, edges)
    noise = float(np.sqrt((before + now) / 2 * (1 / len(baseline) + 1 / len(current))).sum()) / np.sqrt(2 * np.pi)
    moved = float(np.abs(now - before).sum()) / 2
    if moved < MIN_MOVED + 1.5 * noise:
        return None
    best: UnitChange | None = None
    for conversion in conversions:
        converted = _shares(baseline * conversion.factor + conversion.offset, edges)
        step = converted - before
        if not (size := float(step @ step)):
            continue
        share = float(np.clip((now - before) @ step / size, 0, 1))
        left = float(np.abs(now - before - share * step).sum()) / 2
        whole = share > 0.9
        allowed = MAX_LEFT_FAR if conversion.far and abs(conversion.offset) < 1 else MAX_LEFT_NEAR
        if share < MIN_MOVED or (not whole and not conversion.far) or left - 1.2 * noise > allowed * moved:
            continue
        if left > (1 - MIN_PARTLY_EXPLAINED) * moved:  # noise alone must not make a fit
            continue
        if best is None or left < best.left:
            best = UnitChange(conversion, 1.0 if whole else share, moved, left)
    return best


def _shares(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    places = np.searchsorted(edges, values, side="right")
    return np.bincount(places, minlength=len(edges) + 1) / len(values)
