"""A drawing as a value: shapes in one coordinate system, styled by class, laid out by ``drawing.svg.j2``.

Colours live in the page's style sheet, so one drawing serves light, dark and print.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from triage.plain import cells, visible

LETTER_WIDTH = 6.3
"""Width of a letter, in the drawing's units, at the size the style sheet gives to labels."""


@dataclass(frozen=True, slots=True)
class Box:
    """A filled rectangle; ``tip`` is shown under the pointer and read aloud."""

    x: float
    y: float
    width: float
    height: float
    style: str
    tip: str = ""
    shape: str = "box"


@dataclass(frozen=True, slots=True)
class Path:
    """A line through ``points``."""

    points: tuple[tuple[float, float], ...]
    style: str
    shape: str = "path"


@dataclass(frozen=True, slots=True)
class Dot:
    x: float
    y: float
    style: str
    shape: str = "dot"


@dataclass(frozen=True, slots=True)
class Label:
    """Text that starts, centres (``middle``) or ends at ``x``, its base line at ``y``."""

    x: float
    y: float
    text: str
    anchor: str = "start"
    style: str = "tick"
    shape: str = "label"


Shape = Box | Path | Dot | Label


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """What a style in the drawing stands for."""

    style: str
    text: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """``title`` heads it, ``description`` says in words what it shows to those who can't see it."""

    title: str
    description: str
    width: float
    height: float
    shapes: tuple[Shape, ...]
    key: tuple[KeyEntry, ...] = ()
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Linear:
    """A linear scale from data to the drawing's units."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        spread = self.high - self.low
        return self.start + (self.end - self.start) * ((value - self.low) / spread if spread else 0.5)


def fitted(text: str, width: float) -> str:
    """``text`` cut with an ellipsis to ``width`` units."""
    shown, room = visible(text), max(2, int(width / LETTER_WIDTH))
    if cells(shown) <= room:
        return shown
    cut = ""
    for character in shown:
        if cells(cut) + cells(character) > room - 1:
            break
        cut += character
    return cut + "…"


def value_axis(scale: Linear, ticks: Sequence[float], labels: Sequence[str], left: float, right: float) -> list[Shape]:
    """Hairlines at ``ticks`` of a vertical scale from ``left`` to ``right``, their labels to the left of them."""
    shapes: list[Shape] = []
    for tick, label in zip(ticks, labels, strict=True):
        y = scale(tick)
        shapes += [Path(((left, y), (right, y)), "grid"), Label(left - 6, y + 4, label, "end")]
    return shapes
