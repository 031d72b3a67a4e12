"""One feature in two windows: shares of rows over each other, bin by bin, and what each bin adds to the PSI."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from triage.numbers import decimals, percent, whole_percent
from tui.draw.bars import bar, overlaid
from tui.draw.lines import Line, Span, cut, fill, say, width_of


@dataclass(frozen=True, slots=True)
class Bin:
    """A bin or category: shares of rows before and now, and its part of the PSI in nats; ``rest`` is many as one."""

    label: str
    before: float
    now: float
    psi: float
    rest: bool = False


def bins(chart: Mapping[str, Any]) -> list[Bin]:
    """The bins of a ``distribution`` chart; those without figures are left out."""
    columns = (chart.get(key) or () for key in ("labels", "baseline", "current", "psi"))
    return [
        Bin(str(label), before, now, psi)
        for label, before, now, psi in zip(*columns, strict=False)
        if all(isinstance(value, int | float) and math.isfinite(value) for value in (before, now, psi))
    ]


def kept(chart: Mapping[str, Any], most: int) -> list[Bin]:
    """At most ``most`` bins, numeric ones in their order; categories by what they add to the PSI, the rest together."""
    found = bins(chart)
    if len(found) <= most and chart.get("kind") == "numeric":
        return found
    ranked = sorted(found, key=lambda item: (-abs(item.psi), -max(item.before, item.now)))
    if len(ranked) <= most:
        return ranked
    top, rest = ranked[: most - 1], ranked[most - 1 :]
    if chart.get("kind") == "numeric":
        names = {id(item) for item in top}
        top = [item for item in found if id(item) in names]
    before, now, psi = (math.fsum(getattr(item, key) for item in rest) for key in ("before", "now", "psi"))
    other = Bin(f"{len(rest)} others", before, now, psi, rest=True)
    return [*top, other]


def brief(chart: Mapping[str, Any], width: int, most: int) -> list[Line]:
    """The bins that moved most."""
    return [legend(width), *drawn(kept(chart, most), width)]


def legend(width: int) -> Line:
    return cut(
        (
            Span("░ before", "before"),
            Span("  "),
            Span("▒ now", "now"),
            Span("  "),
            Span("█ both", "quiet"),
            Span("   share of rows"),
        ),
        width,
    )


def drawn(shown: list[Bin], width: int) -> list[Line]:
    """A line per bin: label, the two shares overlaid, the figures, and the bin's PSI."""
    if not shown:
        return [(Span("no bins to draw", "quiet"),)]
    highest = max((max(item.before, item.now) for item in shown if not item.rest), default=1.0) or 1.0
    most_psi = max(abs(item.psi) for item in shown) or 1.0
    slim = width < 60
    label = min(max(width_of((say(item.label),)) for item in shown), 10 if slim else max(14, width // 4))
    figures = 10 if slim else 15
    psi_bar = 0 if width < 66 else min(12, width // 8)
    room = max(4, width - label - figures - 10 - (psi_bar + 1 if psi_bar else 0))
    head = (
        Span(" " * (label + room + 2)),
        *fill((Span("before→now", "quiet"),), figures, right=True),
        *fill((Span("PSI", "quiet"),), 8, right=True),
    )
    lines = [cut(head, width)]
    for item in shown:
        told = f"{_share(item.before, slim)}→{_share(item.now, slim)}"
        line = (
            *fill((say(item.label),), label),
            Span(" "),
            *(overlaid(item.before / highest, item.now / highest, room) if not item.rest else (Span(" " * room),)),
            Span(" "),
            *fill((Span(told),), figures, right=True),
            *fill((Span(decimals(item.psi, 3), "strong" if abs(item.psi) > 0.1 else "quiet"),), 8, right=True),
            *((Span(" "), Span(bar(abs(item.psi) / most_psi, psi_bar), "accent")) if psi_bar else ()),
        )
        lines.append(cut(line, width))
    return lines


def _share(value: float, slim: bool) -> str:
    return whole_percent(value) if slim else percent(value)
