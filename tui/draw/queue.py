"""The queue: which incidents wait, the worst first."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from triage.codec import parse_time
from triage.incident import CauseKind, Incident, State
from triage.journal import Summary
from triage.numbers import signed_percent, whole_percent
from triage.report.contents import cause_name
from triage.report.timeline import STATE_WORDS
from tui.draw.bars import sparkline
from tui.draw.lines import Item, Line, Span, cut, fill, say, spread
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
_NAME, _SPARK, _WIDE = 24, 16, 118


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
    charts = [item.chart for item in incident.evidence if item.chart and item.chart.get("type") == "series"]
    kpi = incident.diagnosis.drop.kpi if incident.diagnosis and incident.diagnosis.drop else None
    chart = next((chart for chart in charts if kpi is None or chart.get("name") == kpi), None)
    values = chart.get("values") if chart else None
    points = tuple(value if isinstance(value, int | float) else None for value in values or ())
    return Glimpse(points[-168:], executor, incident.owner)


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


def state_of(summary: Summary) -> State:
    return State(summary.state)


def rows(summaries: Iterable[Summary], seen: Mapping[str, Glimpse], now: datetime) -> list[Item]:
    return [_row(summary, seen.get(summary.id), now) for summary in summaries]


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
            spark = Span(sparkline(points, _SPARK + 8) if points else " " * (_SPARK + 8), "accent")
            rest = width - 22 - 4 - _NAME - 30 - _SPARK - 8 - 10
            parts = (
                fill((standing,), 22),
                (old,),
                fill((name,), _NAME),
                fill(kpi, 30),
                (spark,),
                cut((*cause, Span("  "), *who), rest),
            )
            return [tuple(span for part in parts for span in (*part, Span("  ")))]
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
