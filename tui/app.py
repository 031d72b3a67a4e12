"""The app: it opens screens, starts runs in processes of their own, and reads the journal beside the keys."""

import os
import sys
import traceback
from asyncio import sleep
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import App
from textual.binding import Binding
from textual.reactive import reactive
from textual.screen import Screen

from triage.errors import ConfigError, StepFailed, TriageError
from tui import theme
from tui.closing import forget_lines
from tui.draw.lines import say
from tui.execution import Executor
from tui.memory import Memory
from tui.reading import Reader
from tui.screens.opening import Opening

if TYPE_CHECKING:
    from textual.await_complete import AwaitComplete
    from textual.command import Provider
    from textual.dom import DOMNode

    from triage.desk import Desk
    from triage.ports import Clock


LETTING_GO_LOOKS = 40
"""How often it is asked, four times a second, whether the process at a gate has let go of the incident."""


def _incidents() -> "type[Provider]":
    from tui.commands import Incidents

    return Incidents


def _actions() -> "type[Provider]":
    from tui.commands import Actions

    return Actions


class TriageApp(App[None]):
    """``open_desk`` gives a desk to any thread that asks; runs are processes that work on the journal in ``folder``.

    Nothing is read, and no screen imported, before the first paint.
    """

    TITLE = "triage"
    CSS_PATH = "app.tcss"
    COMMANDS: ClassVar = {_incidents, _actions}

    paused: reactive[bool] = reactive(False)

    def __init__(
        self,
        open_desk: "Callable[[], Desk]",
        clock: "Clock",
        folder: Path,
        catalog: Path,
        *,
        first: str = "",
        look: str = "dark",
        read_only: bool = False,
        keys: Path | None = None,
    ) -> None:
        super().__init__()
        self.clock = clock
        self.folder = folder
        self.catalog = catalog
        self.read_only = read_only
        self.reader = Reader(open_desk)
        self.executor = Executor(folder)
        self.memory = Memory(folder / "screen.json")
        self._first = first
        self._keys = keys
        self._server = int(os.environ.get("TRIAGE_WEB_PARENT", "0"))
        self.own_keys: Mapping[str, str] = {}
        self._clashes: set[str] = set()
        for own in theme.THEMES:
            self.register_theme(own)
        self.theme = theme.NAMES[look]

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return theme.DEFAULTS

    def get_default_screen(self) -> Screen[None]:
        return Opening()

    def begin(self) -> None:
        """Go on to the queue, once the first frame is on the terminal."""
        from tui.screens.queue import QueueScreen

        self.push_screen(QueueScreen())
        if self._first:
            self.open_incident(self._first)
        self._take_keys()
        self.set_interval(0.5, self._watch_runs)

    def on_unmount(self) -> None:
        self.reader.close()

    def _take_keys(self) -> None:
        if self._keys is None or not self._keys.exists():
            return
        from tui.keys import load

        try:
            self.own_keys = load(self._keys)
        except ConfigError as error:
            self.tell(error)
        else:
            self.set_keymap(dict(self.own_keys))

    def handle_bindings_clash(self, clashed_bindings: set[Binding], node: "DOMNode") -> None:
        fresh = {item.id or item.action for item in clashed_bindings} - self._clashes
        self._clashes |= fresh
        if fresh:
            self.notify(
                f"no key is left for {', '.join(sorted(fresh))}: {self._keys} gives it to another",
                severity="warning",
                markup=False,
            )

    def pop_screen(self) -> "AwaitComplete":
        """Close the uppermost screen, and keep nothing of it once it is gone."""
        popped = super().pop_screen()
        self.call_later(forget_lines)
        return popped

    def open_incident(self, incident: str) -> None:
        from tui.screens.incident import IncidentScreen

        self.push_screen(IncidentScreen(incident))

    def start_form(self, playbook: str = "", catalog: Path | None = None) -> None:
        """Ask which model of ``catalog`` (by default this user's), and start a run on it."""
        if not self.may_change():
            return
        from tui.screens.start import Start

        self.push_screen(Start(catalog or self.catalog, self.clock.now(), playbook), self._started)

    def _started(self, incident: str | None) -> None:
        if incident:
            self.open_incident(incident)
            self.carry_on(incident)

    def action_command_palette(self) -> None:
        from tui.commands import Palette

        if not isinstance(self.screen, Palette):
            self.push_screen(Palette(id="--command-palette"))

    def action_playbooks(self) -> None:
        from tui.screens.playbooks import PlaybooksScreen

        self.push_screen(PlaybooksScreen())

    def action_lab(self) -> None:
        from tui.screens.lab import LabScreen

        self.push_screen(LabScreen())

    def action_help(self) -> None:
        """Explain the keys of the screen that is open."""
        from tui.screens.help import Help
        from tui.screens.live import Live

        screen = self.screen
        if isinstance(screen, Live):
            self.push_screen(Help(screen.place, screen.own_keys()))

    def action_pause(self) -> None:
        from tui.screens.live import Live

        self.paused = not self.paused
        if isinstance(self.screen, Live):
            self.screen.note_state()

    def action_leave(self) -> None:
        """Close, after saying what goes on."""
        going = self.executor.going()
        if not going:
            self.exit()
            return
        from tui.screens.leave import Leave

        self.push_screen(Leave(going), lambda close: self.exit() if close else None)

    def look_like(self, look: str) -> None:
        self.theme = theme.NAMES[look]

    def picture(self) -> None:
        """Save the screen as an SVG file in the working folder."""
        path = Path.cwd() / f"triage-{self.clock.now():%Y%m%d-%H%M%S}.svg"
        try:
            path.write_text(self.export_screenshot(), encoding="utf-8")
        except OSError as error:
            self.tell(StepFailed(f"can't write {path}: {error.strerror}", hint="start the app in another folder"))
        else:
            self.say(f"picture written to {path}")

    def may_change(self) -> bool:
        """Whether changes are allowed here; says so where they are not."""
        if self.read_only:
            self.notify("this app is read-only: it was started with --read-only", severity="warning", markup=False)
        return not self.read_only

    def carry_on(self, incident: str) -> None:
        """Start or resume work on ``incident``, apart from this app."""
        if not self.may_change():
            return
        try:
            self.executor.start(incident)
        except TriageError as error:
            self.tell(error)
        else:
            self.say(f"{incident} is being worked on; leaving this screen does not stop it")

    def decide(self, incident: str, decision: "Callable[[Desk], str]", *, go_on: bool = False) -> None:
        """Take ``decision`` whatever becomes of the screen, say what it says, and ``go_on`` with the run."""
        self.run_worker(self._decide(incident, decision, go_on), group="decisions")

    async def _decide(self, incident: str, decision: "Callable[[Desk], str]", go_on: bool) -> None:
        try:
            self.say(await self.reader.ask_apart(decision))
            if go_on:
                await self._go_on(incident)
        except TriageError as error:
            self.tell(error)
        from tui.screens.live import Live

        if isinstance(self.screen, Live):
            self.screen.decided()

    async def _go_on(self, incident: str) -> None:
        """Work on it, once the process that brought it to its gate let go of it; one that stays goes on itself."""
        for _ in range(LETTING_GO_LOOKS):
            if not await self.reader.ask(lambda desk: desk.journal.executor(incident)):
                self.executor.forget(incident)
                self.carry_on(incident)
                return
            await sleep(0.25)

    def say(self, words: str, title: str = "") -> None:
        """Say in passing what happened."""
        self.notify(say(words).text, title=title, timeout=4, markup=False)

    def tell(self, error: TriageError) -> None:
        """Say in passing what went wrong."""
        self.notify(say(str(error)).text, title="Not done", severity="error", timeout=10, markup=False)

    def copy(self, words: str) -> None:
        """Hand ``words`` to the terminal's clipboard, and say so."""
        if words:
            self.copy_to_clipboard(words)
            shown = say(words[:100]).text
            self.say(shown if len(words) < 70 else f"{shown[:69]}…", title="Copied")

    def _print_error_renderables(self) -> None:
        """Instead of a traceback on the screen: one line, and the traceback in a file."""
        error = self._exception
        self._exit_renderables.clear()
        if error is None:
            return
        log = self.folder / "screen-error.log"
        with suppress(OSError):
            log.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
        told = say(f"{type(error).__name__}: {error}").text
        print(f"triage: the screen stopped on a defect: {told}", file=sys.stderr)
        print(f"  hint: runs go on, the journal is whole; please report {log}", file=sys.stderr)

    def on_mount(self) -> None:
        if self._server:
            self.set_interval(0.5, self._leave_with_the_server)

    def _leave_with_the_server(self) -> None:
        if os.getppid() != self._server:
            self.exit()  # nobody is left to look

    def _watch_runs(self) -> None:
        for run in self.executor.ended():
            complaint = run.complaint
            if complaint:
                self.tell(TriageError(f"{run.name}: {complaint}"))
