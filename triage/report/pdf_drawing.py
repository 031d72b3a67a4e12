"""A drawing on a page of the PDF: the same shapes as in the web page, as vectors, in the colours it prints in."""

from typing import Any

from triage.plain import visible
from triage.report.charts import Figure
from triage.report.charts.drawing import Box, Dot, Drawing, Label, Path

_MM_PER_UNIT = 0.27
_POINTS = 6.5
_LINE_MM = 3.6
_KEY_MM = 5.0
_INK, _SOFT, _HAIR, _MARK = (0, 0, 0), (68, 68, 68), (204, 204, 204), (138, 144, 153)
_BLUE, _ORANGE = (11, 92, 148), (185, 72, 11)
_FILLS = {
    "window-incident": (251, 227, 208),
    "window-other": (228, 238, 245),
    "baseline": (185, 211, 230),
    "current": _ORANGE,
    "part": _ORANGE,
    "psi": _MARK,
    "back": _BLUE,
}
_LINES: dict[str, tuple[tuple[int, int, int], float, tuple[float, float]]] = {
    "grid": (_HAIR, 0.15, (0, 0)),
    "axis": (_MARK, 0.2, (0, 0)),
    "joint": (_MARK, 0.2, (0, 0)),
    "kpi": (_INK, 0.35, (0, 0)),
    "expected": (_BLUE, 0.35, (0.4, 0.8)),
    "target": (_SOFT, 0.3, (1.9, 1.1)),
    "onset": (_ORANGE, 0.5, (0, 0)),
    "remainder": (_MARK, 0.25, (0.8, 0.5)),
}
"""By style: colour, width in mm, and the dash and gap in mm (0: none)."""


def place(page: Any, figure: Figure) -> None:
    """Put ``figure`` under what is on ``page`` (an FPDF), whole: on the next page where this one has no room.

    Of one that can't be drawn, in words why.
    """
    drawing = figure.drawing
    if drawing is None:
        _words(page, figure.fault, _SOFT)
        return
    scale = min(_MM_PER_UNIT, page.epw / drawing.width)
    height = drawing.height * scale
    if page.will_page_break(height + _LINE_MM + _KEY_MM + 2):
        page.add_page()
    cited = f" [E{figure.source}]" if figure.source else ""
    _words(page, f"{drawing.title}{cited}", _INK, "B")
    _key(page, drawing)
    left, top = page.l_margin, page.get_y() + 1
    with page.local_context():
        for shape in drawing.shapes:
            match shape:
                case Box():
                    _box(page, shape, left, top, scale)
                case Path():
                    _path(page, shape, left, top, scale)
                case Dot():
                    page.set_fill_color(*_INK)
                    page.circle(left + shape.x * scale, top + shape.y * scale, 0.5, style="F")
                case Label():
                    _label(page, shape, left, top, scale)
    page.set_y(top + height + 2)


def _words(page: Any, text: str, colour: tuple[int, int, int], style: str = "") -> None:
    page.set_font("DejaVu", style, 8)
    page.set_text_color(*colour)
    page.multi_cell(0, _LINE_MM, visible(text), new_x="LMARGIN", new_y="NEXT", align="L")
    page.set_text_color(*_INK)


def _key(page: Any, drawing: Drawing) -> None:
    """A swatch and a word for each style."""
    if not drawing.key:
        return
    page.set_font("DejaVu", "", _POINTS)
    x, y = page.l_margin, page.get_y() + 1
    for entry in drawing.key:
        text = visible(entry.text)
        if x + 6 + page.get_string_width(text) > page.w - page.r_margin:
            x, y = page.l_margin, y + _LINE_MM
        with page.local_context():
            if entry.style in _FILLS:
                page.set_fill_color(*_FILLS[entry.style])
                page.rect(x, y + 0.5, 4, 2, style="F")
            else:
                _pen(page, entry.style)
                page.line(x, y + 1.5, x + 4, y + 1.5)
        page.set_text_color(*_SOFT)
        page.text(x + 5, y + 2.4, text)
        x += 9 + page.get_string_width(text)
    page.set_text_color(*_INK)
    page.set_y(y + _LINE_MM)


def _box(page: Any, box: Box, left: float, top: float, scale: float) -> None:
    if box.width <= 0 or box.height <= 0:
        return
    at = (left + box.x * scale, top + box.y * scale, box.width * scale, box.height * scale)
    if box.style in _FILLS:
        page.set_fill_color(*_FILLS[box.style])
        page.rect(*at, style="F")
        return
    _pen(page, box.style)
    page.rect(*at)


def _path(page: Any, path: Path, left: float, top: float, scale: float) -> None:
    _pen(page, path.style)
    page.polyline([(left + x * scale, top + y * scale) for x, y in path.points])


def _pen(page: Any, style: str) -> None:
    colour, width, (dash, gap) = _LINES.get(style, _LINES["axis"])
    page.set_draw_color(*colour)
    page.set_line_width(width)
    page.set_dash_pattern(dash=dash, gap=gap)


def _label(page: Any, label: Label, left: float, top: float, scale: float) -> None:
    page.set_font("DejaVu", "", _POINTS)
    page.set_text_color(*(_INK if label.style in ("name", "value") else _SOFT))
    text = visible(label.text)
    back = {"middle": 0.5, "end": 1.0}.get(label.anchor, 0.0) * page.get_string_width(text)
    page.text(left + label.x * scale - back, top + label.y * scale, text)
