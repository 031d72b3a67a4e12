"""A release as it goes: the share of the traffic, the verdict of each look, and the intervals as they converge."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from triage.codec import decode
from triage.incident import Release, ReleaseStage, StepRecord
from triage.numbers import number, whole_percent
from tui.draw.comparison import GLYPHS, TONES, comparison, verdict
from tui.draw.intervals import Interval, drawn, finite, scale
from tui.draw.lines import Item, Line, Span, blank, cut, fill, folded, heading, say, spread

Look = Mapping[str, Any]
_LATEST = 6
"""Looks whose intervals are drawn; the strip above has them all."""
_STAGE_WORDS = {
    ReleaseStage.SHADOW: "shadow: it is asked too, its answers are thrown away",
    ReleaseStage.IDLE: "waiting: the challenger gets no requests",
    ReleaseStage.CANARY: "canary: the challenger answers a part",
    ReleaseStage.FULL: "released in full",
    ReleaseStage.WITHDRAWN: "withdrawn: the champion of before answers",
}


def traffic(release: Release) -> list[Item]:
    """Who answers now: champion and challenger with their shares, and whether the router has done it yet."""
    share = 1.0 if release.stage is ReleaseStage.FULL else release.weight
    told = _STAGE_WORDS[release.stage] + ("" if release.reached else " (the router has not confirmed it)")

    def draw(width: int) -> list[Line]:
        room = max(8, min(40, width - 26))
        rows = (("champion", release.champion, 1 - share, "before"), ("challenger", release.challenger, share, "now"))
        lines: list[Line] = []
        for role, version, part, tone in rows:
            size = round(part * room) or (1 if part > 0 else 0)
            bar = "█" * size + "·" * (room - size)
            name = fill((Span(f"{role} ", "quiet"), say(version, "strong")), 15)
            lines.append(cut((*name, Span(bar, tone), Span(f" {whole_percent(part):>5}", "strong")), width))
        if release.shadow:
            lines.append(cut((Span(f"{whole_percent(release.shadow)} of the requests are copied", "quiet"),), width))
        return [*lines, *folded(say(told, "quiet"), width)]

    return [Item(draw)]


def canary(record: StepRecord) -> list[Item]:
    """The stage it is in, then those before: what each look said, the requests, and each guardrail's interval."""
    items: list[Item] = []
    for stage in reversed(list(dict.fromkeys(look.get("stage") for look in record.looks))):
        looks = [look for look in record.looks if look.get("stage") == stage]
        last = looks[-1]
        title = f"{whole_percent(finite(last.get('weight')) or 0.0)} of the requests"
        items += [heading(title), _strip(looks), _requests(last), _because(last)]
        if stage == record.looks[-1].get("stage"):
            for name in dict.fromkeys(str(one.get("name")) for look in looks for one in look.get("results") or ()):
                items += [_guardrail(name, last), _converging(_of_guardrail(looks, name))]
        items.append(blank())
    return items or [_told("no look yet", "quiet")]


def shadow(record: StepRecord) -> list[Item]:
    """The looks, the rows so far, and the report of the last one that judged."""
    items = [blank(), _strip(record.looks)] if record.looks else [_told("no look yet", "quiet")]
    if record.looks:
        items.append(_told(f"{number(finite(record.looks[-1].get('rows')) or 0)} paired rows so far", "strong"))
        items += [_stamped(look) for look in record.looks[-_LATEST:]]
    report = next((look["report"] for look in reversed(record.looks) if look.get("report")), None)
    if isinstance(report, Mapping):
        for key, words in (("disagreement", "other decisions"), ("failures", "rise of failures")):
            interval = _interval(report.get(key))
            if interval.value is not None:
                items.append(_figure(words, interval))
        if isinstance(report.get("quality"), Mapping):
            items += [blank(), *comparison(report["quality"])]
    return items


def recovery(record: StepRecord) -> list[Item]:
    """How much of the drop has come back, look by look."""
    looks = [look for look in record.looks if look.get("regained")]
    items = [blank(), _told("part of the drop that came back, and what is still possible", "quiet")] if looks else []
    if looks:
        items.append(_converging([(look, look.get("regained"), look.get("points")) for look in looks], aim=1.0))
    items += [_stamped(look) for look in record.looks[-3:]]
    report = record.outputs.get("report")
    if isinstance(report, Mapping):
        levels = [(key, finite(report.get(key))) for key in ("healthy", "incident", "after")]
        told = ", ".join(f"{key} {number(value, 4)}" for key, value in levels if value is not None)
        items += [blank(), _told(told, "strong")]
    return items


def _strip(looks: Sequence[Look]) -> Item:
    """A glyph for each look, oldest first, and how often each of the five verdicts came."""
    words = [str(look.get("verdict")) for look in looks]
    counted = Counter(words)

    def draw(width: int) -> list[Line]:
        shown = words[-(width - 8) :]
        marks = tuple(Span(GLYPHS.get(word, "·"), TONES.get(word, "quiet")) for word in shown)
        counts = tuple(
            span for word in GLYPHS if counted[word] for span in (verdict(word), Span(f" {counted[word]}   ", "strong"))
        )
        return [cut((Span("looks ", "quiet"), *marks), width), cut(counts, width)]

    return Item(draw)


def _because(look: Look) -> Item:
    words = str(look.get("because") or "")
    decided = str(look.get("decision") or "").replace("_", " ")
    return _told(f"{decided}: {words}" if decided else words)


def _requests(look: Look) -> Item:
    results = [one for one in look.get("results") or () if isinstance(one, Mapping)]
    champion = max((finite(one.get("n_champion")) or 0 for one in results), default=0)
    challenger = max((finite(one.get("n_challenger")) or 0 for one in results), default=0)
    return _told(f"requests {number(champion)} champion · {number(challenger)} challenger", "quiet")


def _guardrail(name: str, last: Look) -> Item:
    found: Look = next((one for one in last.get("results") or () if one.get("name") == name), {})
    word = str(found.get("verdict"))
    told = str(found.get("statement") or "").removeprefix(f"{name}: ")
    return Item(
        lambda width: [
            spread((say(name, "strong"),), (verdict(word),), width),
            *folded(say(told, "quiet"), width, most=2),
        ],
        f"guardrail {name}",
        f"{name}: {word}: {told}",
    )


def _of_guardrail(looks: Sequence[Look], name: str) -> list[tuple[Look, Any, Any]]:
    return [
        (look, one.get("harm"), one.get("n_challenger"))
        for look in looks
        for one in look.get("results") or ()
        if one.get("name") == name and one.get("harm")
    ]


def _converging(shown: Sequence[tuple[Look, Any, Any]], *, aim: float | None = None) -> Item:
    """The latest intervals under each other on one scale: time, interval, and how many rows it is from."""
    latest = [(look, _interval(harm), finite(count)) for look, harm, count in shown[-_LATEST:]]

    def draw(width: int) -> list[Line]:
        if not latest:
            return []
        room = width - 6 - 9
        if room < 10:
            return []
        span = scale([interval for _, interval, _ in latest], [0.0] if aim is None else [0.0, aim])
        lines = []
        for look, interval, count in latest:
            line = drawn(interval, span, 0.0, aim, room, TONES.get(str(look.get("verdict")), "accent"))
            rows = Span(f" {number(count) if count is not None else '':>8}", "quiet")
            lines.append(cut((Span(f"{_clock(look)} ", "quiet"), *line, rows), width))
        low, high = (Span(number(end, 2), "quiet") for end in span)
        return [
            *lines,
            cut((Span(" " * 6), *spread((low, Span(" harm →" if aim is None else "")), (high,), room)), width),
        ]

    return Item(draw)


def _figure(words: str, interval: Interval) -> Item:
    low, high = (number(end) if end is not None else "—" for end in (interval.low, interval.high))
    return _told(f"{words} {number(interval.value or 0.0)} ({low} to {high})")


def _stamped(look: Look) -> Item:
    word = str(look.get("verdict"))
    first = (Span(f"{_clock(look)} ", "quiet"), Span(f"{GLYPHS.get(word, '·')} ", TONES.get(word, "quiet")))
    return Item(lambda width: folded(say(str(look.get("statement") or word)), width, first))


def _interval(harm: Any) -> Interval:
    found = harm if isinstance(harm, Mapping) else {}
    return Interval(*(finite(found.get(key)) for key in ("value", "low", "high")))


def _clock(look: Look) -> str:
    try:
        return f"{decode(datetime, look['at']).astimezone(UTC):%H:%M}"
    except (KeyError, ValueError, TypeError):
        return "  ?  "


def _told(words: str, tone: str = "") -> Item:
    return Item(lambda width: folded(say(words, tone), width))
