"""The report as it will be exported, and its export."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from triage.errors import TriageError
from tui.draw.document import document, outline
from tui.screens.ask import Ask
from tui.screens.live import Live
from tui.widgets.sheet import Sheet

if TYPE_CHECKING:
    from triage.desk import Desk
    from triage.incident import Section

FORMS = ("md", "html", "json")
_NAMES = {"md": "Markdown", "html": "HTML page", "json": "JSON document"}


class ReportScreen(Live):
    """The Markdown as it reads, the other forms as they are written."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "form", "Form", id="report.form"),
        Binding("e", "write", "Edit", id="report.write", tooltip="your words: summary, impact, lessons"),
        Binding("x", "export", "Export", id="report.export"),
        Binding("y", "copy", "Copy", id="report.copy"),
        Binding("tab", "app.focus_next", "Sections", show=False, id="report.panel"),
    ]

    def __init__(self, incident: str) -> None:
        super().__init__()
        self.incident = incident
        self.PLACE = f"queue ▸ {incident} ▸ report"
        self._form = "md"
        self._text = ""
        self._length = 0

    def panels(self) -> ComposeResult:
        with Horizontal(id="report-body"):
            yield Sheet("Sections", id="outline")
            yield Sheet("Report", id="report")

    def begin(self) -> None:
        self.sheet("report").focus()

    def gather(self, desk: "Desk") -> int:
        return len(desk.events(self.incident))

    def show(self, found: int) -> None:
        if found != self._length:
            self._length = found
            self._render_form()

    @work(exclusive=True, group="render")
    async def _render_form(self) -> None:
        form = self._form
        sheet = self.query_one("#report", Sheet)
        sheet.retitle(f"{_NAMES[form]}: rendering …")
        try:
            written = await self.ask_apart(lambda desk: desk.report(self.incident, form))
        except TriageError as error:
            self.fail(error)
            return
        self._text = written
        size = f"{len(written.encode('utf-8', 'replace')):,} bytes"
        sheet.retitle(f"{_NAMES[form]}, {size}; x exports it")
        drawn = document(written, form)
        sheet.fill(drawn.items)
        self.sheet("outline").fill(outline(drawn.headings), "Sections are listed for Markdown.")

    @on(Sheet.Moved, "#outline")
    def _chosen(self, event: Sheet.Moved) -> None:
        if event.key and self.sheet("outline").has_focus:
            self.sheet("report").scroll_to_item(int(event.key))

    @on(Sheet.Opened, "#outline")
    def _opened(self) -> None:
        self.sheet("report").focus()

    def action_form(self) -> None:
        """The next form."""
        self._form = FORMS[(FORMS.index(self._form) + 1) % len(FORMS)]
        self._render_form()

    def action_copy(self) -> None:
        self.home_app.copy(self._text)

    def action_reload(self) -> None:
        self._length = 0
        super().action_reload()

    @work(exclusive=True, group="write")
    async def action_write(self) -> None:
        """Let a person write summary, impact and lessons."""
        if not self.home_app.may_change():
            return
        from tui.screens.write import Write

        try:
            notes = await self.ask(lambda desk: desk.incident(self.incident).notes)
        except TriageError as error:
            self.home_app.tell(error)
            return
        self.app.push_screen(Write({note.section: note.text for note in notes}), self._written)

    def _written(self, changed: "dict[Section, str] | None") -> None:
        if changed:
            self._keep(changed)

    @work(group="keep")
    async def _keep(self, changed: "dict[Section, str]") -> None:
        try:
            await self.ask_apart(lambda desk: _note(desk, self.incident, changed))
        except TriageError as error:
            self.home_app.tell(error)
            return
        self.home_app.say(f"written: {', '.join(changed)}")
        self.reload()

    def action_export(self) -> None:
        """Ask where to, and write it there whole."""
        place = Path.cwd() / f"{self.incident}.{self._form}"
        self.app.push_screen(
            Ask(f"Export the {_NAMES[self._form]} of {self.incident}", "Write to", str(place), "Export"), self._write
        )

    def _write(self, answer: str | None) -> None:
        if not answer or not self._text:
            return
        from triage.cli.incidents import write_whole

        try:
            write_whole(Path(answer).expanduser(), self._text)
        except TriageError as error:
            self.home_app.tell(error)
        else:
            self.notify(f"report written to {answer}", markup=False)

    def command(self) -> str:
        return f"triage report {self.incident} --format {self._form}"


def _note(desk: "Desk", incident: str, changed: "dict[Section, str]") -> None:
    from triage.cli.approvals import account, user

    for section, text in changed.items():
        desk.note(incident, section, text, user(), account=account())
