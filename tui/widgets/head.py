"""The first line of every screen: where one is, and as of when it is true."""

from datetime import UTC, datetime
from typing import ClassVar

from rich.segment import Segment
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from tui.draw.lines import Span, say, spread


class Head(Widget):
    """``triage ▸ place`` at the left; at the right what limits what one sees, and the time it was read."""

    COMPONENT_CLASSES: ClassVar = {"head--strong", "head--warn"}
    DEFAULT_CSS = """
    Head { height: 1; dock: top; background: $panel; color: $text; padding: 0 1; }
    Head > .head--strong { text-style: bold; }
    Head > .head--warn { text-style: bold; color: $text-warning; }
    """

    place: reactive[str] = reactive("")
    as_of: reactive[datetime | None] = reactive(None)
    notes: reactive[tuple[str, ...]] = reactive(())
    """Words such as ``paused`` and ``read-only``."""

    def render_line(self, y: int) -> Strip:
        base = self.rich_style
        strong, warn = (self.get_component_rich_style(f"head--{tone}", partial=True) for tone in ("strong", "warn"))
        right = [Span(f"{note}  ", "warn") for note in self.notes]
        if self.as_of is not None:
            right.append(
                Span(f"as of {self.as_of.astimezone(UTC):%H:%M:%S}" + (" UTC" if self.size.width > 70 else ""))
            )
        else:
            right.append(Span("reading …"))
        line = spread((Span("triage ", "strong"), Span("▸ "), say(self.place)), tuple(right), self.size.width)
        styles = {"strong": base + strong, "warn": base + warn}
        return Strip(Segment(span.text, styles.get(span.tone, base)) for span in line).adjust_cell_length(
            self.size.width, base
        )
