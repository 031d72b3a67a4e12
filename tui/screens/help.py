"""Help: this screen's keys first, then everyone's, then what the signs mean."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import ModalScreen

from triage.incident import Verdict
from triage.report.ladder import VERDICT_GLYPHS, Standing
from triage.report.timeline import STATE_WORDS
from tui.draw.lines import Item, Span, blank, cut, fill, heading, say
from tui.draw.queue import STATE_GLYPHS, STATE_TONES
from tui.widgets.sheet import Sheet

EVERYWHERE = (
    ("Esc", "back, out of whatever this is"),
    ("↑ ↓ j k", "move; PgUp PgDn g G further"),
    ("Enter", "open; a double click does too"),
    ("Tab", "the next panel"),
    ("space", "pause the live refresh, and go on"),
    ("r", "read again, also after an error"),
    ("y  Y", "copy what the cursor stands on; copy the command"),
    ("Ctrl+P", "palette: incidents, actions, themes"),
    ("?", "this help"),
)


class Help(ModalScreen[None]):
    """``keys`` are those of the screen below."""

    BINDINGS: ClassVar = [Binding("escape,question_mark,q", "dismiss", "Close")]

    def __init__(self, name: str, keys: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._name, self._keys = name, keys

    def compose(self) -> ComposeResult:
        yield Sheet("Help (Esc closes)", id="help")

    def on_mount(self) -> None:
        sheet = self.query_one("#help", Sheet)
        sheet.focus()
        sheet.fill(
            [
                heading(f"Keys of this screen: {self._name}"),
                *(_line(key, what) for key, what in self._keys),
                blank(),
                heading("Keys everywhere"),
                *(_line(key, what) for key, what in EVERYWHERE),
                blank(),
                heading("The ladder: what is known of a kind of cause"),
                *(_line(standing.glyph, standing.value) for standing in Standing),
                blank(),
                heading("Evidence: what it says of its cause"),
                *(_line(VERDICT_GLYPHS[verdict], verdict.value) for verdict in Verdict),
                blank(),
                heading("Incidents"),
                *(_line(glyph, STATE_WORDS[state], STATE_TONES[state]) for state, glyph in STATE_GLYPHS.items()),
                _line("▶", "being worked on, by the process that is named"),
            ]
        )


def _line(key: str, what: str, tone: str = "accent") -> Item:
    return Item(lambda width: [cut((*fill((Span(key, tone),), 12), say(what)), width)])
