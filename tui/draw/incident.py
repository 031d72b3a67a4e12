"""The head of an incident: how it stands, what it says, how far the KPI moved, and where on the journey it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from triage.approval import objection
from triage.incident import Event, Incident, State, StepRecord
from triage.report.build import build
from triage.report.contents import Report
from triage.report.timeline import STATE_WORDS
from tui.draw.bars import sparkline
from tui.draw.lines import Item, Line, Span, cut, folded, say, spread, width_of
from tui.draw.queue import STATE_GLYPHS, STATE_TONES, glimpse
from tui.draw.times import age, lasting


@dataclass(frozen=True, slots=True)
class View:
    """All that the incident's screens draw from. ``titles`` are those of the playbook's steps, in its order."""

    report: Report
    events: tuple[Event, ...]
    executor: str
    titles: Mapping[str, str]

    @property
    def incident(self) -> Incident:
        return self.report.incident

    @property
    def running(self) -> StepRecord | None:
        """The step that is being worked on now; one without an executor was interrupted."""
        started = [step for step in self.incident.steps.values() if step.started_at and not step.settled]
        return next((step for step in started if not step.retry_at), None) if self.executor else None

    @property
    def waiting(self) -> StepRecord | None:
        """The step that will be tried again."""
        steps = self.incident.steps.values()
        return next((step for step in steps if step.retry_at and not step.settled), None)

    def resumable(self, now: datetime) -> bool:
        """Nobody works on it, and it waits for nobody: it was interrupted, has failed, or its gate is open."""
        return not self.executor and (self.incident.state in (State.OPEN, State.FAILED) or self.let_through(now))

    def let_through(self, now: datetime) -> bool:
        """The plan that it waits with is approved, and the approval holds: whoever works on it next goes on."""
        return self.incident.state is State.WAITING_FOR_APPROVAL and not objection(self.incident, now, four_eyes=False)


def view(incident: Incident, events: Sequence[Event], executor: str, titles: Mapping[str, str]) -> View:
    return View(build(incident, events), tuple(events), executor, titles)


def head(seen: View, now: datetime, *, brief: bool) -> list[Item]:
    """Four to five lines, three where it must be ``brief``."""
    incident, report = seen.incident, seen.report
    state = incident.state
    working = bool(seen.executor) and state is State.OPEN
    glyph, word = ("▶", "being worked on") if working else (STATE_GLYPHS[state], STATE_WORDS[state])
    standing: Line = (
        Span(f"{glyph} {word}", STATE_TONES[state]),
        Span("  "),
        say(f"{incident.alert.name} on {incident.model}"),
        Span(f", {age(incident.alert.starts_at, now)} ago", "quiet"),
    )
    who = (say(seen.executor, "quiet"),) if seen.executor else ()
    points = glimpse(incident, "").points

    def draw(width: int) -> list[Line]:
        lines = [spread(standing, who, width)]
        lines += folded(say(report.summary, "strong"), width, most=1 if brief else 2)
        if report.impact:
            spark = (Span(sparkline(points, 16 if width < 100 else 32), "accent"),) if points and width > 60 else ()
            lines.append(spread((say(report.impact.sentence),), spark, width))
        if not brief:
            lines.append(journey(seen, width, now))
        return lines

    return [Item(draw)]


def journey(seen: View, width: int, now: datetime) -> Line:
    """The stations from the page to a person's decision; ``▶`` marks where the incident is."""
    incident = seen.incident
    steps = incident.steps.values()
    settled = sum(step.settled for step in steps)
    total = max(len(seen.titles), len(incident.steps))
    gathered = f"evidence {settled}/{total}" if total else "evidence"
    diagnosed, planned = incident.diagnosis is not None, incident.plan is not None
    over = incident.state in (State.CLOSED, State.ABORTED)
    reached = 4 if over else 3 if incident.state is not State.OPEN else 2 if planned else 1
    last = STATE_WORDS[incident.state] if over or incident.state is not State.OPEN else "decision"
    stations = [("received", True), (gathered, diagnosed), ("diagnosis", diagnosed), ("plan", planned), (last, over)]
    here = min(reached, 4) if reached < 3 else 4
    if width < 90:
        stations, here = stations[1:], here - 1
    spans: list[Span] = []
    for place, (name, done) in enumerate(stations):
        at = place == here
        glyph = "▶" if at and not over else "✓" if done else "·"
        if spans:
            spans.append(Span(" ─ ", "quiet"))
        spans.append(Span(f"{glyph} {name}", "strong" if at else "" if done else "quiet"))
    line = tuple(spans)
    pointer = (Span(" ◂ you are here", "accent"),)
    return (*line, *pointer) if width_of((*line, *pointer)) <= width and not over else cut(line, width)


def doing(seen: View, now: datetime) -> list[Item]:
    """What is going on right now, in one or two lines; nothing where nothing is."""
    running, waiting = seen.running, seen.waiting
    if running is not None and running.started_at is not None:
        title = seen.titles.get(running.id) or running.id
        took = lasting(float(int((now - running.started_at).total_seconds())))
        return [Item(lambda width: folded(say(f"{title} {took}", "accent"), width, (Span("▶ ", "accent"),)))]
    if waiting is not None:
        told = f"{waiting.id} is tried again: {waiting.reason}"
        return [Item(lambda width: folded(say(told, "warn"), width, (Span("↻ ", "warn"),)))]
    if seen.resumable(now):
        return [
            Item(lambda width: folded(Span("stopped here; R goes on with it", "warn"), width, (Span("‖ ", "warn"),)))
        ]
    return []
