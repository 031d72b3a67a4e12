"""Pydantic's errors as Faults: where in the document, in plain words, with the nearest name that would be right."""

import re
import types
import typing
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from triage.errors import Fault, near

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails


KeyPath = tuple[str | int, ...]


class Located(Protocol):
    """A document that knows where its values stand; ``written`` is the text of each scalar."""

    @property
    def written(self) -> Mapping[KeyPath, str]: ...

    def get(self, path: KeyPath) -> Any: ...

    def fault(self, path: KeyPath, message: str, hint: str = "") -> Fault: ...


_MUST_BE = {
    "bool": "true or false",
    "bytes": "text",
    "date": "a date (2026-11-23)",
    "datetime": "a time (2026-11-23T14:00:00Z)",
    "dataclass": "a mapping ('key: value' lines)",
    "dict": "a mapping ('key: value' lines)",
    "float": "a number",
    "frozen_set": "a list",
    "int": "a whole number",
    "list": "a list",
    "mapping": "a mapping ('key: value' lines)",
    "model": "a mapping ('key: value' lines)",
    "model_attributes": "a mapping ('key: value' lines)",
    "set": "a list",
    "string": "text",
    "time_delta": "a length of time such as 90m, 48h or 14d",
    "tuple": "a list",
}


def faults_of(document: Located, model: "type[BaseModel]", at: KeyPath, error: "ValidationError") -> list[Fault]:
    """Every fault of ``error``, which came of validating the part of ``document`` at ``at`` as ``model``; sorted."""
    details = error.errors(include_url=False)
    faults = {_fault(document, model, at, detail) for detail in details if not _misspelt(detail, details)}
    return sorted(fault for fault in faults if not _other_member(fault, faults))


def _other_member(fault: Fault, faults: set[Fault]) -> bool:
    """Whether ``fault`` says only that a value is not of another type which it might have been."""
    inside = (f"{fault.path}.", f"{fault.path}[")
    return fault.message.startswith("must be ") and any(other.path.startswith(inside) for other in faults)


def _misspelt(missing: "ErrorDetails", details: "list[ErrorDetails]") -> bool:
    """Whether a key that is missing is there under a misspelt name, which is a fault of its own."""
    *parents, key = missing["loc"]
    unknown = (detail["loc"] for detail in details if detail["type"] == "extra_forbidden")
    return missing["type"] == "missing" and any(
        list(other[:-1]) == parents and near(str(other[-1]), [str(key)]) for other in unknown
    )


def _fault(document: Located, model: "type[BaseModel]", at: KeyPath, detail: "ErrorDetails") -> Fault:
    kind, context = detail["type"], detail.get("ctx", {})
    path = _where(document, at, detail["loc"])
    below = path[len(at) :]
    if kind == "missing":
        key = str(detail["loc"][-1])
        known = _field(model, below, key)
        return document.fault((*path, key), f"is missing; {_owner(document, path)} needs it", known)
    if kind == "extra_forbidden":
        allowed = sorted(_keys(model, below[:-1]))
        listing = f"allowed: {', '.join(allowed) or 'none'}" if len(allowed) <= 20 else ""
        return document.fault(path, f"no such key '{path[-1]}'", near(str(path[-1]), allowed, listing=listing))
    if kind in ("enum", "literal_error", "union_tag_invalid"):
        expected = str(context.get("expected") or context.get("expected_tags"))
        allowed = re.findall(r"'([^']*)'", expected) or [expected]
        given = str(context.get("tag") or document.written.get(path, detail["input"]))
        hint = near(given, allowed, listing="allowed: " + ", ".join(allowed))
        return document.fault(path, f"can't be '{given[:40]}'", hint)
    if "error" in context:
        cause = context["error"]
        return document.fault(path, str(cause), getattr(cause, "hint", ""))
    return document.fault(path, *_words(document, path, kind, detail))


def _words(document: Located, path: KeyPath, kind: str, detail: "ErrorDetails") -> tuple[str, str]:
    value, context = detail["input"], detail.get("ctx", {})
    if kind == "string_type" and isinstance(value, int | float):
        return f"must be text, not {_shown(value)}", f'put it in quotes: "{document.written.get(path, value)}"'
    what, _, how = kind.rpartition("_")
    if kind == "int_from_float":
        what, how = "int", "type"
    if how in ("type", "parsing") and what in _MUST_BE:
        shown = "text" if isinstance(value, str) and _MUST_BE[what].startswith("a mapping") else _shown(value)
        return f"must be {_MUST_BE[what]}, not {shown}", ""
    bounds = {"greater_than": "gt", "greater_than_equal": "ge", "less_than": "lt", "less_than_equal": "le"}
    if kind in bounds:
        words = kind.replace("_equal", " or equal").replace("_", " ")
        than = "to" if kind.endswith("equal") else ""
        return f"must be {words}{' ' + than if than else ''} {context[bounds[kind]]:g}, not {_shown(value)}", ""
    if kind == "finite_number":
        return "must be a finite number", ""
    if kind == "string_pattern_mismatch":
        return f"can't be {_shown(value)}: it does not match {context['pattern']}", ""
    if kind in ("string_too_short", "too_short") and not value:
        return "must not be empty", ""
    return detail["msg"][:1].lower() + detail["msg"][1:], ""


def _shown(value: Any) -> str:
    """A value in few words."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f"'{value[:40]}…'" if len(value) > 40 else f"'{value}'"
    return "a mapping" if isinstance(value, Mapping) else "a list"


def _where(document: Located, at: KeyPath, loc: tuple[int | str, ...]) -> KeyPath:
    """The part of pydantic's ``loc`` that stands in the document; names of union members and ``[key]`` fall out."""
    path, value = at, document.get(at)
    for part in loc:
        inside = (isinstance(value, dict) and part in value) or (
            isinstance(value, list) and isinstance(part, int) and part < len(value)
        )
        if inside:
            path, value = (*path, part), value[part]
    return path


def _owner(document: Located, path: KeyPath) -> str:
    return f"'{document.fault(path, '').path}'" if path else "the top of the file"


def _models(hint: Any) -> Iterator["type[BaseModel]"]:
    """The models among the alternatives of a type."""
    from pydantic import BaseModel

    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        for option in typing.get_args(hint):
            yield from _models(option)
    elif typing.get_origin(hint) is typing.Annotated:
        yield from _models(typing.get_args(hint)[0])
    elif isinstance(hint, type) and issubclass(hint, BaseModel):
        yield hint


def _inside(hint: Any, part: str | int) -> Iterator[Any]:
    """The types that the value under ``part`` may have, in a value of type ``hint``."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        for option in arguments:
            yield from _inside(option, part)
    elif origin is typing.Annotated:
        yield from _inside(arguments[0], part)
    elif isinstance(origin, type) and issubclass(origin, Mapping) and len(arguments) == 2:
        yield arguments[1]
    elif origin in (list, tuple) and arguments:
        yield arguments[0]
    else:
        for model in _models(hint):
            for name, field in model.model_fields.items():
                if part in (name, field.alias):
                    yield field.annotation


def _types(model: "type[BaseModel]", path: KeyPath) -> list[Any]:
    hints: list[Any] = [model]
    for part in path:
        hints = [inner for hint in hints for inner in _inside(hint, part)]
    return hints


def _keys(model: "type[BaseModel]", path: KeyPath) -> set[str]:
    """The keys that a mapping at ``path`` may have."""
    found = [inner for hint in _types(model, path) for inner in _models(hint)]
    return {field.alias or name for inner in found for name, field in inner.model_fields.items()}


def _field(model: "type[BaseModel]", path: KeyPath, key: str) -> str:
    """What the model says of its field ``key``."""
    for hint in _types(model, path):
        for inner in _models(hint):
            for name, field in inner.model_fields.items():
                if key in (name, field.alias):
                    return field.description or ""
    return ""
