"""What reaches the terminal: data on stdout, words on stderr, no control character of anyone else's."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from triage.codec import encode
from triage.errors import TriageError
from triage.plain import cells, visible


def as_json(value: Any) -> None:
    """One JSON document on stdout."""
    print(json.dumps(encode(value), indent=2, ensure_ascii=False))


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Left-aligned columns on stdout, each as wide as its widest cell."""
    lines = [tuple(heads), *(tuple(visible(cell) for cell in row) for row in rows)]
    widths = [max(cells(line[column]) for line in lines) for column in range(len(heads))]
    for line in lines:
        padded = (cell + " " * (width - cells(cell)) for cell, width in zip(line, widths, strict=True))
        print("  ".join(padded).rstrip())


def progress(line: str) -> None:
    """One line of progress on stderr, only where a person watches."""
    if sys.stderr.isatty():
        print(f"  {visible(line)}", file=sys.stderr, flush=True)


def say(line: str) -> None:
    """Words for a person, on stderr."""
    print(visible(line), file=sys.stderr, flush=True)


def complain(error: TriageError) -> None:
    """What went wrong and what to do, on stderr."""
    for line in error.message.splitlines():
        print(f"triage: {visible(line)}", file=sys.stderr)
    if error.hint:
        print(f"  hint: {visible(error.hint)}", file=sys.stderr)
