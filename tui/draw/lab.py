"""The lab: what runs, which faults are on, and which can be switched on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tui.draw.lines import Item, Line, Span, blank, cut, fill, folded, heading, say, spread
from tui.draw.times import age

if TYPE_CHECKING:
    from triage.lab.inject import Fault
    from triage.lab.stack import LabStatus

_STATES = {
    "running": ("✓", "good"),
    "starting": ("▶", "accent"),
    "ready": ("✓", "good"),
    "waiting": ("·", "quiet"),
}


@dataclass(frozen=True, slots=True)
class Lab:
    """The lab as it stands, and the faults that it knows."""

    status: "LabStatus"
    faults: "tuple[Fault, ...]"

    @property
    def on(self) -> Mapping[str, datetime]:
        return {fault.name: fault.since for fault in self.status.faults}


def servers(lab: Lab, starting: Sequence[str]) -> list[Item]:
    """A line per server; while the lab starts, the last words of its start."""
    status = lab.status
    items: list[Item] = []
    if starting:
        items += [heading("Being worked on"), *(_told(line, "▶ ") for line in starting[-8:]), blank()]
    if not status.running and not starting:
        items += [
            _told("No lab runs.", ""),
            _told(
                "u starts real servers on this machine (Prometheus, Alertmanager, Envoy, two model servers, visitors)"
            ),
            _told("with two weeks of history; half a minute, 1.5 GB."),
        ]
    items += [_server(one.name, one.state, one.memory_mib, one.url) for one in status.processes]
    if status.running:
        items += [blank(), _told(f"catalogue {status.catalog}", "", "quiet")]
    if status.starved:
        items.append(_told(str(status.starved), "? ", "warn"))
    items += [_told(f"without {gone.name}: {gone.without} ({gone.install})", "? ", "warn") for gone in status.missing]
    return items


def _server(name: str, state: str, memory: float, url: str) -> Item:
    glyph, tone = _STATES.get(state, ("✗", "bad"))

    def draw(width: int) -> list[Line]:
        first = (Span(f"{glyph} ", tone), *fill((say(name, "strong"),), 13), Span(" "), say(state, tone))
        lines = [spread(first, (Span(f"{memory:.0f} MiB", "quiet"),) if memory else (), width)]
        return lines if width < 60 or not url else [*lines, cut((Span("  "), say(url, "quiet")), width)]

    return Item(draw, name, url or name)


def faults(lab: Lab, now: datetime) -> list[Item]:
    """Those that are on first, then the others by what they break."""
    on = lab.on
    ordered = sorted(lab.faults, key=lambda fault: (fault.name not in on, fault.cause.value if fault.cause else "~"))
    return [_fault(fault, on.get(fault.name), now) for fault in ordered]


def _fault(fault: "Fault", since: datetime | None, now: datetime) -> Item:
    """Of one that is on, what it causes stands below its name: how long it has been on comes first."""
    cause = fault.cause.value.replace("_", " ") if fault.cause else "nothing is wrong"
    glyph, tone = ("●", "bad") if since else ("·", "quiet")
    words = f"{cause}: {fault.title}" if since else fault.title

    def draw(width: int) -> list[Line]:
        name = (Span(f"{glyph} ", tone), *fill((say(fault.name, "strong"),), 20), Span(" "))
        right = Span(f"on, {age(since, now)}", "bad") if since else None
        first = spread(name, (right,), width) if right else cut((*name, Span(cause, "quiet")), width)
        return [first, *folded(say(words), width, (Span("  "),), most=2)]

    return Item(draw, fault.name, f"triage lab inject {fault.name}")


def _told(words: str, mark: str = "", tone: str = "") -> Item:
    return Item(lambda width: folded(say(words, tone), width, (Span(mark, "accent"),)))
