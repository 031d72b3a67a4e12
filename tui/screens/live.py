"""What every screen over the journal does: read beside the keys, say as of when, pause, fail softly."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer

from triage.errors import TriageError
from tui.widgets.head import Head
from tui.widgets.sheet import Sheet

if TYPE_CHECKING:
    from triage.desk import Desk
    from tui.app import TriageApp

POLL_SECONDS = 1.0


class Live(Screen[None]):
    """A screen that shows what `gather` reads, and reads again whenever the journal changed."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (76, "-normal"), (132, "-wide")]  # noqa: RUF012 - Textual declares it without ClassVar
    VERTICAL_BREAKPOINTS = [(0, "-low"), (23, "-tall")]  # noqa: RUF012 - as above
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", priority=False),
        Binding("space", "pause", "Pause", show=False),
        Binding("r", "reload", "Reload", show=False),
        Binding("y", "copy", "Copy", show=False),
        Binding("Y", "copy_command", "Copy command", show=False),
        Binding("question_mark", "app.help", "Help", key_display="?"),
    ]
    PLACE = ""

    def __init__(self) -> None:
        super().__init__()
        self._version: int | None = None
        self._failed = False

    @property
    def home_app(self) -> "TriageApp":
        return cast("TriageApp", self.app)

    @property
    def now(self) -> datetime:
        return self.home_app.clock.now()

    def compose(self) -> ComposeResult:
        yield Head()
        yield from self.panels()
        yield Footer(compact=True, show_command_palette=False)

    def panels(self) -> ComposeResult:
        """The body."""
        raise NotImplementedError

    def gather(self, desk: "Desk") -> Any:
        """Read what the screen shows, in the reader's thread."""
        raise NotImplementedError

    def show(self, found: Any) -> None:
        """Draw what was read."""
        raise NotImplementedError

    def command(self) -> str:
        """The command that shows the same headless."""
        return ""

    def on_mount(self) -> None:
        self.query_one(Head).place = self.PLACE
        self.reload()
        self.set_interval(POLL_SECONDS, self._tick)

    def on_screen_resume(self) -> None:
        self.note_state()
        self.reload()

    def _tick(self) -> None:
        if self.is_current and not self.home_app.paused and not self._failed:
            self._look()

    @work(exclusive=True, group="look")
    async def _look(self) -> None:
        try:
            version = await self.home_app.reader.ask(lambda desk: desk.journal.version())
        except TriageError as error:
            self.fail(error)
            return
        if version != self._version:
            self._version = version
            self.reload()
        else:
            self.query_one(Head).as_of = self.now
            self.pass_time()

    def pass_time(self) -> None:
        """Nothing changed but the time: let what shows it show it."""

    @work(exclusive=True, group="read")
    async def reload(self) -> None:
        """Read and draw again; what is shown meanwhile stays."""
        try:
            found = await self.home_app.reader.ask(self.gather)
        except TriageError as error:
            self.fail(error)
            return
        self._failed = False
        self.query_one(Head).as_of = self.now
        self.note_state()
        self.show(found)

    def fail(self, error: TriageError) -> None:
        """Say in every panel that is empty what went wrong, and mark the others as stale."""
        self._failed = True
        self.note_state()
        for sheet in self.query(Sheet):
            sheet.fail(error.message, error.hint)

    def note_state(self) -> None:
        notes = (*(("‖ paused",) if self.home_app.paused else ()), *(("! stale, r retries",) if self._failed else ()))
        self.query_one(Head).notes = notes

    def own_keys(self) -> list[tuple[str, str]]:
        """The keys that this screen adds, with what they do."""
        shared = {binding.action for binding in Live.BINDINGS if isinstance(binding, Binding)}
        own = [item for item in type(self).BINDINGS if isinstance(item, Binding) and item.action not in shared]
        return [(binding.key_display or binding.key.split(",")[0], binding.description) for binding in own]

    def action_back(self) -> None:
        if len(self.app.screen_stack) > 2:
            self.app.pop_screen()

    def action_reload(self) -> None:
        self._failed = False
        self.reload()

    def action_pause(self) -> None:
        self.home_app.action_pause()

    def action_copy(self) -> None:
        """Copy what the cursor stands on."""
        focused = self.focused
        item = focused.current if isinstance(focused, Sheet) else None
        self.home_app.copy(item.copy if item and item.copy else self.command())

    def action_copy_command(self) -> None:
        self.home_app.copy(self.command())
