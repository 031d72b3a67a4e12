"""An incident at a glance, under the queue: what it says, how far the KPI moved, and who is next."""

from collections.abc import Mapping
from datetime import datetime

from triage.report.timeline import STATE_WORDS
from tui.draw.bars import sparkline
from tui.draw.incident import View
from tui.draw.lines import Item, Line, Span, folded, say, spread
from tui.draw.queue import STATE_GLYPHS, STATE_TONES, glimpse

NO_TITLES: Mapping[str, str] = {}


def glance(seen: View, now: datetime) -> list[Item]:
    """Summary, KPI, what is next and the command for it, in five lines at 80 columns."""
    incident, report = seen.incident, seen.report
    state = incident.state
    points = glimpse(incident, "").points
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

    return [Item(draw)]
