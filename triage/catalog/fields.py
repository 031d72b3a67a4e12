"""The kinds of value that a catalogue may hold: lengths of time, secrets by reference, paths, PromQL."""

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PrivateAttr,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from triage.document import Wrong
from triage.errors import ConfigError, Fault

_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_DURATION = r"(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h|d|w))+"
_LONGEST = timedelta(days=3660)


def parse_duration(value: Any) -> timedelta:
    """``90m``, ``48h``, ``14d`` or ``1h30m`` as a timedelta. Raises Wrong."""
    if isinstance(value, timedelta):
        return value
    text = value.strip() if isinstance(value, str) else value
    if not isinstance(text, str) or not re.fullmatch(_DURATION, text):
        bare = isinstance(value, int | float) or (isinstance(text, str) and text.isdecimal())
        hint = f"add a unit: {text}s, {text}m or {text}h" if bare else "write it as 90s, 30m, 48h or 14d"
        raise Wrong(f"must be a length of time, not {_short(value)}", hint)
    parts = re.findall(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d|w)", text)
    try:
        length = sum((float(number) * _UNITS[unit] for number, unit in parts), timedelta())
    except OverflowError:
        length = timedelta.max
    if length > _LONGEST:
        raise Wrong(f"is longer than ten years: {_short(value)}")
    return length


def format_duration(length: timedelta) -> str:
    """The inverse of `parse_duration`: ``14d``, ``1h30m``."""
    milliseconds = round(length / timedelta(milliseconds=1))
    text = ""
    for unit in ("d", "h", "m", "s", "ms"):
        count, milliseconds = divmod(milliseconds, round(_UNITS[unit] / timedelta(milliseconds=1)))
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def _positive(length: timedelta) -> timedelta:
    if length <= timedelta():
        raise Wrong("must be longer than zero")
    return length


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration),
    WithJsonSchema({"type": "string", "pattern": f"^{_DURATION}$", "examples": ["90s", "30m", "48h", "14d"]}),
]
PositiveDuration = Annotated[Duration, AfterValidator(_positive)]


def against(folder: Path | None, path: str) -> str:
    """``path`` as seen from ``folder``: absolute paths and ``~`` stay what they are."""
    expanded = Path(path).expanduser()
    return str(expanded if folder is None or expanded.is_absolute() else folder / expanded)


def folder_of(info: ValidationInfo) -> Path | None:
    """The catalogue's folder, which relative paths are seen from."""
    return (info.context or {}).get("folder")


def _in_folder(path: str, info: ValidationInfo) -> str:
    if not path.strip():
        raise Wrong("must not be empty")
    return against(folder_of(info), path)


RelativePath = Annotated[
    str,
    AfterValidator(_in_folder),
    WithJsonSchema({"type": "string", "minLength": 1, "description": "A path; relative to the catalogue's folder."}),
]


def _short(value: Any) -> str:
    if value is None:
        return "empty"
    text = str(value) if isinstance(value, str | int | float) else type(value).__name__
    return f"'{text[:40]}'"


def _promql(query: str) -> str:
    """A first look at a query: quotes and brackets close. The server has the last word."""
    text = re.sub(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|`[^`]*`", "", query)
    if not query.strip():
        raise Wrong("must not be empty", "write a PromQL expression")
    if re.search(r"[\"'`]", re.sub(r"#.*", "", text)):
        raise Wrong("has a quote that does not close")
    waiting: list[str] = []
    for character in re.sub(r"#.*", "", text):
        if character in "([{":
            waiting.append({"(": ")", "[": "]", "{": "}"}[character])
        elif character in ")]}" and (not waiting or waiting.pop() != character):
            raise Wrong(f"has a '{character}' that nothing opened")
    if waiting:
        raise Wrong(f"lacks a '{waiting[-1]}'")
    return query


PromQL = Annotated[str, AfterValidator(_promql)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


class Secret(BaseModel):
    """A secret by reference: an environment variable, or a file. Its value is never in a catalogue, a repr or a log."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    env: str | None = Field(None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Name of the environment variable that holds the secret."""
    file: RelativePath | None = None
    """Path of the file that holds the secret; white space around it is ignored."""

    _stands: tuple[str, int, str] = PrivateAttr(default=("catalogue", 1, ""))

    @model_validator(mode="before")
    @classmethod
    def _by_reference(cls, value: Any) -> Any:
        if not isinstance(value, dict | Secret):
            raise Wrong(
                "holds the secret itself", "write {env: NAME} or {file: PATH}, and change the secret if it was shared"
            )
        return value

    @model_validator(mode="after")
    def _one_of(self) -> "Secret":
        if (self.env is None) == (self.file is None):
            raise Wrong("needs exactly one of env, file", "write {env: NAME} or {file: PATH}")
        return self

    def stands(self, file: str, line: int, path: str) -> None:
        """Tell the secret where its reference stands, for the Fault when it is missing."""
        self._stands = (file, line, path)

    def reveal(self) -> str:
        """The secret's value, read now. Raises ConfigError, at the line of the reference, when it is not there."""
        if self.env is not None:
            value = os.environ.get(self.env, "")
            if not value:
                raise self._missing(f"the environment variable {self.env} is not set", f"export {self.env}=…")
            return value
        path = Path(str(self.file))
        try:
            value = path.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            raise self._missing(f"there is no file {path}", "write the secret into it, readable by you alone") from None
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise self._missing(f"{path} can't be read: {reason}", "check its owner and mode") from None
        if not value:
            raise self._missing(f"{path} is empty", "write the secret into it")
        return value

    def _missing(self, message: str, hint: str) -> ConfigError:
        return ConfigError([Fault(*self._stands, message, hint)])
