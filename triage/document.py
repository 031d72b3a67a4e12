"""A YAML document that remembers where each key stands, so that every fault can be shown as file:line and key path.

Scalars follow YAML 1.2's core schema: only ``true`` and ``false`` are booleans, a date stays text, ``12:30`` is no
number. Refused: duplicate keys, merge keys, tags, tabs as indentation, more than 256 KiB, aliases that unfold to more
than 50,000 values, anything but a mapping at the top.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from triage.errors import ConfigError, Fault, NotFound
from triage.faults import KeyPath, faults_of

if TYPE_CHECKING:
    import yaml
    from pydantic import BaseModel

    M = TypeVar("M", bound=BaseModel)

MAX_BYTES = 256 * 1024
MAX_VALUES = 50_000
MAX_DEPTH = 50


class Wrong(ValueError):
    """Raised inside a pydantic validator: what is wrong, and a hint that reaches the Fault."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Document:
    """``data`` is plain dicts, lists and scalars; ``digest`` is SHA-256 over ``text`` in UTF-8."""

    name: str
    text: str
    data: dict[str, Any]
    digest: str
    lines: Mapping[KeyPath, int] = field(repr=False)
    written: Mapping[KeyPath, str] = field(repr=False)

    @classmethod
    def load(cls, path: str | Path) -> "Document":
        """Read ``path``. Raises NotFound when there is no such file, ConfigError for everything else wrong with it."""
        name = str(path)
        try:
            with open(path, "rb") as file:
                body = file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            raise NotFound(f"there is no file '{name}'") from None
        except OSError as error:
            raise ConfigError([Fault(name, 1, "", f"can't be read: {error.strerror}")]) from None
        if len(body) > MAX_BYTES:
            raise ConfigError([Fault(name, 1, "", "is larger than 256 KiB", "is this the right file?")])
        try:
            text = body.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = body[: error.start].count(b"\n") + 1
            message = f"is not UTF-8 text (byte 0x{body[error.start]:02x})"
            raise ConfigError([Fault(name, line, "", message, "save it with the encoding UTF-8")]) from None
        return cls.parse(text, name)

    @classmethod
    def parse(cls, text: str, name: str) -> "Document":
        """Read ``text``; ``name`` is the file that faults are shown against. Raises ConfigError."""
        encoded = text.encode("utf-8", "surrogatepass")
        if len(encoded) > MAX_BYTES:
            raise ConfigError([Fault(name, 1, "", "is larger than 256 KiB", "is this the right file?")])
        reading = _Reading(name)
        data = reading.top(text)
        if reading.faults:
            raise ConfigError(sorted(reading.faults))
        digest = f"sha256:{hashlib.sha256(encoded).hexdigest()}"
        return cls(name, text, data, digest, reading.lines, reading.written)

    def line(self, path: KeyPath) -> int:
        """The line (from 1) of the key at ``path``, or of the nearest key above it that exists."""
        while path not in self.lines:
            path = path[:-1]
        return self.lines[path]

    def fault(self, path: KeyPath, message: str, hint: str = "") -> Fault:
        """A Fault that stands where ``path`` stands."""
        return Fault(self.name, self.line(path), dotted(path), message, hint)

    def get(self, path: KeyPath) -> Any:
        """The value at ``path``. Raises KeyError or IndexError."""
        value: Any = self.data
        for part in path:
            value = value[part]
        return value

    def validate(self, model: "type[M]", at: KeyPath = (), context: Any = None) -> "M":
        """The part at ``at`` as ``model``. Raises ConfigError with every fault, each where it stands."""
        from pydantic import ValidationError

        try:
            return model.model_validate(self.get(at), context=context)
        except ValidationError as error:
            raise ConfigError(faults_of(self, model, at, error)) from None


def dotted(path: KeyPath) -> str:
    """``models.recommender.service_levels[0].target``"""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


class _Reading:
    """One pass over the nodes of a document: values, lines and faults."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[KeyPath, int] = {(): 1}
        self.written: dict[KeyPath, str] = {}
        self.faults: list[Fault] = []
        self.values = 0

    def top(self, text: str) -> dict[str, Any]:
        node = self._compose(text)
        if node is None:
            self._fault(1, (), "is empty")
            return {}
        if _kind(node) != "mapping":
            line = node.start_mark.line + 1
            self._fault(line, (), f"must be a mapping at the top ('key: value' lines), not {_KINDS[_kind(node)]}")
            return {}
        self.lines[()] = node.start_mark.line + 1
        value: dict[str, Any] = self._value(node, ())
        return value

    def _compose(self, text: str) -> "yaml.Node | None":
        import yaml

        try:
            loader = _loader()(text)
            try:
                return loader.get_single_node()
            finally:
                loader.dispose()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark else 1
            raise ConfigError([Fault(self.name, line, "", *_in_plain_words(error, text, line))]) from None
        except yaml.reader.ReaderError as error:
            line = text[: error.position].count("\n") + 1
            character = error.character if isinstance(error.character, int) else ord(error.character)
            message = f"holds a control character (0x{character:02x})"
            raise ConfigError([Fault(self.name, line, "", message, "remove it")]) from None
        except (RecursionError, UnicodeError):
            raise ConfigError([Fault(self.name, 1, "", "is nested too deeply, or is not text")]) from None

    def _value(self, node: "yaml.Node", path: KeyPath) -> Any:
        self.values += 1
        line = node.start_mark.line + 1
        if self.values > MAX_VALUES or len(path) > MAX_DEPTH:
            fault = Fault(self.name, line, "", "unfolds to too many values", "write aliases (*name) out, or use fewer")
            raise ConfigError([fault])
        if _kind(node) == "mapping":
            return dict(self._items(node, path))
        if _kind(node) == "sequence":
            items = []
            for index, item in enumerate(node.value):
                self.lines[(*path, index)] = item.start_mark.line + 1
                items.append(self._value(item, (*path, index)))
            return items
        text = self.written[path] = self._text(node, path)
        return self._scalar(node, text, path)

    def _items(self, node: "yaml.Node", path: KeyPath) -> Iterator[tuple[str, Any]]:
        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if _kind(key_node) != "scalar":
                self._fault(line, path, f"has {_KINDS[_kind(key_node)]} for a key", "a key is one word")
                continue
            key = self._text(key_node, path)
            here = (*path, key)
            if key == "<<":
                self._fault(line, path, "has a merge key '<<'", "write the keys out")
                continue
            if key in seen:
                self._fault(line, here, f"is there twice, first on line {seen[key]}", "keep one of the two")
                continue
            seen[key] = line
            self.lines[here] = line
            yield key, self._value(value_node, here)

    def _text(self, node: "yaml.Node", path: KeyPath) -> str:
        """What is written, with the two halves of an escaped character (JSON's way beyond U+FFFF) joined."""
        text: str = node.value
        if text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text):
            return text
        try:
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            self._fault(node.start_mark.line + 1, path, "has half a character (a lone surrogate)", "remove it")
            return ""

    def _scalar(self, node: "yaml.Node", text: str, path: KeyPath) -> Any:
        kind = node.tag.rpartition(":")[2] if node.tag.startswith("tag:yaml.org,2002:") else node.tag
        try:
            if kind == "str":
                return text
            if kind == "null":
                return None
            if kind == "bool":
                return text.lower() == "true"
            if kind == "int":
                return int(text, 0) if text[:2] in ("0x", "0o") else int(text)
            if kind == "float":
                return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        except ValueError:
            self._fault(node.start_mark.line + 1, path, f"is no number: '{text[:40]}'")
            return None
        self._fault(node.start_mark.line + 1, path, f"has the tag '{node.tag}'", "tags are not used here: remove it")
        return None

    def _fault(self, line: int, path: KeyPath, message: str, hint: str = "") -> None:
        self.faults.append(Fault(self.name, line, dotted(path), message, hint))


_KINDS = {"mapping": "a mapping", "sequence": "a list", "scalar": "one value"}


def _kind(node: "yaml.Node") -> str:
    return str(node.id)  # type: ignore[attr-defined]


def _loader() -> Any:
    """A safe loader that resolves scalars by YAML 1.2's core schema."""
    import re

    import yaml

    class Loader(yaml.SafeLoader):
        yaml_implicit_resolvers: dict[str, list] = {}  # noqa: RUF012 - the name and the shape are PyYAML's

    for tag, pattern, first in (
        ("null", r"(?:~|null|Null|NULL|)", ["~", "n", "N", ""]),
        ("bool", r"(?:true|True|TRUE|false|False|FALSE)", list("tTfF")),
        ("int", r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)", list("-+0123456789")),
        (
            "float",
            r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))",
            list("-+.0123456789"),
        ),
    ):
        Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^{pattern}$"), first)
    return Loader


def _in_plain_words(error: "yaml.MarkedYAMLError", text: str, line: int) -> tuple[str, str]:
    """The message and the hint for what PyYAML could not read on ``line``."""
    problem = error.problem or "can't be read as YAML"
    written = text.splitlines()[line - 1] if line <= len(text.splitlines()) else ""
    if "\\t" in problem or "\t" in written[: len(written) - len(written.lstrip())]:
        return "a tab is used as indentation", "indent with spaces"
    if "mapping values are not allowed" in problem:
        return "a ':' where none can be", "quote a value that contains ': ', and indent keys alike"
    if "undefined alias" in problem:
        return problem, "define it above with &name"
    if "but found another document" in problem:
        return "a second document ('---') in the file", "one document a file"
    if "cannot start any token" in problem:
        return "can't be read: " + problem, "quote a value that starts with one of % @ ` * & ! | > { ["
    if "expected <block end>" in problem:
        return "the indentation does not fit the lines above", "indent keys of one mapping alike"
    context = f" {error.context}" if error.context else ""
    return f"can't be read as YAML{context}: {problem}", "quotes and brackets must close; keys line up"
