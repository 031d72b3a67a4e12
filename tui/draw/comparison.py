"""Champion against challenger, as a table: each window and segment, each metric with its interval and its verdict."""

from collections.abc import Mapping, Sequence
from typing import Any

from triage.numbers import number
from tui.draw.intervals import Interval, drawn, finite, scale
from tui.draw.lines import Item, Line, Span, blank, cut, fill, folded, heading, say, spread

GLYPHS = {"pass": "✓", "fail": "✗", "inconclusive": "◐", "no_data": "?", "error": "!"}
TONES = {"pass": "good", "fail": "bad", "inconclusive": "warn", "no_data": "warn", "error": "bad"}


def verdict(word: str) -> Span:
    """One of the five verdicts, as glyph and word."""
    return Span(f"{GLYPHS.get(word, '·')} {say(word.replace('_', ' ')).text}", TONES.get(word, "quiet"))


def comparison(report: Mapping[str, Any]) -> list[Item]:
    """The verdict with its reasons, then each window: the whole of it, and those segments that need a look first."""
    reasons = [str(reason) for reason in report.get("reasons") or ()]
    items = [Item(lambda width: [cut((Span("verdict ", "quiet"), verdict(str(report.get("verdict")))), width)])]
    items += [_told(reason, "– ") for reason in reasons]
    for window in report.get("windows") or ():
        items += [blank(), *_window(window)]
    footprint = report.get("footprint")
    if isinstance(footprint, Mapping):
        items += [blank(), heading("Speed and size"), *_footprint(footprint)]
    return items


def _window(window: Mapping[str, Any]) -> list[Item]:
    scopes = window.get("scopes") or []
    items = [heading(f"{say(str(window.get('name', ''))).text} window")]
    if not scopes:
        return [*items, _told("nothing was compared", "? ")]
    items += _scope(scopes[0])
    missing = [
        f"{number(count)} rows {words}"
        for key, words in (("n_without_truth", "without a label"), ("n_unscored", "only the champion could score"))
        if (count := finite(window.get(key)))
    ]
    calibrated = _calibration(window)
    items += [_told(line, "  ", "quiet") for line in (*missing, *calibrated)]
    segments = sorted(scopes[1:], key=lambda scope: scope.get("verdict") == "pass")
    if segments:
        passed = sum(scope.get("verdict") == "pass" for scope in segments)
        items.append(_told(f"{passed} of {len(segments)} segments pass", "▪ ", "strong"))
        items += [item for scope in segments for item in _scope(scope, brief=True)]
    return items


def _scope(scope: Mapping[str, Any], *, brief: bool = False) -> list[Item]:
    """A line for the scope, and two for each metric that decides; of a segment that passed only the first."""
    name = str(scope.get("segment") or "all rows")
    rows = f"{number(finite(scope.get('n_rows')) or 0)} rows"
    word = str(scope.get("verdict"))
    items = [
        Item(
            lambda width: [
                spread(
                    (*((Span("  "),) if brief else ()), say(name, "strong"), Span(f"  {rows}", "quiet")),
                    (verdict(word),),
                    width,
                )
            ],
            f"{scope.get('window')}/{name}",
            f"{scope.get('window')} window, {name}: {word}",
        )
    ]
    if not brief or word != "pass":
        metrics: Sequence[Mapping[str, Any]] = scope.get("metrics") or ()
        shown = [metric for metric in metrics if metric.get("margin") is not None] if brief else metrics
        items += [_metric(metric) for metric in shown]
        items += [_told(str(reason), "    ", "warn") for reason in scope.get("reasons") or ()]
    return items


def _metric(metric: Mapping[str, Any]) -> Item:
    harm = metric.get("harm") or {}
    interval = Interval(*(finite(harm.get(key)) for key in ("value", "low", "high")))
    margin = finite(metric.get("margin"))
    before, after = finite(metric.get("champion")), finite(metric.get("challenger"))
    word = str(metric.get("verdict")) if metric.get("verdict") else ""

    def draw(width: int) -> list[Line]:
        figures = f"{_figure(before)} → {_figure(after)}"
        name = say(str(metric.get("metric", "")).replace("_", " "))
        first = spread((Span("    "), *fill((name,), 14), Span(figures)), (verdict(word),) if word else (), width)
        room = min(40, width - 30)
        if room < 10 or interval.value is None:
            return [first]
        span = scale([interval], [0.0, *([margin] if margin is not None else [])])
        told = f"harm {number(interval.value)}" + (
            f", margin {number(margin)}" if margin is not None else ", shown only"
        )
        line = drawn(
            interval, span, 0.0, margin, room, "good" if word == "pass" else "bad" if word == "fail" else "accent"
        )
        return [first, cut((Span("    "), *line, Span("  "), Span(told, "quiet")), width)]

    return Item(draw)


def _calibration(window: Mapping[str, Any]) -> list[str]:
    errors = [finite((window.get(f"{who}_calibration") or {}).get("error")) for who in ("champion", "challenger")]
    if errors[0] is None or errors[1] is None:
        return []
    return [f"calibration error {number(errors[0])} → {number(errors[1])}"]


def _footprint(footprint: Mapping[str, Any]) -> list[Item]:
    latency = [finite(footprint.get(f"{who}_latency_ms")) for who in ("champion", "challenger")]
    size = [finite(footprint.get(f"{who}_size_bytes")) for who in ("champion", "challenger")]
    lines = []
    if latency[0] is not None and latency[1] is not None:
        lines.append(f"latency {number(latency[0])} → {number(latency[1])} ms")
    if size[0] is not None and size[1] is not None:
        lines.append(f"size {number(size[0] / 1e6)} → {number(size[1] / 1e6)} MB")
    told = [*lines, *(str(reason) for reason in footprint.get("reasons") or ())]
    return [_told(line, "  ") for line in told] or [_told("not measured", "? ")]


def _figure(value: float | None) -> str:
    return number(value, 4) if value is not None else "—"


def _told(words: str, mark: str, tone: str = "") -> Item:
    return Item(lambda width: folded(say(words, tone), width, (Span(mark, "quiet"),)))
