"""Playbooks: browse them, see what the linter says, start a run with one."""

from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from triage.errors import TriageError
from tui.draw import playbooks
from tui.draw.playbooks import Book
from tui.screens.live import Live
from tui.widgets.sheet import Sheet

if TYPE_CHECKING:
    from triage.desk import Desk


class PlaybooksScreen(Live):
    """Those that are shipped, and those beside the catalogue."""

    PLACE = "playbooks"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", "New run with it", id="playbooks.new"),
        Binding("l", "lint", "Lint again", id="playbooks.lint"),
        Binding("tab", "app.focus_next", "Other panel", id="playbooks.panel"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._books: tuple[Book, ...] = ()

    def panels(self) -> ComposeResult:
        with Horizontal(id="playbooks-body"):
            yield Sheet("Playbooks", id="books")
            yield Sheet("Steps", id="steps")

    def gather(self, desk: "Desk") -> None:
        return None

    def show(self, found: None) -> None:
        if not self._books:
            self.action_lint()

    @work(exclusive=True, group="lint")
    async def action_lint(self) -> None:
        """Read and check the files again."""
        from triage.playbook import shipped

        beside = self.home_app.catalog.parent / "playbooks"
        try:
            folders = list(dict.fromkeys(folder.resolve() for folder in (shipped(), beside)))
            self._books = await self.ask_apart(lambda desk: playbooks.read(folders))
        except TriageError as error:
            self.fail(error)
            return
        self.query_one("#books", Sheet).fill(playbooks.index(self._books), "No playbook found.")
        self._draw()

    def action_reload(self) -> None:
        self._books = ()
        super().action_reload()

    @property
    def chosen(self) -> Book | None:
        key = self.query_one("#books", Sheet).cursor
        return next((book for book in self._books if str(book.path) == key), None)

    def _draw(self) -> None:
        book, steps = self.chosen, self.query_one("#steps", Sheet)
        steps.retitle(f"{book.name}: {len(book.steps)} steps" if book and not book.faults else "Steps")
        steps.fill(playbooks.detail(book) if book else [], "Choose a playbook.")

    @on(Sheet.Moved, "#books")
    def _moved(self) -> None:
        self._draw()

    @on(Sheet.Opened, "#books")
    def _opened(self) -> None:
        self.query_one("#steps", Sheet).focus()

    def action_new(self) -> None:
        book = self.chosen
        if book is not None and not book.faults:
            self.home_app.start_form(book.name)
        elif book is not None:
            self.notify("a playbook with faults can't be run; mend the file, then l", severity="warning")

    def command(self) -> str:
        book = self.chosen
        return f"triage playbook show {book.name}" if book else "triage playbook list"
