"""How figures, times and spans are written, in every rendering alike: three significant digits, units, UTC."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise

NOTHING = "—"
"""Stands where a figure is not known; never a zero."""

_PERCENT_OF_ONE = frozenset({"ratio", "share", "fraction", "proportion"})
_PERCENT = frozenset({"percent", "%"})
_POINTS = frozenset({"percent points", "percentage points", "pp"})
_BARE = frozenset({"", "probability", "count", "1"})
_TIMES = frozenset({"times", "×", "x", "factor"})
_SECONDS = {
    "seconds": 1.0,
    "s": 1.0,
    "milliseconds": 1e-3,
    "ms": 1e-3,
    "minutes": 60.0,
    "hours": 3600.0,
    "days": 86400.0,
}
_SPANS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_BYTES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "B"))


def number(value: float, digits: int = 3) -> str:
    """``value`` to ``digits`` significant digits, thousands separated; whole numbers in full, NaN as a dash.

    >>> number(0.098765), number(1234567), number(9.9996), number(-3e-7)
    ('0.0988', '1,234,567', '10.0', '−3.00e-7')
    """
    if math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == int(value) and abs(value) < 1e15:
        return _minus(f"{int(value):,}")
    return _significant(value, digits)


def figure(value: float | None, unit: str = "") -> str:
    """``value`` with its unit, as a person reads it; ratios in percent, seconds in the unit that fits.

    >>> figure(0.0952, "ratio"), figure(0.412, "seconds"), figure(0.31, "nats"), figure(None, "ms")
    ('9.52%', '412 ms', '0.310 nats', '—')
    """
    if value is None or math.isnan(value):
        return NOTHING
    if unit in _PERCENT_OF_ONE:
        return percent(value)
    if unit in _PERCENT:
        return f"{_fixed(value)}%"
    if unit in _POINTS:
        return f"{_fixed(value)} percent points"
    if unit in _BARE:
        return number(value)
    if unit in _TIMES:
        return f"{number(value)}×"
    if unit in _SECONDS:
        return span(value * _SECONDS[unit])
    if unit == "bytes":
        size, name = next((item for item in _BYTES if abs(value) >= item[0]), _BYTES[-1])
        return f"{number(value / size)} {name}"
    return f"{number(value)} {unit}"


def decimals(value: float, places: int) -> str:
    """``value`` with so many decimals, for a column of figures.

    >>> decimals(0.0831, 3), decimals(-0.00001, 3)
    ('0.083', '0.000')
    """
    return _minus(f"{round(value, places) or 0.0:,.{places}f}")


def percent(value: float) -> str:
    """A fraction in percent.

    >>> percent(0.15), percent(1), percent(-0.0004)
    ('15.0%', '100%', '−0.0400%')
    """
    return f"{_fixed(value * 100)}%"


def whole_percent(value: float) -> str:
    """A fraction in whole percent, as far as an estimate of a probability or a share carries.

    >>> whole_percent(0.914), whole_percent(0.998), whole_percent(0.003), whole_percent(0), whole_percent(-0.12)
    ('91%', '>99%', '<1%', '0%', '−12%')
    """
    rounded = round(100 * value)
    if rounded == 100 and value < 1:
        return ">99%"
    if rounded == 0 and value > 0:
        return "<1%"
    return f"{number(float(rounded))}%"


def interval(low: float | None, high: float | None, unit: str = "") -> str:
    """``low to high``, or nothing where neither end is known.

    >>> interval(-0.171, -0.129, "ratio"), interval(None, None)
    ('−17.1% to −12.9%', '')
    >>> interval(0.28, 0.34, "nats"), interval(0.9, 2.5, "seconds")
    ('0.280 to 0.340 nats', '900 ms to 2.50 s')
    """
    if low is None and high is None:
        return ""
    first, last = figure(low, unit), figure(high, unit)
    tail = f" {last.rpartition(' ')[2]}"
    return f"{first.removesuffix(tail) if ' ' in last else first} to {last}"


def with_interval(value: float | None, low: float | None, high: float | None, unit: str = "") -> str:
    """The figure and, where known, its interval in parentheses.

    >>> with_interval(0.31, 0.28, 0.34, "nats")
    '0.310 nats (0.280 to 0.340 nats)'
    """
    between = interval(low, high, unit)
    return figure(value, unit) + (f" ({between})" if between else "")


def difference(value: float, unit: str) -> str:
    """A signed difference between two figures in ``unit``; between two ratios it is in percent points.

    >>> difference(-0.0143, "ratio"), difference(0.2, "seconds"), difference(0, "ratio")
    ('−1.43 percent points', '+200 ms', '0 percent points')
    """
    text = figure(value * 100, "pp") if unit in _PERCENT_OF_ONE else figure(value, "pp" if unit in _PERCENT else unit)
    return f"+{text}" if value > 0 else text


def signed_percent(value: float) -> str:
    return f"+{percent(value)}" if value > 0 else percent(value)


def span(seconds: float) -> str:
    """A length of time in the one or two units that fit.

    >>> span(172800), span(1209600), span(22345), span(1.5), span(0.0004), span(-90)
    ('48 h', '14 d', '6 h 12 min', '1.50 s', '0.400 ms', '−90 s')
    """
    if not math.isfinite(seconds):
        return NOTHING
    size = abs(seconds)
    if size == 0:
        return "0 s"
    if size < 1:
        return f"{number(seconds * 1e3)} ms"
    if size < 120:
        return f"{number(seconds)} s"
    index = next(i for i, (length, _) in enumerate(_SPANS) if size >= length * (3 if length == 86400 else 1))
    (large, large_name), (small, small_name) = _SPANS[index], _SPANS[index + 1]
    whole, rest = divmod(round(size / small), large // small)
    tail = f" {rest} {small_name}" if rest else ""
    return _minus(f"{'-' if seconds < 0 else ''}{whole} {large_name}{tail}")


def moment(at: datetime) -> str:
    """``2026-11-23 19:03 UTC``, with seconds where there are any."""
    return f"{clock(at)} UTC"


def between(low: datetime, high: datetime) -> str:
    """``2026-11-18 10:40 to 12:40 UTC``; the day is said again only where it is another."""
    first, last = clock(low), clock(high)
    return f"{first} to {last[11:] if first[:10] == last[:10] else last} UTC"


def clock(at: datetime) -> str:
    """`moment` without the zone, for a column that says UTC in its head."""
    at = at.astimezone(UTC)
    return f"{at:%Y-%m-%d %H:%M:%S}" if at.second else f"{at:%Y-%m-%d %H:%M}"


def tick_labels(ticks: Sequence[float], unit: str) -> tuple[str, ...]:
    """Labels for evenly spaced ``ticks`` of an axis: as few decimals as tell them apart."""
    factor, suffix = (100.0, "%") if unit in _PERCENT_OF_ONE else (1.0, "%" if unit in _PERCENT else "")
    scaled = [tick * factor for tick in ticks]
    gap = min((abs(b - a) for a, b in pairwise(scaled)), default=abs(scaled[0]) if scaled else 1.0) or 1.0
    places = min(12, max(0, -math.floor(math.log10(gap) + 1e-9)))
    while places < 12 and any(abs(round(tick, places) - tick) > gap * 0.01 for tick in scaled):
        places += 1
    return tuple(f"{decimals(tick, places)}{suffix}" for tick in scaled)


def axis_unit(unit: str) -> str:
    """What an axis is headed with beside its labels: nothing for ratios, whose labels carry the percent sign."""
    return "" if unit in _PERCENT_OF_ONE | _PERCENT | _BARE else unit


def _fixed(value: float) -> str:
    """Three significant digits, also of whole numbers (``15.0``), but for none and all."""
    return number(value) if value in (0, 100, -100) or not math.isfinite(value) else _significant(value, 3)


def _significant(value: float, digits: int) -> str:
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    power = int(exponent)
    if power < -4 or power >= 15:
        return _minus(f"{mantissa}e{power}")
    return _minus(f"{value:,.{max(0, digits - 1 - power)}f}")


def _minus(text: str) -> str:
    return text.replace("-", "−", 1) if text.startswith("-") else text
