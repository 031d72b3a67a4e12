"""One decision that changes something: what it is about in full, and two buttons of which Cancel has the focus."""

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Static

from tui.draw.lines import Item, say
from tui.widgets.sheet import Sheet


class Decide(ModalScreen[str | None]):
    """Returns the reason that was typed (empty where none is asked for), or None where it was cancelled.

    ``reason`` asks for one under that label; ``typed`` is a name that must be typed before the decision can be taken.
    """

    BINDINGS: ClassVar = [Binding("escape", "cancel", "Cancel")]

    def __init__(
        self, title: str, body: Sequence[Item], accept: str, *, reason: str = "", typed: str = "", grave: bool = False
    ) -> None:
        super().__init__()
        self._title, self._body, self._accept = title, body, accept
        self._reason, self._typed, self._grave = reason, typed, grave

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog decision"):
            yield Static(say(self._title).text, classes="dialog-title", markup=False)
            yield Sheet(id="about", classes="-plain")
            if self._reason:
                yield Label(self._reason, markup=False)
                yield Input(id="reason", compact=True)
            if self._typed:
                yield Label(f"Production: type the model's name, {say(self._typed).text}, to go on", markup=False)
                yield Input(id="typed", compact=True)
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel", compact=True)
                yield Button(self._accept, id="accept", variant="error" if self._grave else "primary", compact=True)

    def on_mount(self) -> None:
        self.query_one("#about", Sheet).fill(self._body)
        self._check()
        self.query_one("#cancel", Button).focus()

    @property
    def _words(self) -> str:
        return self.query_one("#reason", Input).value.strip() if self._reason else ""

    @on(Input.Changed)
    def _check(self) -> None:
        named = not self._typed or self.query_one("#typed", Input).value.strip() == self._typed
        self.query_one("#accept", Button).disabled = not named or (bool(self._reason) and not self._words)

    @on(Input.Submitted)
    def _submitted(self) -> None:
        """Enter in a field goes on to the next one; only the button decides."""
        self.focus_next()

    @on(Button.Pressed, "#accept")
    def _accepted(self) -> None:
        self.dismiss(self._words)

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        self.dismiss(None)
