"""The causal ladder, rung by rung, as it is climbed."""

from datetime import datetime

from triage.incident import CauseKind, StepRecord
from triage.report.ladder import Rung, Standing
from tui.draw.incident import View, doing
from tui.draw.lines import Item, Line, Span, blank, cut, fill, folded, say
from tui.draw.times import lasting

THE_KPI = "kpi"
"""The key of the line above the first rung: how far the KPI moved."""

_TONES = {
    Standing.CAUSE: "bad",
    Standing.POSSIBLE: "warn",
    Standing.UNCLEAR: "warn",
    Standing.UNMEASURED: "warn",
    Standing.UNCHECKED: "quiet",
    Standing.RULED_OUT: "good",
}


def ladder(seen: View, now: datetime, *, height: int = 0) -> list[Item]:
    """The KPI, a line per rung (its kind is the key), and what is going on; with ``height`` for it, why each stands so.

    Where it is wide enough the reason stands on the rung's own line.
    """
    climbing = climbed_by(seen.running)
    going = doing(seen, now)
    spare = height - 1 - 3 * bool(going)
    room = max(0, min(2, spare // max(1, len(seen.report.ladder)) - 1))
    return [
        _kpi(seen),
        *(_rung(seen, rung, climbing, now, room) for rung in seen.report.ladder),
        *([blank(), *going] if going else []),
    ]


def climbed_by(step: StepRecord | None) -> CauseKind | None:
    """The rung that a running step climbs: such a step is called ``check_`` and the last words of its cause."""
    if step is None or not step.uses.startswith("check_"):
        return None
    name = step.uses.removeprefix("check_")
    return next((kind for kind in CauseKind if kind.value.endswith(name)), None)


def worst(seen: View) -> str:
    """The key of the line to look at first: the first cause's rung, else the KPI."""
    causes = seen.report.causes
    return causes[0].cause.kind.value if causes and causes[0].cause.kind is not CauseKind.UNKNOWN else THE_KPI


def _kpi(seen: View) -> Item:
    impact = seen.report.impact
    measured = next((item for item in seen.incident.evidence if item.about is CauseKind.UNKNOWN), None)
    name = impact.drop.kpi if impact else (measured.subject or "KPI") if measured else "KPI"
    moved = impact.change if impact else "measured" if measured else "not measured"
    tone = "bad" if impact and impact.drop.worse else "quiet"
    line: Line = (Span("◆ ", "accent"), *fill((say(name, "strong"),), 14), Span(" "), Span(moved, tone))
    return Item(lambda width: [cut(line, width)], THE_KPI, impact.sentence if impact else moved)


def _rung(seen: View, rung: Rung, climbing: CauseKind | None, now: datetime, room: int) -> Item:
    glyph, word, tone = rung.standing.glyph, rung.standing.value, _TONES[rung.standing]
    steps = {item.step for item in seen.incident.evidence if item.about is rung.kind}
    records = [seen.incident.steps[name] for name in steps if name in seen.incident.steps]
    seconds = max((record.elapsed_seconds or 0.0 for record in records), default=None)
    took = lasting(seconds) if seconds else ""
    if rung.kind is climbing and seen.running and seen.running.started_at:
        glyph, word, tone = "▶", "climbing", "accent"
        took = lasting(float(int((now - seen.running.started_at).total_seconds())))

    def draw(width: int) -> list[Line]:
        wide = width >= 50
        line = (
            Span(f"{glyph} ", tone),
            *fill((Span(rung.name, "strong" if rung.standing is Standing.CAUSE else ""),), 14),
            Span(" "),
            *fill((Span(word, tone),), 11),
            Span(took.rjust(6), "quiet"),
        )
        if wide:
            return [cut((*line, Span("  "), say(rung.note, "quiet")), width)]
        why = folded(say(rung.note, "quiet"), width, (Span("  "),), most=room) if room else []
        return [cut(line, width), *why]

    return Item(draw, rung.kind.value, f"{rung.name} {word}: {rung.note}")
