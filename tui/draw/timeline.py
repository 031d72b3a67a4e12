"""The timeline: what happened when, down to where the incident is now."""

from datetime import UTC, datetime

from triage.numbers import figure
from triage.report.timeline import STATE_WORDS
from tui.draw.incident import View
from tui.draw.lines import Item, Line, Span, blank, cut, fill, folded, heading, note, say

EARLIEST, LATEST = 60, 240
"""Entries that are shown of a long timeline: how it began, and what is newest."""


def timeline(seen: View, now: datetime) -> list[Item]:
    """A block per entry, a line where a day begins, ``▶`` at the end; then the times a postmortem asks for."""
    items: list[Item] = []
    day = ""
    entries = seen.report.timeline
    left_out = max(0, len(entries) - EARLIEST - LATEST)
    for place, entry in enumerate(entries):
        if EARLIEST <= place < EARLIEST + left_out:
            if place == EARLIEST:
                items.append(note(f"… {left_out:,} entries between, in the report …"))
            continue
        at = entry.at.astimezone(UTC)
        if f"{at:%Y-%m-%d}" != day:
            day = f"{at:%Y-%m-%d}"
            items.append(heading(f"{day} UTC"))
        mark = "◆" if entry.seq is None else "│"
        items.append(_entry(f"{at:%H:%M:%S}", mark, entry.what, f"t{place}"))
    reason = seen.incident.state_reason
    state = STATE_WORDS[seen.incident.state] + (f": {reason}" if reason else "")
    items.append(_entry(f"{now.astimezone(UTC):%H:%M:%S}", "▶", f"You are here: {state}", "now", "strong"))
    items += [blank(), heading("Times")]
    for milestone in seen.report.milestones:
        told = (
            figure(milestone.seconds, "seconds") if milestone.seconds is not None else f"not known: {milestone.reason}"
        )
        items.append(_milestone(milestone.title, told))
    return items


def _entry(at: str, mark: str, what: str, key: str, tone: str = "") -> Item:
    first: Line = (Span(at, "quiet"), Span(f" {mark} ", "accent"))
    rest: Line = (Span(" " * 8), Span(" │ ", "accent"))
    return Item(lambda width: folded(say(what, tone), width, first, rest), key, f"{at} {what}")


def _milestone(title: str, told: str) -> Item:
    return Item(lambda width: [cut((*fill((Span(title),), 18), say(told, "strong")), width)])
