"""Takes out of the events what a report must not show, before it is made: secrets, personal values, whatever the
catalogue names. The hash chain stays the journal's own."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from triage.catalog.reporting import Reporting
from triage.incident import Event

HIDDEN = "[hidden]"
_ALWAYS = (
    (re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"), "[redacted]"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), r"\1 [redacted]"),
    (
        re.compile(r"(?i)\b(password|passwd|secret|token|api[_-]?key|access[_-]?key)(\s*[=:]\s*)[^\s&,;\"'}]+"),
        r"\1\2[redacted]",
    ),
    (re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b"), "[redacted]"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}\b"), "[redacted]"),
    (re.compile(r"\bxox[abprs]-[\w-]{10,}\b"), "[redacted]"),
    (re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b"), "[e-mail]"),
)
_KEPT = re.compile(r"(?:sha256|xxh3):[0-9a-f]+")
_SINGLE_VALUES = ("categories", "labels", "groups", "value", "segment", "segments")


def redacted(events: Sequence[Event], rules: Reporting) -> tuple[Event, ...]:
    """``events`` without what must not be shown; their hashes are those of the journal."""
    own = tuple((re.compile(rule.pattern), rule.by.replace("\\", r"\\")) for rule in rules.redact)
    hidden = _values_of(events, rules.hide_values_of)
    clean = _cleaner((*_ALWAYS, *own, *hidden))
    return tuple(replace(event, data=_through(event.data, clean)) for event in events)


def _values_of(events: Sequence[Event], features: Sequence[str]) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Patterns of the single values that evidence about ``features`` shows."""
    found: set[str] = set()
    for event in events:
        for item in event.data.get("evidence", ()):
            if item.get("subject") in features:
                found.update(_texts(item.get("chart")))
    return tuple(
        (re.compile(rf"(?<![\w-]){re.escape(value)}(?![\w-])"), HIDDEN)
        for value in sorted(found, key=lambda value: (-len(value), value))
    )


def _texts(chart: Any) -> list[str]:
    """The values that a chart names: its categories or groups."""
    found: list[str] = []
    if isinstance(chart, Mapping):
        for name, value in chart.items():
            if name in _SINGLE_VALUES and isinstance(value, list):
                found += [item for item in value if isinstance(item, str) and item]
            elif name in _SINGLE_VALUES and isinstance(value, str) and value:
                found.append(value)
            else:
                found += _texts(value)
    elif isinstance(chart, list):
        found += [text for item in chart for text in _texts(item)]
    return found


def _cleaner(rules: Sequence[tuple[re.Pattern[str], str]]) -> Callable[[str], str]:
    def clean(text: str) -> str:
        if _KEPT.fullmatch(text):
            return text
        for pattern, by in rules:
            text = pattern.sub(by, text)
        return text

    return clean


def _through(value: Any, clean: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {name: _through(item, clean) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_through(item, clean) for item in value]
    return value
