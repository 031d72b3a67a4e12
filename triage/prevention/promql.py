"""Text from a catalogue or from data, as it may stand in PromQL, in a rule's labels and in its annotations."""

from collections.abc import Mapping


def quoted(text: str) -> str:
    """A string literal of PromQL.

    >>> quoted('a"b\\\\c')
    '"a\\\\"b\\\\\\\\c"'
    """
    out = []
    for character in text:
        if character in '"\\':
            out.append(f"\\{character}")
        elif character.isprintable():
            out.append(character)
        else:
            code = ord(character)
            out.append(f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
    return f'"{"".join(out)}"'


def series(name: str, labels: Mapping[str, str]) -> str:
    """An instant selector.

    >>> series("up", {"model": "shop"})
    'up{model="shop"}'
    """
    return f"{name}{{{','.join(f'{key}={quoted(value)}' for key, value in labels.items())}}}"


def literal(text: str) -> str:
    """``text`` for a label or an annotation of an alert, where Prometheus expands templates: it stays what it is.

    >>> literal("{{ .Value }}")
    '{{ "{{" }} .Value }}'
    """
    return text.replace("{{", '{{ "{{" }}')
