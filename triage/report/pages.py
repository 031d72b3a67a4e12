"""The pages: Markdown and HTML, from the templates beside this file.

Every expression of a template is made visible (no control or bidirectional characters) and escaped for its medium;
only `Markup` made by this package passes as it is.
"""

import re
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from triage import numbers
from triage.plain import one_line, visible
from triage.report import charts
from triage.report.contents import Report
from triage.report.ladder import Standing, spoken
from triage.report.timeline import TimelineEntry


def html(report: Report) -> str:
    """One self-contained HTML page; ends in a line end."""
    return _html().get_template("report.html.j2").render(report=report, figures=charts.figures(report))


def markdown(report: Report) -> str:
    """GitHub-flavoured Markdown; ends in a line end."""
    text = _markdown().get_template("report.md.j2").render(report=report)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def escape_markdown(text: str) -> Markup:
    """``text`` so that Markdown shows it as it is: no markup, links, tables or HTML can come of it."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"([\\`*\[\]|~#$!])", r"\\\1", text)
    text = re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", text)
    text = re.sub(r"://", r":\\/\\/", text)
    text = re.sub(r"(?i)(www)\.", r"\1\\.", text).replace("@", "\\@")
    return Markup(re.sub(r"^(\s*)([-+=]|\d+(?=[.)](?:\s|$)))", _block_start, text))


def code_span(text: str) -> Markup:
    """``text`` as code, also in a table's cell."""
    shown = visible(text)
    if re.search(r"[`|\\]", shown) or shown != shown.strip() or not shown:
        return Markup("<code>" + re.sub(r"[^\w\s]|_", lambda match: f"&#{ord(match.group())};", shown) + "</code>")
    return Markup(f"`{shown}`")


def _block_start(match: re.Match[str]) -> str:
    space, start = match.groups()
    return f"{space}&#{ord(start)};" if not start.isdigit() else f"{space}&#{ord(start[0])};{start[1:]}"


@cache
def _html() -> Environment:
    return _environment(lambda value: visible(value) if type(value) is str else value)


@cache
def _markdown() -> Environment:
    environment = _environment(
        lambda value: value if isinstance(value, Markup) else escape_markdown(visible(str(value)))
    )
    environment.filters["code"] = code_span
    return environment


def _environment(finalize: Any) -> Environment:
    environment = Environment(
        loader=PackageLoader("triage.report", "templates"),
        autoescape=True,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        clock=numbers.clock,
        xy=_coordinate,
        span=numbers.span,
        moment=numbers.moment,
        one_line=one_line,
        spoken=spoken,
        number=numbers.number,
    )
    environment.globals.update(Standing=Standing, NOTHING=numbers.NOTHING, day=_day)
    return environment


def _coordinate(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _day(entry: TimelineEntry) -> str:
    return numbers.clock(entry.at)[:10]
