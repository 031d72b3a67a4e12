"""The report for a terminal: plain text, 80 columns, no colour unless asked; text from data can't steer it."""

from collections.abc import Iterable, Iterator, Sequence

from triage.incident import Event, Incident
from triage.numbers import span
from triage.plain import cells, visible, wrapped
from triage.report.build import build
from triage.report.contents import Citation, Report
from triage.report.ladder import Standing, spoken
from triage.report.remedy import carried_out

_BOLD, _DIM, _RED, _YELLOW, _BLUE = "1", "2", "31", "33", "34"
_STANDING_COLOURS = {
    Standing.CAUSE: _RED,
    Standing.POSSIBLE: _YELLOW,
    Standing.UNCLEAR: _YELLOW,
    Standing.UNMEASURED: _YELLOW,
    Standing.UNCHECKED: _DIM,
    Standing.RULED_OUT: _BLUE,
}
_BAR_WIDTH = 12
_PART_BLOCKS = " ▏▎▍▌▋▊▉"


def render_terminal(
    incident: Incident, events: Sequence[Event], *, colour: bool = False, width: int = 80, next_command: str = ""
) -> str:
    """The summary that `triage show` prints, in lines of at most ``width`` columns.

    ``next_command`` replaces the one that follows from the incident's state.
    """
    report = build(incident, events)
    page = _Page(colour, max(60, width))
    _head(page, report)
    page.section("Ladder", _ladder(page, report))
    page.section("Causes", _causes(page, report))
    page.section("Lost most", _lost_most(page, report))
    page.section("Ruled out", _ruled_out(page, report))
    page.section("Not measured", _unmeasured(page, report))
    page.section("Plan", _plan(page, report))
    page.section("Carried out", _carried_out(page, report))
    page.section("Next", page.wrapped(next_command or report.next_command, "  "))
    return page.text()


class _Page:
    """Lines of a page, wrapped to its width, painted if it has colour. Everything said to it is made visible first."""

    def __init__(self, colour: bool, width: int) -> None:
        self._colour, self._width, self._lines = colour, width, list[str]()

    def text(self) -> str:
        return "\n".join(self._lines) + "\n"

    def add(self, lines: Iterable[str]) -> None:
        self._lines.extend(lines)

    def section(self, title: str, lines: Iterable[str]) -> None:
        body = list(lines)
        if body:
            self._lines += ["", self.paint(title, _BOLD), *body]

    def paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour and text else text

    def wrapped(self, text: str, first: str, rest: str | None = None) -> Iterator[str]:
        """``text`` behind the prefix ``first``, the following lines behind ``rest`` (blank, as wide as ``first``)."""
        rest = " " * cells(first) if rest is None else rest
        for index, line in enumerate(wrapped(visible(text), self._width - max(cells(first), cells(rest)))):
            yield f"{first if index == 0 else rest}{line}".rstrip()

    def at_most(self, count: int, lines: Iterable[str]) -> list[str]:
        """The first ``count`` of ``lines``, the last of them ending in an ellipsis where more were left out."""
        kept = list(lines)
        if len(kept) <= count:
            return kept
        last = kept[count - 1]
        while cells(last) > self._width - 2:
            last = last[:-1]
        return [*kept[: count - 1], last.rstrip(".,;: ") + " …"]

    def spread(self, left: str, right: str) -> str:
        """``left`` and ``right`` at the two margins of one line; ``left`` is cut where they do not both fit."""
        left, room = visible(left), self._width - cells(right) - 2
        if cells(left) > room:
            left = wrapped(left.replace(" ", "\u00a0"), room - 1)[0].replace("\u00a0", " ") + "…"
        return f"{left}{' ' * (self._width - cells(left) - cells(right))}{right}"


def _head(page: _Page, report: Report) -> None:
    page.add(page.wrapped(f"{report.incident.id} · {report.model} · {report.state}", ""))
    page.add(page.paint(line, _BOLD) for line in page.wrapped(report.summary, ""))
    facts = [("Window", report.window), ("Alert", report.trigger)]
    if report.impact:
        facts.insert(0, ("KPI", f"{report.impact.sentence}; {report.impact.difference}"))
        facts.append(
            (
                "Onset",
                report.impact.onset + (f" ({report.impact.onset_interval})" if report.impact.onset_interval else ""),
            )
        )
    detected = next((item for item in report.milestones if item.name == "ttd"), None)
    if detected and detected.seconds is not None:
        facts.append(("Detected", f"{span(detected.seconds)} after the onset"))
    page.add([""])
    for name, text in facts:
        page.add(page.wrapped(text, f"{name:<10}"))


def _ladder(page: _Page, report: Report) -> Iterator[str]:
    names = max(cells(rung.name) for rung in report.ladder)
    words = max(len(standing.value) for standing in Standing)
    for rung in report.ladder:
        prefix = f"  {rung.standing.glyph} {rung.name:<{names}}  {rung.standing.value:<{words}}  "
        for index, line in enumerate(page.at_most(2, page.wrapped(rung.note, prefix))):
            yield page.paint(line, _STANDING_COLOURS[rung.standing]) if index == 0 else line


def _causes(page: _Page, report: Report) -> Iterator[str]:
    for item in report.causes:
        between = f" ({item.share_interval})" if item.share_interval else ""
        share = f"{item.share} of the drop{between}. " if item.cause.share_of_drop is not None else ""
        right = f"{_bar(item.cause.probability)} {item.probability:>5}"
        yield page.spread(f"  {item.rank}  {item.name}", right)
        yield from page.wrapped(f"{share}{item.cause.statement}{_cited(item.citations)}", "     ")
    if report.next_check:
        yield from page.wrapped(f"To be surer: {report.next_check}", "  ")


def _lost_most(page: _Page, report: Report) -> Iterator[str]:
    for item in report.lost_most:
        yield from page.wrapped(f"{item.statement}{_cited(item.citations)}", "  – ")


def _ruled_out(page: _Page, report: Report) -> Iterator[str]:
    for item in report.ruled_out:
        yield from page.wrapped(f"{item.name}: {item.reason}{_cited(item.citations)}", "  ○ ")


def _unmeasured(page: _Page, report: Report) -> Iterator[str]:
    for item in report.unmeasured:
        hint = f". Hint: {item.hint}" if item.hint else ""
        yield from page.wrapped(f"{spoken(item.what)}: {item.reason}{hint}", "  ? ")


def _plan(page: _Page, report: Report) -> Iterator[str]:
    if report.plan is None:
        return
    yield from page.wrapped(report.plan.summary, "  ")
    for place, item in enumerate(report.plan.actions, 1):
        effect = "changes" if item.change else "reads"
        yield from page.wrapped(f"{item.action.title} ({effect}). {item.action.why}", f"  {place}  ")
        for name, text in item.details:
            yield from page.wrapped(f"{name}: {text}", "     ", "       ")
    for alternative in report.plan.not_chosen:
        yield from page.wrapped(f"Not chosen: {alternative.title}: {alternative.reason}", "  – ")
    if any(item.change for item in report.plan.actions):
        yield from page.wrapped(f"{report.plan.approval}; plan {report.plan.digest}", "  ")


def _carried_out(page: _Page, report: Report) -> Iterator[str]:
    """What each step came to; its figures are in the report."""
    for item in carried_out(report.incident):
        glyph, came_to = "✔" if item.done else "…", item.statement.split(". ")[0]
        yield from page.wrapped(f"{item.title}, {item.at}: {came_to}", f"  {glyph} ")


def _cited(citations: Iterable[Citation]) -> str:
    told = ", ".join(str(citation) for citation in citations)
    return f" [{told}]" if told else ""


def _bar(probability: float) -> str:
    eighths = round(min(1.0, max(0.0, probability)) * _BAR_WIDTH * 8)
    whole, part = divmod(eighths, 8)
    return f"{'█' * whole}{_PART_BLOCKS[part] if part else ''}".ljust(_BAR_WIDTH)
