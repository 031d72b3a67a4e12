"""One feature that moved: its distributions, how far beyond chance and habit, and what the model makes of it."""

import math
from collections.abc import Mapping

from triage.incident import Evidence
from triage.numbers import number, percent, whole_percent, with_interval
from triage.report.ladder import VERDICT_GLYPHS
from tui.draw.bars import bar, sparkline
from tui.draw.comparison import verdict
from tui.draw.distribution import bins, drawn, kept, legend
from tui.draw.evidence import figures
from tui.draw.incident import View
from tui.draw.intervals import finite
from tui.draw.lines import Item, Line, Span, cut, fill, folded, heading, say, spread

_SEGMENTS = 8
"""Segments that are shown, those that do not pass first."""


def features(seen: View) -> list[Evidence]:
    """The evidence that holds a feature's two distributions, the one that costs most first."""
    found = [item for item in seen.incident.evidence if item.chart and item.chart.get("type") == "distribution"]
    return sorted(found, key=lambda item: (-abs(item.measure("share_of_drop") or 0.0), -(item.measure("psi") or 0.0)))


def name(item: Evidence) -> str:
    return item.subject or str((item.chart or {}).get("feature") or item.id)


def index(seen: View) -> list[Item]:
    """A line per feature: PSI, and its share of the drop."""
    return [_entry(item) for item in features(seen)]


def distributions(item: Evidence, height: int) -> list[Item]:
    """The two windows overlaid, as many bins as ``height`` lines hold."""
    chart = item.chart or {}
    shown = kept(chart, max(4, height - 3))
    left_out = len(bins(chart)) - len(shown)
    return [
        Item(lambda width: [legend(width), *drawn(shown, width)]),
        *([_told(f"{left_out + 1} bins are drawn as one", "quiet")] if left_out > 0 else []),
    ]


def reading(seen: View, item: Evidence) -> list[Item]:
    """What it means: the PSI beside chance, habit and history, what moved, what the model makes of it."""
    psi, chance, habit = (item.measure(key) for key in ("psi", "psi_by_chance", "psi_in_healthy_windows"))
    items = [Item(lambda width: folded(say(item.statement), width, (Span(f"{VERDICT_GLYPHS[item.verdict]} "),)))]
    found = bins(item.chart or {})
    if psi is None and found:
        psi = math.fsum(one.psi for one in found)
    if psi is not None:
        scale = [("now", psi, "now"), ("healthy weeks", habit, "before"), ("by chance", chance, "quiet")]
        known = [(words, value, tone) for words, value, tone in scale if value is not None]
        items += [heading("PSI now, in past healthy windows, and by chance"), _scale(known)]
        past = [finite(value) for value in (item.chart or {}).get("psi_past") or ()]
        items += [_history(past, psi)] if any(value is not None for value in past) else []
    items += _cost(item)
    moved = sorted(found, key=lambda bin_: -abs(bin_.psi))[:3]
    if moved:
        items.append(heading("What moved most"))
        items += [_told(f"{one.label}: {percent(one.before)} of rows before, {percent(one.now)} now") for one in moved]
    items += _segments(seen, name(item))
    elsewhere = [one for one in seen.incident.evidence if one.subject == name(item) and one.id != item.id]
    items += [heading("Also found of it")] if elsewhere else []
    items += [
        _told(f"{VERDICT_GLYPHS[one.verdict]} {one.about.value.replace('_', ' ')}: {one.statement}")
        for one in elsewhere
    ]
    if item.sources:
        items.append(heading("From"))
        for source in item.sources:
            rows = f", {number(source.rows)} rows" if source.rows is not None else ""
            window = f", {source.window}" if source.window else ""
            items.append(_told(f"{source.name}@{source.version}{window}{rows}", "quiet"))
    return items


def _cost(item: Evidence) -> list[Item]:
    """How much of the drop it explains, and its other figures."""
    items = [heading("What the model makes of it")]
    share = next((measure for measure in item.measures if measure.name == "share_of_drop"), None)
    if share is not None and share.value is not None:
        between = (
            f" ({whole_percent(share.low)} to {whole_percent(share.high)})"
            if share.low is not None and share.high is not None
            else ""
        )
        items.append(
            _told(f"replayed through the champion it explains {whole_percent(share.value)}{between} of the drop")
        )
    else:
        items.append(_told("what it costs was not measured", "warn"))
    rest = [
        one
        for one in item.measures
        if one.name not in ("psi", "psi_by_chance", "psi_in_healthy_windows", "share_of_drop")
    ]
    told = [(one.name, with_interval(one.value, one.low, one.high, one.unit)) for one in rest]
    return [*items, Item(lambda width: figures(told, width))]


def _history(past: list[float | None], now: float) -> Item:
    """The PSI of each past healthy window, oldest first, and of the incident, on one scale."""

    def draw(width: int) -> list[Line]:
        kept = past[-max(8, width - 30) :]
        drawn_past = sparkline([*kept, now], len(kept) + 1)
        line = (
            Span("window by window "),
            Span(drawn_past[:-1], "before"),
            Span(drawn_past[-1:], "now"),
            Span(" now", "quiet"),
        )
        return [cut(line, width)]

    return Item(draw)


def _segments(seen: View, feature: str) -> list[Item]:
    """How a challenger fares in the segments of this feature, where one was compared."""
    record = next((step for step in seen.incident.steps.values() if step.uses == "compare_challenger"), None)
    report = record.outputs.get("report") if record is not None else None
    windows = report.get("windows") or () if isinstance(report, Mapping) else ()
    scopes = [scope for window in windows for scope in window.get("scopes") or ()]
    found = [scope for scope in scopes if str(scope.get("segment", "")).startswith(f"{feature}=")]
    found.sort(key=lambda scope: scope.get("verdict") == "pass")
    lines = [
        Item(
            lambda width, scope=scope: [  # type: ignore[misc]
                spread(
                    (say(f"{scope['segment']}, {scope.get('window')}"),), (verdict(str(scope.get("verdict"))),), width
                )
            ]
        )
        for scope in found[:_SEGMENTS]
    ]
    if len(found) > _SEGMENTS:
        lines.append(_told(f"… {len(found) - _SEGMENTS} more, in the comparison", "quiet"))
    return [heading("The challenger in its segments"), *lines] if lines else []


def _entry(item: Evidence) -> Item:
    psi, share = item.measure("psi"), item.measure("share_of_drop")
    told = f"{number(psi, 2)}" if psi is not None else ""
    cost = whole_percent(share) if share is not None else "?"

    def draw(width: int) -> list[Line]:
        figures = (*fill((Span(told),), 6, right=True), *fill((Span(cost, "strong"),), 6, right=True))
        return [spread((Span(f"{VERDICT_GLYPHS[item.verdict]} "), say(name(item))), figures, width)]

    return Item(draw, item.id, item.statement)


def _scale(known: list[tuple[str, float, str]]) -> Item:
    most = max(value for _, value, _ in known) or 1.0

    def draw(width: int) -> list[Line]:
        return [
            cut(
                (
                    *fill((Span(words),), 14),
                    *fill((Span(number(value), "strong"),), 9, right=True),
                    Span(" "),
                    Span(bar(value / most, max(4, min(40, width - 26))), tone),
                ),
                width,
            )
            for words, value, tone in known
        ]

    return Item(draw)


def _told(words: str, tone: str = "") -> Item:
    return Item(lambda width: folded(say(words, tone), width))
