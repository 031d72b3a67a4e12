"""Where a figure came from, as a report says it."""

from dataclasses import dataclass

from triage.incident import Source
from triage.numbers import number
from triage.plain import one_line


@dataclass(frozen=True, slots=True)
class SourceLine:
    """``kind`` in words, the query or dataset, and what pins it: version, digest, window, rows."""

    kind: str
    name: str
    pinned: str

    def __str__(self) -> str:
        return ", ".join(part for part in (self.name, self.pinned) if part)


def source_line(source: Source) -> SourceLine:
    name = f"{source.name}@{source.version}" if source.version else source.name
    pinned = (
        source.digest,
        str(source.window) if source.window else "",
        f"{number(source.rows)} rows" if source.rows is not None else "",
    )
    return SourceLine(source.kind, one_line(name), "; ".join(part for part in pinned if part))
