"""The queue: which incidents wait, the worst first."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from triage.codec import parse_time
from triage.incident import CauseKind, Incident, State
from triage.journal import Summary
from triage.numbers import signed_percent, whole_percent
from triage.report.build import cause_name
from triage.report.timeline import STATE_WORDS
from tui.draw.bars import sparkline
from tui.draw.lines import Item, Line, Span, blank, cut, fill, heading, say, spread, text
from tui.draw.times import age

STATE_GLYPHS = {
    State.OPEN: "◇",
    State.WAITING_FOR_APPROVAL: "◆",
    State.NEEDS_PERSON: "▲",
    State.FAILED: "✗",
    State.ABORTED: "■",
    State.CLOSED: "✓",
}
STATE_TONES = {
    State.OPEN: "accent",
    State.WAITING_FOR_APPROVAL: "warn",
    State.NEEDS_PERSON: "warn",
    State.FAILED: "bad",
    State.ABORTED: "quiet",
    State.CLOSED: "good",
}
FINISHED = (State.CLOSED, State.ABORTED)
VIEWS = ("open", "closed", "all")
_SPARK, _WIDE = 16, 118
"""Columns of the trend in two-line rows; the width from which on a row is one line."""
_STATE, _AGE, _KPI = 21, 4, 22
_RECENT = 5


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What a line of the queue shows beyond its summary, read when the line is seen."""

    points: tuple[float | None, ...] = ()
    executor: str = ""
    owner: str = ""

    @property
    def who(self) -> str:
        """Who has it: the process that works on it, else the person who said so."""
        return self.executor or self.owner


def glimpse(incident: Incident, executor: str) -> Glimpse:
    """The KPI's recent points of ``incident``, and who has it."""
    chart = kpi_chart(incident)
    values = chart.get("values") if chart else None
    points = tuple(value if isinstance(value, int | float) else None for value in values or ())
    return Glimpse(points[-168:], executor, incident.owner)


def kpi_chart(incident: Incident) -> Mapping[str, Any] | None:
    """The series of the KPI that fell, where one was kept."""
    charts = [item.chart for item in incident.evidence if item.chart and item.chart.get("type") == "series"]
    kpi = incident.diagnosis.drop.kpi if incident.diagnosis and incident.diagnosis.drop else None
    return next((chart for chart in charts if kpi is None or chart.get("name") == kpi), None)


def chosen(summaries: Iterable[Summary], view: str, words: str) -> list[Summary]:
    """Those of ``view`` that hold every one of ``words``; in need of a person first, then by the drop, then by age."""
    wanted = words.lower().split()
    kept = [
        summary
        for summary in summaries
        if view == "all" or (state_of(summary) in FINISHED) == (view == "closed")
        if all(word in _searched(summary) for word in wanted)
    ]
    if view == "closed":
        return sorted(kept, key=lambda summary: summary.updated, reverse=True)
    return sorted(kept, key=lambda summary: (_urgency(summary), -abs(summary.drop or 0.0), summary.opened))


def recent(summaries: Iterable[Summary], words: str) -> list[Summary]:
    """The latest that were closed, for the end of the open ones."""
    return chosen(summaries, "closed", words)[:_RECENT]


def state_of(summary: Summary) -> State:
    return State(summary.state)


def rows(
    summaries: Iterable[Summary],
    closed: Iterable[Summary],
    seen: Mapping[str, Glimpse],
    now: datetime,
    empty: str,
) -> list[Item]:
    """A row per incident (``empty`` where there is none), then those ``closed`` lately; in columns where they fit."""
    first, last = ([_row(one, seen.get(one.id), now) for one in part] for part in (summaries, closed))
    if not first and not last:
        return []
    lines = first or [text(say(line, "quiet")) for line in empty.split("\n")]
    return [_titles(), *lines, *([blank(), heading("Recently closed")] if last else []), *last]


def _row(summary: Summary, seen: Glimpse | None, now: datetime) -> Item:
    state = state_of(summary)
    working = state is State.OPEN and seen is not None and bool(seen.executor)
    glyph, word = ("▶", "being worked on") if working else (STATE_GLYPHS[state], STATE_WORDS[state])
    standing = Span(f"{glyph} {word}", STATE_TONES[state])
    name = say(summary.id, "strong")
    old = Span(age(parse_time(summary.opened), now).rjust(4), "quiet")
    moved = signed_percent(summary.drop) if summary.drop is not None else ""
    kpi: Line = (say(summary.kpi or ""), Span(f" {moved}", "bad" if summary.worse else ""))
    points = seen.points if seen else ()
    cause = _cause(summary)
    who: Line = (Span("▸ ", "accent"), say(seen.who, "quiet")) if seen and seen.who and (working or seen.owner) else ()

    def draw(width: int) -> list[Line]:
        if width >= _WIDE:
            trend: Line = (Span(sparkline(points, _columns(width)[1]), "accent"),) if points else ()
            return [_in_columns((standing,), (old,), (name,), kpi, trend, cause, who, width)]
        slim = width < 70
        start = 16 if slim else 22
        size = _SPARK // 2 if slim else _SPARK
        recent: Line = (Span(sparkline(points, size), "accent"),) if points else ()
        first = spread((*fill((standing,), start), Span(" "), name), (*kpi, old), width)
        told = cause or (() if who else (Span("no diagnosis yet", "quiet"),))
        right = (*who, Span(" "), *recent) if who and recent else who or recent
        second = spread((*fill((say(summary.alert, "quiet"),), start), Span(" "), *told), right, width)
        return [first, second]

    return Item(draw, summary.id, f"triage show {summary.id}")


def _columns(width: int) -> tuple[int, int, int, int]:
    """Columns for the incident's name, the trend, the cause and who has it, in a row of ``width``."""
    rest = width - _STATE - _AGE - _KPI - 6 * 2
    name, trend, who = min(30, rest // 4), min(32, rest // 5), min(32, rest // 5)
    return name, trend, rest - name - trend - who, who


def _in_columns(state: Line, old: Line, name: Line, kpi: Line, trend: Line, cause: Line, who: Line, width: int) -> Line:
    named, drawn, told, had = _columns(width)
    cells = (
        fill(state, _STATE),
        fill(old, _AGE, right=True),
        fill(name, named),
        fill(kpi, _KPI),
        fill(trend, drawn),
        fill(cause, told),
        cut(who, had),
    )
    return tuple(span for cell in cells for span in (*cell, Span("  ")))[:-1]


def _titles() -> Item:
    """The names of the columns, where rows have columns."""
    words = ("STATE", "AGE", "INCIDENT", "KPI", "TREND", "TOP CAUSE", "WHO HAS IT")
    cells: list[Line] = [(Span(word, "quiet"),) for word in words]
    state, old, name, kpi, trend, cause, who = cells
    return Item(lambda width: [_in_columns(state, old, name, kpi, trend, cause, who, width)] if width >= _WIDE else [])


def _cause(summary: Summary) -> Line:
    if summary.cause is None:
        return ()
    named = cause_name(CauseKind(summary.cause), summary.subject or "")
    return (say(named), Span(f" {whole_percent(summary.probability or 0.0)}", "strong"))


def _urgency(summary: Summary) -> int:
    order = (State.FAILED, State.WAITING_FOR_APPROVAL, State.NEEDS_PERSON, State.OPEN)
    return 0 if state_of(summary) in order[:3] else 1 if state_of(summary) is State.OPEN else 2


def _searched(summary: Summary) -> str:
    cause = (summary.cause or "").replace("_", " ")
    words = STATE_WORDS[state_of(summary)]
    told = (summary.id, summary.model, summary.alert, words, cause, summary.subject or "", summary.kpi or "")
    return " ".join(told).lower()
