"""The report as PDF: the same words, tables and plots as the page, for those who file paper.

Drawn with fpdf2 (extra ``pdf``) in DejaVu, which comes with matplotlib. Its date is the incident's, so that the same
journal gives the same bytes.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from triage import numbers
from triage.errors import NotFound
from triage.plain import visible
from triage.report import charts
from triage.report.charts import Figure, Figures
from triage.report.contents import Report
from triage.report.ladder import spoken
from triage.report.pdf_drawing import place

_MARGIN_MM = 18
_SIZE = 9
_WITH_HEADING_MM = 35
"""Room that a heading wants under it on its page."""
_GREY = (95, 95, 90)


def pdf(report: Report) -> bytes:
    """The document. Raises NotFound where fpdf2 is not installed."""
    try:
        from fpdf import FPDF
    except ImportError:
        raise NotFound(
            "PDF needs fpdf2, which is not installed", hint="pip install 'triage[pdf]', or use --format html"
        ) from None
    page = FPDF(format="A4")
    page.set_creation_date(report.incident.updated_at)
    page.set_title(visible(f"{report.incident.id}: {report.summary}"))
    page.set_creator("triage")
    page.set_margin(_MARGIN_MM)
    page.set_auto_page_break(True, _MARGIN_MM)
    fonts = _fonts()
    page.add_font("DejaVu", "", fonts / "DejaVuSans.ttf")
    page.add_font("DejaVu", "B", fonts / "DejaVuSans-Bold.ttf")
    page.add_font("Mono", "", fonts / "DejaVuSansMono.ttf")
    page.add_page()
    _write(_Sheet(page), report, charts.figures(report))
    return bytes(page.output())


def _fonts() -> Path:
    from importlib.util import find_spec

    found = find_spec("matplotlib")
    if found is None or found.origin is None:
        raise NotFound("PDF needs the fonts of matplotlib, which is not installed", hint="use --format html")
    return Path(found.origin).parent / "mpl-data" / "fonts" / "ttf"


class _Sheet:
    """What a report needs of a page: headings, paragraphs, pairs and tables; every text made visible first."""

    def __init__(self, page: Any) -> None:
        self._page = page

    def heading(self, text: str, size: int = 13) -> None:
        if self._page.will_page_break(_WITH_HEADING_MM):
            self._page.add_page()
        self._page.ln(3)
        self._text(text, size, style="B")
        self._page.ln(1)

    def paragraph(self, text: str, *, soft: bool = False) -> None:
        if text:
            self._text(text, _SIZE, soft=soft)

    def items(self, texts: Sequence[str], mark: str = "–") -> None:
        for text in texts:
            self._text(f"{mark} {text}", _SIZE)

    def pairs(self, pairs: Sequence[tuple[str, str]]) -> None:
        self.table(("", ""), pairs, widths=(1, 4), headed=False)

    def table(
        self,
        heads: Sequence[str],
        rows: Sequence[Sequence[str]],
        widths: Sequence[int],
        *,
        headed: bool = True,
    ) -> None:
        """Rows that break over pages; ``widths`` are relative."""
        if not rows:
            return
        page = self._page
        page.set_font("DejaVu", size=_SIZE - 1)
        with page.table(
            col_widths=tuple(widths),
            first_row_as_headings=headed,
            borders_layout="HORIZONTAL_LINES",
            line_height=4.2,
            text_align="LEFT",
        ) as table:
            for row in [heads, *rows] if headed else rows:
                line = table.row()
                for cell in row:
                    line.cell("\n".join(map(visible, str(cell).split("\n"))) or " ")
        page.ln(2)

    def figure(self, figure: Figure | None) -> None:
        if figure is not None:
            place(self._page, figure)

    def _text(self, text: str, size: int, *, style: str = "", soft: bool = False) -> None:
        page = self._page
        page.set_font("DejaVu", style, size)
        page.set_text_color(*(_GREY if soft else (0, 0, 0)))
        page.multi_cell(0, size * 0.5, visible(text, 4_000), new_x="LMARGIN", new_y="NEXT", align="L")
        page.set_text_color(0, 0, 0)


def _write(sheet: _Sheet, report: Report, figures: Figures) -> None:
    """The sections, in the order of the page."""
    sheet.heading(f"{report.incident.id}: {report.summary}", 15)
    _written(sheet, report, "summary")
    sheet.pairs(
        [
            ("State", report.state),
            ("Window", report.window),
            ("Trigger", report.trigger),
            ("Detected", report.detection),
        ]
    )
    sheet.heading("Impact")
    sheet.paragraph(report.impact.sentence if report.impact else "The change of the KPI is not known.")
    for item in report.lost_most:
        sheet.paragraph(f"Lost most: {item.statement}")
    sheet.figure(figures.kpi)
    _written(sheet, report, "impact")
    sheet.heading("Causal ladder")
    sheet.table(
        ("", "Kind", "Verdict", "Why"),
        [(rung.standing.glyph, rung.name, rung.standing.value, rung.note) for rung in report.ladder],
        (1, 4, 3, 14),
    )
    sheet.heading("Causes, most probable first")
    sheet.table(
        ("Cause", "Probability", "Share of the drop", "Found"),
        [
            (item.name, item.probability, f"{item.share} {item.share_interval}".strip(), item.cause.statement)
            for item in report.causes
        ],
        (5, 3, 4, 12),
    )
    sheet.figure(figures.shares)
    sheet.heading("Ruled out")
    sheet.items([f"{item.name}: {item.reason}" for item in report.ruled_out], "○")
    sheet.heading("Not measured")
    sheet.items([f"{spoken(item.what)}: {item.reason}" for item in report.unmeasured], "?")
    _plan(sheet, report)
    _remediation(sheet, report)
    sheet.heading("Service levels")
    sheet.table(
        ("Level", "Promised", "Measured"),
        [(item.name, item.target, item.statement) for item in report.service_levels],
        (4, 3, 14),
    )
    sheet.heading("Lessons")
    _written(sheet, report, "lessons")
    for lesson in report.lessons:
        sheet.heading(lesson.title, 11)
        _written(sheet, report, lesson.section)
        if lesson.section not in report.written:
            sheet.items(lesson.prompts, "?")
    sheet.heading("Action items")
    _written(sheet, report, "action_items")
    sheet.items(report.action_items, "□")
    _evidence(sheet, report, figures)
    _times(sheet, report)


def _plan(sheet: _Sheet, report: Report) -> None:
    sheet.heading("Plan")
    if report.plan is None:
        sheet.paragraph("There is no plan yet.")
        return
    sheet.paragraph(report.plan.summary)
    for rank, item in enumerate(report.plan.actions, 1):
        sheet.paragraph(f"{rank}. {item.action.title}: {item.action.why}")
        sheet.pairs(item.details)
    sheet.paragraph(f"Plan {report.plan.digest}: {report.plan.approval}.", soft=True)


def _remediation(sheet: _Sheet, report: Report) -> None:
    done = report.remediation
    if not done.happened:
        return
    sheet.heading("Remediation")
    sheet.table(
        ("UTC", "Decision"),
        [(numbers.clock(item.at), f"{item.by} {item.what}: {item.about}") for item in done.decisions],
        (1, 4),
    )
    if done.compared:
        sheet.paragraph(f"Champion and challenger: {done.verdict}")
        sheet.items(done.said)
        sheet.table(
            ("Where", "Rows", "Metric", "Champion", "Challenger", "Difference", "Verdict"),
            [
                (
                    one.where,
                    numbers.number(one.rows),
                    one.metric,
                    one.champion,
                    one.challenger,
                    one.difference,
                    one.verdict,
                )
                for one in done.shown
            ],
            (5, 2, 3, 3, 3, 5, 3),
        )
    sheet.table(
        ("UTC", "Who serves"), [(numbers.clock(one.at), f"{one.what}. {one.reason}") for one in done.releases], (1, 4)
    )
    sheet.paragraph(f"Did it help? {done.recovery}" if done.recovery else "")
    sheet.table(
        ("Pipeline stage", "What it read, ran or made"),
        [(stage.id, "\n".join(stage.details)) for stage in done.manifest],
        (1, 4),
    )
    sheet.pairs([(f"{one.role}, version {one.version}", "\n".join(one.details)) for one in done.lineage])


def _evidence(sheet: _Sheet, report: Report, figures: Figures) -> None:
    sheet.heading("Evidence")
    sheet.table(
        ("", "Verdict", "About", "Found", "Query or data"),
        [
            (
                f"E{item.number}",
                item.evidence.verdict.value,
                item.about,
                item.evidence.statement,
                "\n".join(f"{source.name} {source.pinned}" for source in item.sources),
            )
            for item in report.evidence
        ],
        (1, 3, 3, 7, 9),
    )
    for figure in figures.evidence.values():
        sheet.figure(figure)


def _times(sheet: _Sheet, report: Report) -> None:
    sheet.heading("Timeline (UTC)")
    sheet.table(
        ("Time", "What", "Query or data, and value", "Line"),
        [
            (
                numbers.clock(entry.at),
                entry.what,
                " = ".join(part for part in (entry.source, entry.value) if part),
                str(entry.seq) if entry.seq is not None else "–",
            )
            for entry in report.timeline
        ],
        (4, 10, 8, 2),
    )
    sheet.pairs(
        [
            (item.title, numbers.span(item.seconds) if item.seconds is not None else f"not known: {item.reason}")
            for item in report.milestones
        ]
    )
    sheet.paragraph(
        f"Journal: {report.incident.length} events, last hash {report.incident.head}; '{report.verify_command}' checks"
        f" the chain. Playbook {report.incident.playbook} {report.incident.playbook_digest}.",
        soft=True,
    )


def _written(sheet: _Sheet, report: Report, section: str) -> None:
    words = report.written.get(section)
    if words is not None:
        for paragraph in words.paragraphs:
            sheet.paragraph(paragraph)
        sheet.paragraph(f"Written by {words.by}", soft=True)
