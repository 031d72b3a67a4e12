"""The evidence on one rung: what was found, its figures, its chart, and what re-creates it."""

from collections.abc import Sequence

from triage.incident import CauseKind, Verdict
from triage.report.build import unmeasured
from triage.report.contents import Exhibit
from triage.report.ladder import VERDICT_GLYPHS, Rung
from tui.draw.distribution import brief as distribution
from tui.draw.incident import View
from tui.draw.ladder import THE_KPI
from tui.draw.lines import Item, Line, Span, cut, fill, folded, say, spread, width_of
from tui.draw.plot import plot

IN_FULL = 12
"""Pieces of evidence on one rung that are drawn with figures and charts; the others take a line each."""

_TONES = {
    Verdict.SUPPORTS: "bad",
    Verdict.REFUTES: "good",
    Verdict.INCONCLUSIVE: "warn",
    Verdict.UNMEASURED: "warn",
}


def evidence(seen: View, key: str) -> list[Item]:
    """What the rung ``key`` stands on: why it stands so, then each piece of evidence, sums before their parts."""
    rung = next((rung for rung in seen.report.ladder if rung.kind.value == key), None)
    exhibits = exhibits_of(seen, key)
    told = any(item.evidence.statement in rung.note for item in exhibits) if rung else False
    items = [_why(rung, told)] if rung else []
    items += [_exhibit(item) if place < IN_FULL else _brief(item) for place, item in enumerate(exhibits)]
    if not exhibits and rung is not None:
        gaps = [gap for gap in unmeasured(seen.incident) if gap.what == rung.kind.value]
        items += [_gap(f"{gap.reason}. {gap.hint}" if gap.hint else gap.reason) for gap in gaps]
    return items


def exhibits_of(seen: View, key: str) -> list[Exhibit]:
    about = CauseKind.UNKNOWN if key == THE_KPI else CauseKind(key)
    found = [item for item in seen.report.evidence if item.evidence.about is about]
    return sorted(found, key=lambda item: (bool(item.evidence.part_of), item.number))


def _why(rung: Rung, told: bool) -> Item:
    """How the rung stands, and why where no piece of evidence says the same."""
    words = rung.standing.value if told else f"{rung.standing.value}: {rung.note}"
    return Item(lambda width: [*folded(say(words, "strong"), width, (Span(f"{rung.standing.glyph} "),), most=4), ()])


def _brief(item: Exhibit) -> Item:
    """One line of the evidence that comes after what is shown in full; Enter opens its feature."""
    found = item.evidence
    mark = Span(f"{VERDICT_GLYPHS[found.verdict]} ", _TONES[found.verdict])
    words = (mark, say(found.subject, "strong"), Span("  "), say(found.statement, "quiet"))
    return Item(lambda width: [cut(words, width)], found.id, f"{found.statement} [{found.id}]")


def _exhibit(item: Exhibit) -> Item:
    found = item.evidence
    tone = _TONES[found.verdict]
    feature = bool(found.chart) and found.chart.get("type") == "distribution" if found.chart else False

    def draw(width: int) -> list[Line]:
        title = (
            Span(f"{VERDICT_GLYPHS[found.verdict]} {found.verdict.value}", tone),
            Span("  "),
            say(found.subject, "strong"),
        )
        lines = [spread(title, (Span(f"E{item.number}", "quiet"),), width)]
        if found.chart and found.chart.get("type") == "series":
            lines += plot(found.chart, width, 6 if not found.part_of else 3)
        if found.chart and feature:
            lines += [*distribution(found.chart, width, 5), (Span("↵ opens the feature", "quiet"),)]
        lines += folded(say(found.statement), width)
        if found.hint:
            lines += folded(say(found.hint), width, (Span("→ ", "accent"),))
        lines += figures(item.measures, width)
        for source in item.sources:
            lines += folded(say(f"{source.kind} {source.name}", "quiet"), width, (Span("⌕ ", "quiet"),), most=2)
        return [*lines, ()]

    return Item(draw, found.id, f"{found.statement} [{found.id}]")


def figures(measures: Sequence[tuple[str, str]], width: int) -> list[Line]:
    """Names and figures under each other, in as many columns as fit."""
    if not measures:
        return []
    names = [say(name.replace("_", " "), "quiet") for name, _ in measures]
    figures = [say(told) for _, told in measures]
    name, told = (max(width_of((span,)) for span in spans) for spans in (names, figures))
    columns = max(1, (width + 3) // (name + 2 + told + 3))
    cells = [(*fill((first,), name + 2), *fill((then,), told + 3)) for first, then in zip(names, figures, strict=True)]
    return [
        cut(tuple(span for cell in cells[start : start + columns] for span in cell), width)
        for start in range(0, len(cells), columns)
    ]


def _gap(words: str) -> Item:
    return Item(lambda width: folded(say(words), width, (Span("? ", "warn"),)))
