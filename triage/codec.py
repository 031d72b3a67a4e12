"""Dataclasses and named tuples to JSON values and back, by their annotations. Imports next to nothing.

JSON is canonical: keys sorted, no spaces, floats as Python prints them; NaN and infinity become null, because JSON has
neither. Times are RFC 3339 in UTC.
"""

import enum
import hashlib
import json
import math
import types
import typing
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar, get_args, get_origin

T = TypeVar("T")


def encode(value: Any) -> Any:
    """The JSON value of a noun: dataclasses become objects, tuples lists, enums their value, times text.

    Half characters, such as a command line with bytes that are no UTF-8 gives, become escapes.
    """
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, str):
        return value if value.isascii() else value.encode(errors="backslashreplace").decode()
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime):
        return format_time(value)
    if hasattr(value, "__dataclass_fields__"):
        return {name: encode(getattr(value, name)) for name in value.__dataclass_fields__}
    if hasattr(value, "_asdict"):
        return {name: encode(item) for name, item in value._asdict().items()}
    if isinstance(value, Mapping):
        return {encode(str(key)): encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [encode(item) for item in (sorted(value) if isinstance(value, set | frozenset) else value)]
    if hasattr(value, "__fspath__"):
        return str(value)
    if hasattr(value, "item"):  # a numpy scalar
        return encode(value.item())
    raise TypeError(f"{type(value).__name__} has no JSON form")


def decode(cls: type[T], data: Any) -> T:
    """The noun of type ``cls`` that ``data`` encodes; unknown keys are ignored, missing ones take their defaults."""
    return typing.cast(T, _decode(cls, data))


def canonical(value: Any) -> str:
    """Canonical JSON text: what digests are taken of."""
    return json.dumps(encode(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Any) -> str:
    """``sha256:…`` of the canonical JSON of ``value``."""
    return f"sha256:{hashlib.sha256(canonical(value).encode()).hexdigest()}"


def format_time(at: datetime) -> str:
    """RFC 3339 in UTC with a ``Z``. Raises ValueError on a naive time."""
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """The inverse of `format_time`; any RFC 3339 offset is read. Raises ValueError on a naive time."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return at.astimezone(UTC)


def _decode(hint: Any, data: Any) -> Any:
    origin = get_origin(hint)
    if hint is Any or data is None:
        return data
    if origin in (typing.Union, types.UnionType):
        return _decode(next(option for option in get_args(hint) if option is not type(None)), data)
    if origin is tuple:
        arguments = get_args(hint)
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_decode(arguments[0], item) for item in data)
        return tuple(_decode(argument, item) for argument, item in zip(arguments, data, strict=True))
    if origin is not None and issubclass(origin, Mapping):
        return {key: _decode(get_args(hint)[1], item) for key, item in data.items()}
    if hasattr(hint, "__dataclass_fields__"):
        hints = _hints(typing.cast(type, hint))
        return hint(**{key: _decode(hints[key], item) for key, item in data.items() if key in hints})  # type: ignore[operator]
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return hint(data)
    if hint is datetime:
        return parse_time(data)
    if hint is float:
        return float(data)
    return data


@cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)
