"""What every screen over the journal does: read beside the keys, say as of when, pause, fail softly."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from triage.errors import TriageError
from tui.draw.times import age
from tui.reading import for_screen, is_left
from tui.widgets.head import Head
from tui.widgets.keybar import Keys
from tui.widgets.sheet import Sheet

if TYPE_CHECKING:
    from triage.desk import Desk
    from tui.home import Home

T = TypeVar("T")
POLL_SECONDS = 1.0
RETRY_TICKS = 5
"""After a failure the journal is asked again every so many polls; `r` asks at once."""


class Live(Screen[None]):
    """A screen that shows what `gather` reads, and reads again whenever the journal changed."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (76, "-normal"), (132, "-wide")]  # noqa: RUF012 - Textual declares it without ClassVar
    VERTICAL_BREAKPOINTS = [(0, "-low"), (23, "-tall"), (44, "-high")]  # noqa: RUF012 - as above
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="any.back"),
        Binding("space", "pause", "Pause", show=False, id="any.pause"),
        Binding("r", "reload", "Reload", show=False, id="any.reload"),
        Binding("y", "copy", "Copy", show=False, id="any.copy"),
        Binding("Y", "copy_command", "Copy command", show=False, id="any.copy_command"),
        Binding("question_mark", "app.help", "Help", key_display="?", id="any.help"),
    ]
    PLACE = ""

    def __init__(self) -> None:
        super().__init__()
        self._version: int | None = None
        self._failed: TriageError | None = None
        self._failing_ticks = 0
        self._read_at: datetime | None = None

    @property
    def home_app(self) -> "Home":
        return cast("Home", self.app)

    @property
    def now(self) -> datetime:
        return self.home_app.clock.now()

    @property
    def place(self) -> str:
        """Where one is, as the first line says it."""
        return self.query_one(Head).place

    def compose(self) -> ComposeResult:
        yield Head()
        yield from self.panels()
        yield Keys()

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

    async def ask(self, question: "Callable[[Desk], T]") -> T:
        """The answer to a quick question about the journal. Raises TriageError."""
        return await for_screen(self, self.home_app.reader.ask(question))

    async def ask_apart(self, question: "Callable[[Desk], T]") -> T:
        """The answer to a slow question, or a decision, for which no quick one waits. Raises TriageError."""
        return await for_screen(self, self.home_app.reader.ask_apart(question))

    def sheet(self, name: str) -> Sheet:
        return self.query_one(f"#{name}", Sheet)

    def on_mount(self) -> None:
        if is_left(self):
            return
        self.query_one(Head).place = self.PLACE
        self.begin()
        self.reload()
        self.set_interval(POLL_SECONDS, self._tick)

    def begin(self) -> None:
        """What is to be done once the panels are there."""

    def on_screen_resume(self) -> None:
        self.note_state()
        self.reload()

    def _tick(self) -> None:
        if not self.is_current or self.home_app.paused:
            return
        if self._failed is None:
            self._look()
            return
        self._failing_ticks += 1
        if self._failing_ticks % RETRY_TICKS == 0:
            self.reload()
        else:
            self._say_failed()

    @work(exclusive=True, group="look")
    async def _look(self) -> None:
        try:
            version = await self.ask(lambda desk: desk.journal.version())
        except TriageError as error:
            self.fail(error)
            return
        if version != self._version:
            self._version = version
            self.reload()
        else:
            self._read_at = self.now
            self.query_one(Head).as_of = self._read_at
            self.pass_time()

    def decided(self) -> None:
        """Something was decided: show it."""
        self.reload()

    def pass_time(self) -> None:
        """Nothing changed but the time: let what shows it show it."""

    @work(exclusive=True, group="read")
    async def reload(self) -> None:
        """Read and draw again; what is shown meanwhile stays."""
        try:
            found = await self.ask(self.gather)
        except TriageError as error:
            self.fail(error)
            return
        self._failed, self._failing_ticks = None, 0
        self._read_at = self.now
        self.query_one(Head).as_of = self._read_at
        self.note_state()
        self.show(found)

    def fail(self, error: TriageError) -> None:
        """Say in every panel that is empty what went wrong, and mark the others as stale."""
        self._failed = error
        self.note_state()
        self._say_failed()

    def _say_failed(self) -> None:
        error = self._failed
        if error is None:
            return
        old = age(self._read_at, self.now) if self._read_at else ""
        for sheet in self.query(Sheet):
            sheet.fail(error.message, error.hint, old)

    def note_state(self) -> None:
        """Say in the first line what limits what one sees and may do."""
        home = self.home_app
        known = ((home.read_only, "read-only"), (home.paused, "‖ paused"), (self._failed, "! stale, r retries"))
        self.query_one(Head).notes = tuple(words for on, words in known if on)

    def own_keys(self) -> list[tuple[str, str]]:
        """The keys that this screen adds, with what they do."""
        return list(self._own_keys())

    def _own_keys(self) -> Iterator[tuple[str, str]]:
        shared = {binding.action for binding in Live.BINDINGS if isinstance(binding, Binding)}
        for binding in type(self).BINDINGS:
            if isinstance(binding, Binding) and binding.action not in shared:
                changed = self.home_app.own_keys.get(binding.id or "")
                key = changed or binding.key_display or binding.key.split(",")[0]
                yield key, binding.tooltip or binding.description

    def action_back(self) -> None:
        if len(self.app.screen_stack) > 2:
            self.app.pop_screen()

    def action_reload(self) -> None:
        self._failed = None
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
