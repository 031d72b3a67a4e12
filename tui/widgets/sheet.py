"""A panel of lines: a list to choose from or a page to read. Loading, empty, error and stale are drawn states."""

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.draw.lines import TONES, Item, Line, Span, plain, say, text

_HIGHLIT = 3
"""Lines up to which an item is highlighted whole; of a taller one only the first, and the mark runs along the rest."""

_MARGIN = 2
"""Columns at the left, where the cursor's mark stands."""


class Sheet(ScrollView, can_focus=True):
    """Lines from `Item`s, drawn anew for each width. New content keeps cursor and scroll where their item still is."""

    COMPONENT_CLASSES: ClassVar = {f"sheet--{tone}" for tone in TONES} | {"sheet--cursor"}
    DEFAULT_CSS = """
    Sheet {
        border: round $border-blurred;
        border-title-color: $text-muted;
        border-subtitle-color: $text-warning;
        background: $background;
        overflow-x: hidden;
        overflow-y: scroll;
        scrollbar-size-vertical: 1;
        scrollbar-color: $border-blurred;
        scrollbar-background: $background;
        scrollbar-background-hover: $background;
        scrollbar-background-active: $background;
        &:focus { border: heavy $border; border-title-color: $text; border-title-style: bold; }
        &.-bare, &.-bare:focus { border: none; overflow-y: hidden; }
    }
    Sheet > .sheet--bad { color: $text-error; text-style: bold; }
    Sheet > .sheet--warn { color: $text-warning; }
    Sheet > .sheet--good { color: $text-success; }
    Sheet > .sheet--accent { color: $text-primary; }
    Sheet > .sheet--quiet { color: $quiet; }
    Sheet > .sheet--strong { text-style: bold; }
    Sheet > .sheet--before { color: $text-primary; }
    Sheet > .sheet--now { color: $text-warning; text-style: bold; }
    Sheet > .sheet--cursor { background: $chosen; }
    """
    BINDINGS: ClassVar = [
        Binding("up,k", "move(-1)", "Up", show=False, id="list.up"),
        Binding("down,j", "move(1)", "Down", show=False, id="list.down"),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False, id="list.page_up"),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False, id="list.page_down"),
        Binding("home,g", "end(-1)", "First", show=False, id="list.first"),
        Binding("end,G", "end(1)", "Last", show=False, id="list.last"),
        Binding("enter", "open", "Open", show=False, id="list.open"),
    ]

    cursor: reactive[str] = reactive("", repaint=False)
    """The key of the item the cursor stands on."""

    virtual_size: reactive[Size] = reactive(Size(0, 0), repaint=False)
    """As of every widget, except that a longer text lays out nothing anew: it moves its own scrollbar alone."""

    class Moved(Message):
        """The cursor stands on another item."""

        def __init__(self, sheet: "Sheet", key: str) -> None:
            super().__init__()
            self.sheet, self.key = sheet, key

        @property
        def control(self) -> "Sheet":
            return self.sheet

    class Opened(Moved):
        """Enter, or a second click, on an item."""

    def __init__(self, title: str = "", *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._title = title
        self.border_title = Content(say(title).text)
        self._items: tuple[Item, ...] = (text(Span("Loading …", "quiet")),)
        self._lines: list[tuple[int, Line]] = []
        self._tall: Counter[int] = Counter()
        self._drawn_width = -1
        self.filled = False

    def fill(self, items: Sequence[Item], empty: str = "Nothing here.") -> None:
        """Show ``items``, or ``empty`` where there are none."""
        self._items = tuple(items) or tuple(text(say(line, "quiet")) for line in empty.split("\n"))
        self.filled = bool(items)
        if self.border_subtitle:
            self.border_subtitle = ""
        self._draw()
        keys = self.keys
        if self.cursor not in keys:
            self.cursor = keys[0] if keys else ""

    def wait(self, words: str = "Loading …") -> None:
        """Say that it is being read, where nothing is shown yet."""
        if not self.filled:
            self._items = (text(Span(words, "quiet")),)
            self._draw()

    def fail(self, message: str, hint: str = "", old: str = "", retry: str = "r") -> None:
        """Say what went wrong; what was shown before stays, marked as stale with its age (``old``)."""
        if self.filled:
            room = max(16, self.size.width - 6)
            words = say(f"! stale{f', {old} old' if old else ''}: {message}").text
            self.border_subtitle = Content(words if len(words) <= room else f"{words[: room - 1]}…")
            return
        self._items = (
            text(say(f"✗ error: {message}", "bad")),
            *([text(say(hint))] if hint else []),
            text(Span(f"Press {retry} to try again.", "quiet")),
        )
        self._draw()

    def retitle(self, title: str) -> None:
        if title != self._title:
            self._title = title
            self.border_title = Content(say(title).text)

    def seen_keys(self) -> list[str]:
        """Keys of the items that are on the screen, top to bottom."""
        top = self.scroll_offset.y
        shown = self._lines[top : top + max(1, self.size.height)]
        return [key for key in dict.fromkeys(self._items[index].key for index, _ in shown) if key]

    @property
    def keys(self) -> list[str]:
        return [item.key for item in self._items if item.key]

    @property
    def current(self) -> Item | None:
        """The item under the cursor."""
        return next((item for item in self._items if item.key and item.key == self.cursor), None)

    @property
    def words(self) -> str:
        """All that the panel says, without styles."""
        return plain(line for _, line in self._lines)

    def _draw(self) -> None:
        width = self.scrollable_content_region.width - _MARGIN
        if width <= 0:  # not shown: there is nothing to draw, and what was drawn is of other items
            self._lines, self._drawn_width = [], -1
            return
        self._drawn_width = width
        self._lines = [(place, line) for place, item in enumerate(self._items) for line in item.draw(width)]
        self._tall = Counter(place for place, _ in self._lines)
        self.virtual_size = Size(width, len(self._lines))
        self.refresh()

    def on_resize(self) -> None:
        if self.scrollable_content_region.width - _MARGIN != self._drawn_width:
            self._draw()
            self._reveal()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        place = y + self.scroll_offset.y
        base = self.rich_style
        if not 0 <= place < len(self._lines):
            return Strip.blank(width, base)
        index, line = self._lines[place]
        item = self._items[index]
        chosen = bool(item.key) and item.key == self.cursor and self.can_focus
        first = place == 0 or self._lines[place - 1][0] != index
        if chosen and self.has_focus and (first or self._tall[index] <= _HIGHLIT):
            base += Style(bgcolor=self.get_component_rich_style("sheet--cursor").bgcolor)
        mark = ("▶ " if first else "│ ") if chosen else "  "
        segments = [Segment(mark if chosen else "  ", base + self._tone("accent"))]
        segments += [Segment(span.text, base + self._tone(span.tone)) for span in line]
        return Strip(segments).adjust_cell_length(width, base)

    def _tone(self, tone: str) -> Style:
        return self.get_component_rich_style(f"sheet--{tone}", partial=True) if tone in TONES else Style.null()

    def watch_virtual_size(self) -> None:
        self._scroll_update(self.virtual_size)

    def watch_cursor(self, before: str, now: str) -> None:
        for key in (before, now):
            rows = self._rows(key)
            if rows:
                self.refresh_lines(rows[0], len(rows))
        if now != before:
            self.post_message(self.Moved(self, now))

    def _rows(self, key: str) -> list[int]:
        """The lines of the item with ``key``."""
        return [y for y, (index, _) in enumerate(self._lines) if key and self._items[index].key == key]

    def choose(self, key: str) -> None:
        """Put the cursor on the item with ``key``."""
        if key in self.keys:
            self.cursor = key
            self._reveal()

    def scroll_to_item(self, place: int) -> None:
        """Let the item of that place among all be the first that is seen."""
        row = next((y for y, (index, _) in enumerate(self._lines) if index >= place), None)
        if row is not None:
            self.scroll_to(y=row, animate=False, force=True)

    def _reveal(self) -> None:
        """Scroll so that the item under the cursor is seen whole, with the heading right above a first item."""
        rows = self._rows(self.cursor)
        if rows:
            top = 0 if self.cursor == self.keys[0] and rows[0] < self.size.height else rows[0]
            self.scroll_to_region(Region(0, top, 1, rows[-1] - top + 1), animate=False, force=True)

    def action_move(self, by: int) -> None:
        keys = self.keys
        if not keys:
            self.scroll_relative(y=by, animate=False)
            return
        place = keys.index(self.cursor) + by if self.cursor in keys else 0
        if place < 0 or place >= len(keys):
            self.scroll_relative(y=by, animate=False)
        self.cursor = keys[max(0, min(len(keys) - 1, place))]
        self._reveal()

    def action_page(self, by: int) -> None:
        keys = self.keys
        if not keys:
            self.scroll_relative(y=by * max(1, self.size.height - 1), animate=False)
            return
        tall = max(1, round(len(self._lines) / len(keys)))
        self.action_move(by * max(1, min(len(keys) - 1, self.size.height // tall - 1)))

    def action_end(self, to: int) -> None:
        keys = self.keys
        if keys:
            self.cursor = keys[0 if to < 0 else -1]
            self._reveal()
        if to < 0:
            self.scroll_home(animate=False)
        elif not keys:
            self.scroll_end(animate=False)

    def action_open(self) -> None:
        if self.cursor:
            self.post_message(self.Opened(self, self.cursor))

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None:
            return
        place = offset.y + self.scroll_offset.y
        if not 0 <= place < len(self._lines):
            return
        key = self._items[self._lines[place][0]].key
        if not key:
            return
        if key == self.cursor and event.chain >= 2:
            self.post_message(self.Opened(self, key))
        self.cursor = key
