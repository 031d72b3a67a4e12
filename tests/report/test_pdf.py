"""The PDF: the same words and plots as the page, and the same bytes from the same journal."""

import re
import zlib

import pytest

from tests.report import sample
from triage.report import charts, render_pdf
from triage.report.build import build
from triage.report.charts import Figure

pytest.importorskip("fpdf", reason="needs the extra pdf")


def drawn(pdf: bytes) -> str:
    """What the pages' streams tell a viewer to draw."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    found = []
    for stream in streams:
        try:
            found.append(zlib.decompress(stream).decode("latin-1"))
        except zlib.error:
            continue
    return "\n".join(found)


def test_every_chart_of_the_report_is_on_its_pages_as_lines_and_areas() -> None:
    report = build(*sample.incident())
    figures = charts.figures(report)
    known = [one.drawing for one in (figures.kpi, figures.shares, *figures.evidence.values()) if one and one.drawing]
    assert known
    wanted = sum(len(shape.points) for one in known for shape in one.shapes if shape.shape == "path")
    content = drawn(render_pdf(*sample.incident()))
    assert len(re.findall(r" (?:m|l)\b", content)) >= wanted
    assert "0.7255 0.2824 0.0431 rg" in content or "0.725 0.282 0.043 rg" in content  # the orange of what is current


def test_the_same_journal_gives_the_same_bytes_with_its_plots() -> None:
    assert render_pdf(*sample.incident()) == render_pdf(*sample.incident())


def test_a_chart_that_can_not_be_drawn_says_why_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """The words are glyphs of an embedded font; that they take room is what can be seen of them here."""
    plain = len(render_pdf(*sample.incident()))
    real = charts.draw
    broken = Figure(None, "No picture: this version of triage draws no chart of type 'pie'.")
    monkeypatch.setattr(charts, "draw", lambda chart, source=None: broken if source else real(chart, source))
    assert 0 < len(render_pdf(*sample.incident())) < plain
