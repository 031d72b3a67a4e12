"""The incident report: one reading of the journal, laid out as Markdown, HTML, JSON or terminal text.

The same events give the same bytes: nothing here reads a clock, the machine, or the network.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from triage.incident import Event, Incident


def render_markdown(incident: Incident, events: Sequence[Event]) -> str:
    """GitHub-flavoured Markdown; text from data is escaped. ``incident`` is the fold of ``events``."""
    from triage.report.build import build
    from triage.report.pages import markdown

    return markdown(build(incident, events))


def render_html(incident: Incident, events: Sequence[Event]) -> str:
    """One self-contained HTML page with its plots; opens without a network, holds no script."""
    from triage.report.build import build
    from triage.report.pages import html

    return html(build(incident, events))


def render_json(incident: Incident, events: Sequence[Event]) -> str:
    """The JSON document of `json_schema`."""
    from triage.report.as_json import as_document, dump
    from triage.report.build import build

    return dump(as_document(build(incident, events)))


def render_pdf(incident: Incident, events: Sequence[Event]) -> bytes:
    """The report as PDF. Raises NotFound where the extra ``pdf`` is not installed."""
    from triage.report.build import build
    from triage.report.pdf import pdf

    return pdf(build(incident, events))


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of what `render_json` writes."""
    from triage.report.as_json import document_schema

    return document_schema()


RENDERERS: Mapping[str, Callable[[Incident, Sequence[Event]], str]] = {
    "md": render_markdown,
    "html": render_html,
    "json": render_json,
}
"""The formats of ``triage report --format``."""
