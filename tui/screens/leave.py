"""Before the app closes while runs that it started go on: say so."""

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from tui.execution import Run


class Leave(ModalScreen[bool]):
    """Returns whether to close."""

    BINDINGS: ClassVar = [Binding("escape", "stay", "Stay")]

    def __init__(self, runs: Sequence[Run]) -> None:
        super().__init__()
        self._runs = runs

    def compose(self) -> ComposeResult:
        names = "\n".join(f"  ▶ {run.name} (process {run.process.pid})" for run in self._runs)
        with Vertical(classes="dialog"):
            yield Static("Close the app?", classes="dialog-title")
            yield Static(f"These runs go on without it:\n{names}\n'triage' shows them again.", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Stay", id="stay")
                yield Button("Close", id="close", variant="primary")

    def on_mount(self) -> None:
        self.query_one("#stay", Button).focus()

    @on(Button.Pressed, "#stay")
    def action_stay(self) -> None:
        self.dismiss(False)

    @on(Button.Pressed, "#close")
    def _close(self) -> None:
        self.dismiss(True)
