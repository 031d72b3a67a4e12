"""Text from data, made safe to look at: what would steer a terminal, or reorder or hide text, is made visible."""

import unicodedata

LONGEST = 2000
"""Characters of one piece of text that a page shows; the JSON document has it whole."""


def visible(text: str, longest: int = LONGEST) -> str:
    """``text`` with every control, bidirectional, invisible and private character written out, and cut to ``longest``.

    >>> visible("a\\x1b[2Jb\\u202ec")
    'a␛[2Jb⟨U+202E⟩c'
    """
    cut = text[:longest]
    shown = cut if cut.isascii() and cut.isprintable() else "".join(map(_character, cut))
    return f"{shown}… ({len(text):,} characters in all)" if len(text) > longest else shown


def one_line(text: str) -> str:
    """``text`` with each run of white space as one space: a query that was written over several lines."""
    return " ".join(text.split())


def cells(text: str) -> int:
    """How many columns of a terminal ``text`` takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def wrapped(text: str, width: int) -> list[str]:
    """``text`` in lines of at most ``width`` columns; a word longer than a line is broken."""
    lines, line = [], ""
    for word in text.split(" "):
        while cells(word) > width:
            if line:
                lines.append(line)
                line = ""
            head = _fitting(word, width) or word[0]
            lines.append(head)
            word = word[len(head) :]
        if line and cells(line) + 1 + cells(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line] if line or not lines else lines


def _fitting(word: str, width: int) -> str:
    taken = 0
    for index, character in enumerate(word):
        taken += cells(character)
        if taken > width:
            return word[:index]
    return word


def _character(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    nothing = code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF
    if nothing or unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}:
        return f"⟨U+{code:04X}⟩"
    return character
