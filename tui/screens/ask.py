"""One question with one line to answer it; Cancel has the focus's way out with Esc."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Static

from tui.draw.lines import say


class Ask(ModalScreen[str | None]):
    """Returns what was typed, or None."""

    BINDINGS: ClassVar = [Binding("escape", "cancel", "Cancel")]

    def __init__(self, title: str, label: str, answer: str, accept: str) -> None:
        super().__init__()
        self._title, self._label, self._answer, self._accept = title, label, answer, accept

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(say(self._title).text, classes="dialog-title", markup=False)
            yield Label(self._label, markup=False)
            yield Input(self._answer, id="answer")
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel")
                yield Button(self._accept, id="accept", variant="primary")

    def on_mount(self) -> None:
        self.query_one("#answer", Input).focus()

    @on(Input.Submitted)
    @on(Button.Pressed, "#accept")
    def _accepted(self) -> None:
        self.dismiss(self.query_one("#answer", Input).value)

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        self.dismiss(None)
