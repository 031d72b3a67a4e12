"""Reading a chart's JSON: a journal may hold any, so each field is checked before it is drawn."""

import math
from collections.abc import Mapping, Sequence
from typing import Any


class ChartFault(ValueError):
    """The chart can't be drawn; the message says what is wrong with which field."""


def text(chart: Mapping[str, Any], key: str) -> str:
    value = chart.get(key, "")
    if not isinstance(value, str):
        raise ChartFault(f"'{key}' is no text")
    return value


def texts(chart: Mapping[str, Any], key: str) -> list[str]:
    return [item if isinstance(item, str) else str(item) for item in _list(chart, key)]


def number(chart: Mapping[str, Any], key: str) -> float | None:
    """The number at ``key``; None where it is missing, null or not finite."""
    value = chart.get(key)
    return None if value is None else _number(value, key)


def numbers(chart: Mapping[str, Any], key: str) -> list[float | None]:
    """The numbers at ``key``, None for null and for what is not finite."""
    return [None if item is None else _number(item, key) for item in _list(chart, key)]


def shares(chart: Mapping[str, Any], key: str) -> list[float]:
    """The numbers at ``key``, none missing. Raises ChartFault."""
    values = numbers(chart, key)
    known = [value for value in values if value is not None]
    if len(known) != len(values):
        raise ChartFault(f"'{key}' has gaps")
    return known


def beside(*columns: tuple[str, Sequence[Any]]) -> None:
    """Raise ChartFault unless all ``columns`` are of one length, and not empty."""
    lengths = {len(values) for _, values in columns}
    if len(lengths) > 1:
        raise ChartFault("lengths differ: " + ", ".join(f"'{name}' {len(values)}" for name, values in columns))
    if lengths == {0}:
        raise ChartFault(f"'{columns[0][0]}' is empty")


def _list(chart: Mapping[str, Any], key: str) -> Sequence[Any]:
    value = chart.get(key)
    if not isinstance(value, list | tuple):
        raise ChartFault(f"'{key}' is no list")
    return value


def _number(value: Any, key: str) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ChartFault(f"'{key}' holds {type(value).__name__}, not numbers")
    try:
        converted = float(value)
    except OverflowError:
        return None
    return converted if math.isfinite(converted) else None
