"""The plan with its alternatives, to be read."""

from triage.report.contents import ProposedAction
from tui.draw.incident import View
from tui.draw.lines import Item, Line, Span, folded, heading, say, spread


def plan(seen: View) -> list[Item]:
    """The summary, each action with what it changes and how it is undone, and what was not chosen."""
    proposal = seen.report.plan
    if proposal is None:
        return []
    items = [Item(lambda width: [*folded(say(proposal.summary, "strong"), width), ()])]
    items += [_action(place, item) for place, item in enumerate(proposal.actions, 1)]
    if proposal.not_chosen:
        items.append(heading("Not chosen"))
        items += [_told(f"{item.title}: {item.reason}", "– ") for item in proposal.not_chosen]
    items += [heading("Approval"), _told(proposal.approval, "◆ "), _told(f"plan {proposal.digest}", "  ")]
    return items


def _action(place: int, item: ProposedAction) -> Item:
    word = ("changes", "warn") if item.change else ("reads only", "good")

    def draw(width: int) -> list[Line]:
        title = (Span(f"{place}  ", "accent"), say(item.action.title, "strong"))
        lines = [spread(title, (Span(word[0], word[1]),), width)]
        lines += folded(say(item.action.why), width, (Span("   "),), most=4)
        for name, told in item.details:
            lines += folded(say(told), width, (Span(f"   {name:<10}", "quiet"),))
        return [*lines, ()]

    return Item(draw, f"a{place}", f"{item.action.title}: {item.action.why}")


def _told(words: str, mark: str) -> Item:
    return Item(lambda width: folded(say(words), width, (Span(mark, "quiet"),)))
