"""Lines of styled text. Text from data becomes a `Span` only through `say`, so that it can't steer the terminal."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

from rich.cells import cell_len, set_cell_size

from triage.plain import one_line, visible, wrapped


class Span(NamedTuple):
    """Text in one tone: the name of a style, such as ``bad`` or ``quiet``; the words carry the meaning without it."""

    text: str
    tone: str = ""


Line: TypeAlias = tuple[Span, ...]
Draw: TypeAlias = Callable[[int], Sequence[Line]]
"""The lines for a width in columns."""


class Item(NamedTuple):
    """A block of lines. With a ``key`` the cursor can stand on it; ``copy`` is what `y` takes from it."""

    draw: Draw
    key: str = ""
    copy: str = ""


TONES = ("bad", "warn", "good", "accent", "quiet", "strong", "before", "now")


def say(text: str, tone: str = "") -> Span:
    """Text from data: in one line, with control and bidirectional characters written out."""
    return Span(visible(one_line(text)), tone)


def width_of(line: Line) -> int:
    return sum(cell_len(span.text) for span in line)


def cut(line: Line, width: int) -> Line:
    """``line`` in at most ``width`` columns, the last one an ellipsis where it was longer."""
    if width_of(line) <= width:
        return line
    kept: list[Span] = []
    room = max(0, width - 1)
    for span in line:
        size = cell_len(span.text)
        if size > room:
            kept.append(Span(set_cell_size(span.text, room).rstrip() + "…" if width else "", span.tone))
            return tuple(kept)
        kept.append(span)
        room -= size
    return tuple(kept)


def fill(line: Line, width: int, *, right: bool = False) -> Line:
    """``line`` in exactly ``width`` columns."""
    line = cut(line, width)
    blank = Span(" " * (width - width_of(line)))
    return (blank, *line) if right else (*line, blank)


def spread(left: Line, right: Line, width: int) -> Line:
    """``left`` and ``right`` at the two margins; ``left`` is cut where they do not both fit."""
    room = width - width_of(right) - 1 if right else width
    if room < 8:
        return cut((*left, Span(" "), *right), width)
    return (*fill(left, room), Span(" "), *right) if right else cut(left, width)


def folded(span: Span, width: int, first: Line = (), rest: Line | None = None, most: int = 0) -> list[Line]:
    """``span`` folded behind ``first``, later lines behind ``rest`` (blank by default); at most ``most`` lines."""
    indent = width_of(first)
    rest = (Span(" " * indent),) if rest is None else rest
    texts = wrapped(span.text, max(8, width - max(indent, width_of(rest))))
    if most and len(texts) > most:
        texts = [*texts[: most - 1], " ".join(texts[most - 1 :])]
    lines = [(*(first if place == 0 else rest), Span(text, span.tone)) for place, text in enumerate(texts)]
    return [cut(line, width) for line in lines]


def block(lines: Iterable[Line], key: str = "", copy: str = "") -> Item:
    """An item whose lines do not depend on the width."""
    kept = tuple(lines)
    return Item(lambda width: kept, key, copy)


def text(span: Span, key: str = "", copy: str = "") -> Item:
    """One span, folded to the width."""
    return Item(lambda width: folded(span, width), key, copy)


def blank() -> Item:
    return block([(Span(""),)])


def heading(title: str) -> Item:
    """A section's name with a rule to the margin."""
    return Item(
        lambda width: [cut((Span(f"{title} ", "strong"), Span("─" * max(0, width - len(title) - 1), "quiet")), width)]
    )


def note(words: str, tone: str = "quiet") -> Item:
    """A line of explanation."""
    return Item(lambda width: folded(say(words, tone), width))


def plain(lines: Iterable[Line]) -> str:
    """The words alone."""
    return "\n".join("".join(span.text for span in line).rstrip() for line in lines)
