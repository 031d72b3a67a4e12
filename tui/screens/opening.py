"""The first paint: the frame of the queue, before anything is read or imported."""

from typing import Protocol, cast

from textual.app import ComposeResult
from textual.screen import Screen

from tui.widgets.head import Head
from tui.widgets.keybar import Keys
from tui.widgets.sheet import Sheet


class Begins(Protocol):
    def begin(self) -> None: ...


class Opening(Screen[None]):
    """Lies under all other screens; once it is on the terminal the app begins."""

    def compose(self) -> ComposeResult:
        yield Head()
        yield Sheet("Incidents", id="incidents")
        yield Keys()

    def on_mount(self) -> None:
        self.query_one(Head).place = "queue"
        self.call_after_refresh(cast("Begins", self.app).begin)
