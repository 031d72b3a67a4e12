"""The lab: start it, switch faults on and off while it runs, start a run on it, stop it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from triage.errors import TriageError, UsageError
from tui.draw import lab as drawing
from tui.draw.lab import Lab
from tui.screens.ask import Ask
from tui.screens.live import Live
from tui.widgets.sheet import Sheet

if TYPE_CHECKING:
    from pathlib import Path

    from triage.desk import Desk

_LOOK_TICKS = 3


class LabScreen(Live):
    """Servers at the left, faults at the right. Starting and stopping are processes of their own."""

    PLACE = "lab"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("u", "up", "Up", id="lab.up", tooltip="start the lab's servers"),
        Binding("i,enter", "inject", "Inject", key_display="i", id="lab.inject", tooltip="switch the fault on, or off"),
        Binding("n", "new", "New run", id="lab.new", tooltip="find out what is wrong in the lab"),
        Binding("d", "down", "Down", id="lab.down", tooltip="stop the lab; nothing is left running"),
        Binding("tab", "app.focus_next", "Panel", id="lab.panel"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._lab: Lab | None = None
        self._ticks = 0

    def panels(self) -> ComposeResult:
        with Horizontal(id="lab-body"):
            yield Sheet("Servers", id="servers")
            yield Sheet("Faults", id="faults")

    @property
    def folder(self) -> "Path":
        return self.home_app.folder / "lab"

    def begin(self) -> None:
        self.sheet("faults").focus()

    def gather(self, desk: "Desk") -> None:
        return None

    def show(self, found: None) -> None:
        self._read()

    def pass_time(self) -> None:
        self._ticks += 1
        if self._ticks % _LOOK_TICKS == 0:
            self._read()
        elif self._lab is not None:
            self._draw()

    @work(exclusive=True, group="lab")
    async def _read(self) -> None:
        folder = self.folder
        try:
            self._lab = await self.ask_apart(lambda desk: _look(folder))
        except TriageError as error:
            self.fail(error)
            return
        self._draw()
        self.refresh_bindings()

    def _draw(self) -> None:
        if self._lab is not None:
            self.sheet("servers").fill(drawing.servers(self._lab, self.home_app.executor.said("lab")))
            on = len(self._lab.on)
            self.sheet("faults").retitle(f"Faults: {on} on" if on else "Faults")
            self.sheet("faults").fill(drawing.faults(self._lab, self.now))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        runs = self._lab is not None and self._lab.status.running
        if action in ("inject", "new", "down"):
            return True if runs else None
        if action == "up":
            return None if runs or self.home_app.executor.said("lab") else True
        return True

    def action_up(self) -> None:
        self._launch("lab", "up")

    def action_down(self) -> None:
        self._launch("lab", "down")

    def _launch(self, *words: str) -> None:
        if self.home_app.may_change():
            try:
                self.home_app.executor.launch("lab", words)
            except TriageError as error:
                self.home_app.tell(error)
            self._draw()
            self.refresh_bindings()

    def action_new(self) -> None:
        if self._lab is not None:
            self.home_app.start_form(catalog=self._lab.status.catalog)

    @on(Sheet.Opened, "#faults")
    def _opened(self) -> None:
        self.action_inject()

    def action_inject(self) -> None:
        """Switch the fault under the cursor off where it is on; else ask for its settings, and switch it on."""
        lab, name = self._lab, self.sheet("faults").cursor
        if lab is None or not lab.status.running or not self.home_app.may_change():
            return
        fault = next((fault for fault in lab.faults if fault.name == name), None)
        if fault is None:
            return
        if name in lab.on:
            self._change(lambda: _clear(self.folder, name))
            return
        settings = " ".join(f"{key}={value}" for key, value in fault.settings.items())
        self.app.push_screen(
            Ask(f"Inject {name}: {fault.title}", "Settings", settings, "Inject"),
            lambda said: self._injected(name, said),
        )

    def _injected(self, name: str, said: str | None) -> None:
        if said is not None:
            self._change(lambda: _inject(self.folder, name, said))

    @work(group="fault")
    async def _change(self, change: Callable[[], str]) -> None:
        try:
            told = await self.ask_apart(lambda desk: change())
        except TriageError as error:
            self.home_app.tell(error)
        else:
            self.home_app.say(told)
            self._read()

    def command(self) -> str:
        fault = self.sheet("faults").cursor
        return f"triage lab inject {fault}" if fault and self._lab and self._lab.status.running else "triage lab up"


def _look(folder: "Path") -> Lab:
    from triage.lab.inject import FAULTS
    from triage.lab.stack import status

    return Lab(status(folder), tuple(FAULTS.values()))


def _inject(folder: "Path", name: str, said: str) -> str:
    from triage.lab.inject import inject

    injected = inject(folder, name, **_settings(said))
    return f"{name} is on; watch {injected.watch}"


def _clear(folder: "Path", name: str) -> str:
    from triage.lab.inject import clear

    return f"off: {', '.join(clear(folder, name)) or 'nothing was on'}"


def _settings(said: str) -> dict[str, Any]:
    chosen = {}
    for word in said.split():
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise UsageError(f"'{word}' is no setting", hint="write it as KEY=VALUE, such as severity=0.5")
        chosen[key] = value
    return chosen
