"""The ranked causes, with their probability and share of the drop."""

from triage.report.contents import RankedCause
from tui.draw.bars import bar
from tui.draw.incident import View
from tui.draw.lines import Item, Line, Span, cut, folded, heading, say, spread


def causes(seen: View) -> list[Item]:
    """The causes in order, what would make it surer, and what could not be measured."""
    report = seen.report
    items = [_cause(item) for item in report.causes]
    if report.next_check:
        items += [heading("To be surer"), _told(report.next_check, "→ ", "accent")]
    if report.unmeasured:
        items.append(heading("Not measured"))
        items += [_told(f"{gap.what}: {gap.reason}", "? ", "warn") for gap in report.unmeasured]
    return items


def _cause(item: RankedCause) -> Item:
    cause = item.cause
    share = f"{item.share} of the drop" if cause.share_of_drop is not None else "share not known"
    between = f" ({item.share_interval})" if item.share_interval else ""
    cited = ", ".join(str(citation) for citation in item.citations)

    def draw(width: int) -> list[Line]:
        title = (Span(f"{item.rank} ", "quiet"), say(item.name, "strong"))
        size = max(4, min(20, width - 24))
        shares: Line = (
            Span("  "),
            Span(bar(cause.probability, size), "accent" if item.rank == 1 else "quiet"),
            Span(f" {item.probability} likely", "strong"),
        )
        lines = [cut(title, width), cut(shares, width), cut((Span("  "), Span(share + between)), width)]
        if width >= 30:
            lines += folded(
                say(f"{cause.statement} [{cited}]" if cited else cause.statement, "quiet"), width, (Span("  "),)
            )
        return lines

    return Item(
        draw, f"{cause.kind.value}#{item.rank}", f"{item.name} {item.probability}, {share}{between}: {cause.statement}"
    )


def _told(words: str, mark: str, tone: str) -> Item:
    return Item(lambda width: folded(say(words), width, (Span(mark, tone),)))


def headline(seen: View, width: int) -> Line:
    """The first cause in one line."""
    if not seen.report.causes:
        return (Span("no cause yet", "quiet"),)
    first = seen.report.causes[0]
    return spread((say(first.name, "strong"),), (Span(first.probability),), width)
