"""The last line of every screen: what can be pressed here, as much of it as fits."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from rich.segment import Segment
from textual import events
from textual.strip import Strip
from textual.widget import Widget

from tui.draw.lines import Span, width_of

if TYPE_CHECKING:
    from textual.screen import Screen

ALWAYS = ("any.back", "any.help")
"""Names of the keys that stay at the right, however narrow it is: the way out, and the list of all others."""


class Key(NamedTuple):
    """One key: what is pressed, what it does, and whether it does something now."""

    key: str
    shown: str
    words: str
    enabled: bool = True

    @property
    def width(self) -> int:
        return width_of((Span(f"{self.shown} {self.words}"),))


class Placed(NamedTuple):
    """A key that is drawn, from ``column`` on."""

    column: int
    key: Key


def placed(own: Sequence[Key], always: Sequence[Key], width: int) -> list[Placed]:
    """Those of ``own`` that fit in ``width`` columns from the left, ``always`` at the right.

    They are two columns apart, or one where that lets more be seen; what can't be done now gives way first, then the
    later ones.
    """
    gap = 2 if _length((*own, *always), 2) <= width else 1
    kept = list(own)
    while kept and _length((*kept, *always), gap) > width:
        idle = [place for place, key in enumerate(kept) if not key.enabled]
        del kept[idle[-1] if idle else -1]
    found: list[Placed] = []
    column = 0
    for keys in (kept, always):
        if keys is always:
            column = max(column, width - _length(always, gap))
        for key in keys:
            found.append(Placed(column, key))
            column += key.width + gap
    return found


def _length(keys: Sequence[Key], gap: int) -> int:
    return sum(key.width for key in keys) + gap * max(0, len(keys) - 1)


class Keys(Widget):
    """Drawn anew only where a key came, went, or began or stopped to do something; each of them is a button."""

    COMPONENT_CLASSES: ClassVar = {"keys--key", "keys--idle"}
    DEFAULT_CSS = """
    Keys { height: 1; dock: bottom; background: $panel; color: $text; padding: 0 1; }
    Keys > .keys--key { color: $footer-key-foreground; text-style: bold; }
    Keys > .keys--idle { color: $quiet; text-style: dim; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._own: tuple[Key, ...] = ()
        self._always: tuple[Key, ...] = ()

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._note)

    def _note(self, screen: "Screen[object]") -> None:
        """Take over which keys there are, the screen's own before those of every screen."""
        own: dict[str, Key] = {}
        shared: dict[str, Key] = {}
        always: dict[str, Key] = {}
        for _, binding, enabled, _ in screen.active_bindings.values():
            if binding.show:
                shown = self.app.get_key_display(binding)
                name = binding.id or ""
                into = always if name in ALWAYS else shared if name.startswith("any.") else own
                into.setdefault(binding.action, Key(binding.key, shown, binding.description, enabled))
        found = (*own.values(), *shared.values()), tuple(always.values())
        if found != (self._own, self._always):
            self._own, self._always = found
            self.refresh()

    @property
    def placed(self) -> list[Placed]:
        """What is drawn now, and where."""
        return placed(self._own, self._always, self.size.width)

    def render_line(self, y: int) -> Strip:
        base = self.rich_style
        bold, idle = (self.get_component_rich_style(f"keys--{name}", partial=True) for name in ("key", "idle"))
        segments: list[Segment] = []
        column = 0
        for start, key in self.placed:
            segments += [
                Segment(" " * (start - column), base),
                Segment(key.shown, base + (bold if key.enabled else idle)),
                Segment(f" {key.words}", base if key.enabled else base + idle),
            ]
            column = start + key.width
        return Strip(segments).adjust_cell_length(self.size.width, base)

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        pressed = next((key for start, key in self.placed if offset and start <= offset.x < start + key.width), None)
        if pressed is not None and pressed.enabled:
            self.app.simulate_key(pressed.key)
