"""As much of PromQL as a good hint needs: which metrics an expression names, and whether it is a bare counter.

It is no parser: what it can't see (``{__name__=~…}``) it leaves out, and nothing but the wording of a hint rests on it.
"""

import re

_STRING = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`')
_COMMENT = re.compile(r"#[^\n]*")
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", re.IGNORECASE)
_NAME = re.compile(r"(?<![\w:.$])[A-Za-z_:][\w:]*")
_WORDS = {
    "and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right", "bool", "offset",
    "start", "end", "inf", "nan", "atan2",
}  # fmt: skip
_COUNTER = re.compile(r"^\s*[A-Za-z_:][\w:]*_(?:total|count|sum|bucket)\s*(?:\{[^{}]*\})?\s*$")


def metric_names(query: str) -> tuple[str, ...]:
    """The metrics that ``query`` names, in order, each once.

    >>> metric_names('sum by (job) (rate(errors_total{code="500"}[5m])) / on (job) group_left jobs:count')
    ('errors_total', 'jobs:count')
    """
    text = _COMMENT.sub(" ", _STRING.sub('""', query))
    text = re.sub(r"\{[^{}]*\}|\[[^\]]*\]", " ", text)
    text = _GROUPING.sub(" ", text)
    found: dict[str, None] = {}
    for match in _NAME.finditer(text):
        is_function = text[match.end() :].lstrip().startswith("(")
        is_grouping = match.group().lower() in _WORDS
        if not is_function and not is_grouping:
            found[match.group()] = None
    return tuple(found)


def bare_counter(query: str) -> bool:
    """Whether ``query`` is a selector of one counter, by the naming convention, without ``rate`` around it.

    >>> bare_counter('errors_total{job="x"}'), bare_counter("rate(errors_total[5m])")
    (True, False)
    """
    return _COUNTER.match(_STRING.sub('""', query)) is not None
