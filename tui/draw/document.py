"""An exported document as lines: Markdown as it reads, anything else as it is written."""

import html
import re
from typing import NamedTuple

from tui.draw.lines import Item, Line, Span, blank, cut, fill, folded, say, width_of

_GAP = blank()
MOST_LINES = 4000
"""Lines that are previewed; the export has them all."""


class Heading(NamedTuple):
    """One heading: which of the document's items it is, how deep, and its words."""

    place: int
    level: int
    words: str


class Document(NamedTuple):
    """What is shown, and the headings in it."""

    items: list[Item]
    headings: list[Heading]


def document(written: str, form: str) -> Document:
    """The lines of ``written``, headings, tables and lists laid out where it is Markdown."""
    lines = written.splitlines()
    shown = lines[:MOST_LINES]
    drawn = _markdown(shown) if form == "md" else Document([_source(line) for line in shown], [])
    if len(lines) > MOST_LINES:
        drawn.items.append(_told(f"… {len(lines) - MOST_LINES:,} more lines in the export", "quiet"))
    return drawn


def outline(headings: list[Heading]) -> list[Item]:
    """The sections to choose from, deeper ones indented; the key of each is its place in the document."""
    return [
        Item(
            lambda width, one=one: [  # type: ignore[misc]
                cut((Span("  " * (one.level - 2)), say(one.words, "strong" if one.level < 3 else "")), width)
            ],
            str(one.place),
            one.words,
        )
        for one in headings
        if one.level > 1
    ]


def _markdown(lines: list[str]) -> Document:
    items: list[Item] = []
    headings: list[Heading] = []
    table: list[list[str]] = []
    fenced = False
    for line in [*lines, ""]:
        if line.startswith("|") and not fenced:
            cells = [_plain(cell.strip()) for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
            if not all(re.fullmatch(r":?-+:?", cell) for cell in cells):
                table.append(cells)
            continue
        if table:
            items.append(_table(table))
            table = []
        if line.startswith("```"):
            fenced = not fenced
        elif fenced:
            items.append(_told(line, "accent", "  "))
        elif not line.strip():
            if items and items[-1] is not _GAP:
                items.append(_GAP)
        elif heading := re.match(r"(#+) (.*)", line):
            headings.append(Heading(len(items), len(heading.group(1)), _plain(heading.group(2))))
            items.append(_heading(headings[-1].level, headings[-1].words))
        elif bullet := re.match(r"(\s*)[-*] (.*)", line):
            items.append(_told(_plain(bullet.group(2)), "", f"{bullet.group(1)}• "))
        elif quoted := re.match(r"> ?(.*)", line):
            items.append(_told(_plain(quoted.group(1)), "quiet", "▏ "))
        else:
            items.append(_told(_plain(line)))
    return Document(items, headings)


def _plain(text: str) -> str:
    """The words of inline Markdown: escapes undone, emphasis and code marks left out."""
    text = re.sub(r"(?<!\\)(\*\*|`)", "", text)
    text = re.sub(r"</?code>|<br ?/?>", " ", text)
    return re.sub(r"\\([^\w\s])", r"\1", html.unescape(text))


def _heading(level: int, words: str) -> Item:
    def draw(width: int) -> list[Line]:
        lines = folded(say(words, "strong"), width)
        if level <= 2:
            lines.append((Span(("═" if level == 1 else "─") * width, "quiet"),))
        return lines

    return Item(draw)


def _table(rows: list[list[str]]) -> Item:
    """Columns as wide as their widest cell where they fit, else a block of ``name: value`` per row."""
    columns = max(len(row) for row in rows)
    rows = [row + [""] * (columns - len(row)) for row in rows]
    widest = [max(width_of((say(row[place]),)) for row in rows) for place in range(columns)]

    def draw(width: int) -> list[Line]:
        last = width - sum(widest[:-1]) - 2 * (columns - 1)
        if last >= min(widest[-1], 24):
            lines: list[Line] = []
            for place, row in enumerate(rows):
                tone = "strong" if place == 0 else ""
                start = tuple(
                    span
                    for cell, size in zip(row[:-1], widest[:-1], strict=True)
                    for span in (*fill((say(cell, tone),), size), Span("  "))
                )
                lines += folded(say(row[-1], tone), width, start)
            return lines
        heads = rows[0]
        blocks: list[Line] = []
        for row in rows[1:]:
            for head, cell in zip(heads, row, strict=True):
                if cell:
                    blocks += folded(
                        say(cell), width, (Span(f"{say(head).text}: " if head else "", "quiet"),), (Span("  "),)
                    )
            blocks.append(())
        return blocks[:-1]

    return Item(draw)


def _told(words: str, tone: str = "", first: str = "") -> Item:
    return Item(lambda width: folded(say(words, tone), width, (Span(first, "accent"),)))


def _source(line: str) -> Item:
    kept = line[:4000]
    return Item(
        lambda width: folded(
            Span(say(kept).text),
            width,
            (Span(" " * (len(kept) - len(kept.lstrip()))),) if len(kept) - len(kept.lstrip()) < width // 2 else (),
        )
    )
