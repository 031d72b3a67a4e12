"""The user's own keys: a YAML file of names of keys (`triage ui --keys` prints them all) and what to press instead.

queue.filter: ctrl+f
incident.report: o,f5
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from textual.binding import Binding
from textual.dom import DOMNode

from triage.document import Document
from triage.errors import ConfigError, Fault, NotFound, near

FILE = "keys.yaml"


def load(path: Path) -> dict[str, str]:
    """The overrides in ``path``; none where there is no such file. Raises ConfigError with every fault."""
    try:
        if not any(line.strip() and not line.lstrip().startswith("#") for line in path.read_text().splitlines()):
            return {}
        document = Document.load(path)
    except (FileNotFoundError, NotFound):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([Fault(str(path), 1, "", f"can't be read: {error}")]) from error
    known = named()
    faults: list[Fault] = []
    for name, value in document.data.items():
        if name not in known:
            listing = "'triage ui --keys' lists them all"
            faults.append(document.fault((name,), f"no key is called '{name}'", near(name, known, listing=listing)))
        elif not isinstance(value, str) or not all(part.strip() for part in value.split(",")):
            faults.append(document.fault((name,), "is no key", "write one such as ctrl+f, or several with commas"))
    if faults:
        raise ConfigError(faults)
    return {name: ",".join(part.strip() for part in value.split(",")) for name, value in document.data.items()}


def named() -> dict[str, Binding]:
    """Every key that has a name, screen by screen."""
    import tui.screens.all  # noqa: F401 - so that every screen's class is there to be asked

    found: dict[str, Binding] = {}
    for owner in _below(DOMNode):
        if owner.__module__.startswith("tui."):
            for item in owner.__dict__.get("BINDINGS", ()):
                if isinstance(item, Binding) and item.id:
                    found.setdefault(item.id, item)
    return dict(sorted(found.items()))


def starter() -> str:
    """A commented file with every name, what it does, and its key."""
    rows = [f"# {name}: {item.key:<24} # {item.description}" for name, item in named().items()]
    return "\n".join(("# Keys of the app: take the mark away from a line, and write another key.", *rows, ""))


def _below(owner: type[Any]) -> Iterator[type[Any]]:
    for below in owner.__subclasses__():
        yield below
        yield from _below(below)
