"""An incident at a glance, under the queue: what it says, how far the KPI moved, and who is next."""

from collections.abc import Mapping
from datetime import UTC, datetime

from triage.report.timeline import STATE_WORDS, TimelineEntry
from tui.draw.bars import sparkline
from tui.draw.incident import View
from tui.draw.lines import Item, Line, Span, blank, folded, heading, say, spread
from tui.draw.plot import plot
from tui.draw.queue import STATE_GLYPHS, STATE_TONES, glimpse, kpi_chart

NO_TITLES: Mapping[str, str] = {}
_PLOT_LINES, _LATEST = 9, 7


def glance(seen: View, now: datetime, *, high: bool = False) -> list[Item]:
    """Summary, KPI, what is next and the command for it, in five lines at 80 columns; where it is ``high``, more.

    Then the KPI is a plot, and the plan and what happened last are there as well.
    """
    incident, report = seen.incident, seen.report
    state = incident.state
    chart = kpi_chart(incident)
    points = glimpse(incident, "").points if chart and not high else ()
    why = f": {incident.state_reason}" if incident.state_reason else ""

    def draw(width: int) -> list[Line]:
        lines = folded(say(report.summary, "strong"), width, most=2)
        if report.impact:
            spark: Line = (Span(sparkline(points, 16 if width < 100 else 48), "accent"),) if points else ()
            lines.append(spread((say(report.impact.sentence),), spark if width > 60 else (), width))
        mark = (Span(f"{STATE_GLYPHS[state]} ", STATE_TONES[state]),)
        lines += folded(say(f"{STATE_WORDS[state]}{why}"), width, mark, most=2 if width < 100 else 3)
        lines += folded(say(report.next_command, "quiet"), width, (Span("→ ", "accent"),), most=1)
        return lines

    items = [Item(draw)]
    if not high:
        return items
    if chart is not None:
        items += [blank(), Item(lambda width: plot(chart, width, _PLOT_LINES))]
    if incident.plan is not None:
        words = say(incident.plan.summary)
        items += [blank(), heading("Plan"), Item(lambda width: folded(words, width))]
    return [*items, blank(), heading("Latest"), *map(_happened, report.timeline[-_LATEST:])]


def _happened(entry: TimelineEntry) -> Item:
    at = (Span(f"{entry.at.astimezone(UTC):%m-%d %H:%M} ", "quiet"),)
    return Item(lambda width: folded(say(entry.what), width, at, most=2))
