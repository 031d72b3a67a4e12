"""The app: it opens screens, starts runs in processes of their own, and reads the journal beside the keys."""

import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import App
from textual.reactive import reactive

from triage.errors import StepFailed, TriageError
from tui import theme
from tui.commands import Actions, Incidents, Palette
from tui.draw.lines import say
from tui.execution import Executor
from tui.reading import Reader
from tui.screens.incident import IncidentScreen
from tui.screens.live import Live
from tui.screens.queue import QueueScreen
from tui.widgets.head import Head

if TYPE_CHECKING:
    from triage.desk import Desk
    from triage.ports import Clock


class TriageApp(App[None]):
    """``open_desk`` gives a desk to any thread that asks; runs are processes that work on the journal in ``home``."""

    TITLE = "triage"
    CSS_PATH = "app.tcss"
    COMMANDS: ClassVar = {Incidents, Actions}

    paused: reactive[bool] = reactive(False)

    def __init__(
        self,
        open_desk: "Callable[[], Desk]",
        clock: "Clock",
        home: Path,
        catalog: Path,
        *,
        first: str = "",
        look: str = "dark",
    ) -> None:
        super().__init__()
        self.clock = clock
        self.home = home
        self.catalog = catalog
        self.reader = Reader(open_desk)
        self.executor = Executor(home)
        self._first = first
        for own in theme.THEMES:
            self.register_theme(own)
        self.theme = theme.NAMES[look]

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return theme.DEFAULTS

    def on_mount(self) -> None:
        self.push_screen(QueueScreen())
        if self._first:
            self.open_incident(self._first)
        self.set_interval(0.5, self._watch_runs)

    def on_unmount(self) -> None:
        self.reader.close()

    def open_incident(self, incident: str) -> None:
        self.push_screen(IncidentScreen(incident))

    def open_feature(self, incident: str, evidence: str) -> None:
        from tui.screens.feature import FeatureScreen

        self.push_screen(FeatureScreen(incident, evidence))

    def open_report(self, incident: str) -> None:
        from tui.screens.report import ReportScreen

        self.push_screen(ReportScreen(incident))

    def start_form(self, playbook: str = "") -> None:
        """Ask which model, and start a run on it."""
        from tui.screens.start import Start

        self.push_screen(Start(self.catalog, self.clock.now(), playbook), self._started)

    def _started(self, incident: str | None) -> None:
        if incident:
            self.open_incident(incident)
            self.carry_on(incident)

    def action_command_palette(self) -> None:
        if not isinstance(self.screen, Palette):
            self.push_screen(Palette(id="--command-palette"))

    def action_playbooks(self) -> None:
        from tui.screens.playbooks import PlaybooksScreen

        self.push_screen(PlaybooksScreen())

    def action_help(self) -> None:
        """Explain the keys of the screen that is open."""
        from tui.screens.help import Help

        screen = self.screen
        if isinstance(screen, Live):
            self.push_screen(Help(screen.query_one(Head).place, screen.own_keys()))

    def action_pause(self) -> None:
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
            self.notify(f"picture written to {path}", markup=False)

    def carry_on(self, incident: str) -> None:
        """Start or resume work on ``incident``, apart from this app."""
        try:
            self.executor.start(incident)
        except TriageError as error:
            self.tell(error)
        else:
            self.notify(f"{incident} is being worked on; leaving this screen does not stop it", markup=False)

    def tell(self, error: TriageError) -> None:
        """Say in passing what went wrong."""
        self.notify(say(str(error)).text, title="Not done", severity="error", timeout=10, markup=False)

    def copy(self, words: str) -> None:
        """Hand ``words`` to the terminal's clipboard, and say so."""
        if words:
            self.copy_to_clipboard(words)
            shown = say(words[:100]).text
            self.notify(shown if len(words) < 70 else f"{shown[:69]}…", title="Copied", timeout=3, markup=False)

    def _print_error_renderables(self) -> None:
        """Instead of a traceback on the screen: one line, and the traceback in a file."""
        error = self._exception
        self._exit_renderables.clear()
        if error is None:
            return
        log = self.home / "screen-error.log"
        with suppress(OSError):
            log.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
        told = say(f"{type(error).__name__}: {error}").text
        print(f"triage: the screen stopped on a defect: {told}", file=sys.stderr)
        print(f"  hint: runs go on, the journal is whole; please report {log}", file=sys.stderr)

    def _watch_runs(self) -> None:
        for run in self.executor.ended():
            complaint = run.complaint
            if complaint:
                self.tell(TriageError(f"{run.incident}: {complaint}"))
