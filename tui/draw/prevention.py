"""Prevention rules: what each would have done, the change of the files, and what became of them."""

from dataclasses import dataclass
from datetime import UTC, timedelta
from math import isfinite
from typing import TYPE_CHECKING

from triage.numbers import figure, moment, number, span
from triage.plain import visible
from tui.draw.bars import bar
from tui.draw.lines import Item, Line, Span, blank, cut, fill, folded, heading, say, spread

if TYPE_CHECKING:
    from triage.prevention.nouns import Backtest, Proposal, Rule
    from triage.prevention.record import Prevention

DIFF = "the change"
"""The key of the entry that shows all files as a diff."""
_DECISIONS = {"kept": ("✓", "good"), "refused": ("✗", "bad"), "unproven": ("?", "warn")}
_STAGES = {
    "nothing": ("·", "not looked at yet", "quiet"),
    "proposed": ("◆", "proposed, not written", "warn"),
    "applied": ("✓", "written", "good"),
    "reverted": ("–", "taken back", "quiet"),
    "refused": ("✗", "refused", "bad"),
    "unknown": ("?", "begun, and its end is not known", "warn"),
}


@dataclass(frozen=True, slots=True)
class Preview:
    """A proposal just computed: the files as a diff, or why there is nowhere to write them."""

    proposal: "Proposal"
    diff: str
    nowhere: str = ""


def head(stands: "Prevention", computing: bool) -> list[Item]:
    """Where the rules stand, and what is soonest of them."""
    glyph, word, tone = _STAGES.get(stands.stage.value, ("·", stands.stage.value, "quiet"))
    where = f"in {stands.where}" if stands.where else ""
    by = f", by {stands.by}" if stands.by else ""
    at = f", {moment(stands.at)}" if stands.at else ""

    def draw(width: int) -> list[Line]:
        right = (Span("▶ computing …", "accent"),) if computing else ()
        first = spread(
            (Span(f"{glyph} {word} ", tone), say(f"{where}{by}{at}".removeprefix(", "), "quiet")), right, width
        )
        return [first, *folded(say(stands.words or _soonest(stands)), width, most=2)]

    return [Item(draw)]


def _soonest(stands: "Prevention") -> str:
    proposal = stands.proposal
    if proposal is None:
        return "c looks for the rules that would have caught it earlier, and backtests them"
    soonest = proposal.soonest
    counted = f"{len(proposal.kept)} of {len(proposal.rules)} rules kept"
    if soonest is None or soonest.backtest is None:
        return f"{counted}; none of them would have fired in this incident"
    return f"{counted}; {soonest.name} {_sooner(soonest.backtest)}, {_false(soonest.backtest)}"


def index(proposal: "Proposal", *, preview: bool) -> list[Item]:
    """A line for the change where it was computed, then one for each rule with its backtest in short."""
    items = [Item(lambda width: [(Span("± ", "accent"), Span("the change", "strong"))], DIFF)] if preview else []
    return [*items, *map(_rule, proposal.rules)]


def _rule(rule: "Rule") -> Item:
    glyph, tone = _DECISIONS[rule.decision.value]
    told = _short(rule.backtest)

    def draw(width: int) -> list[Line]:
        first = spread((Span(f"{glyph} ", tone), say(rule.name, "strong")), (Span(rule.decision.value, tone),), width)
        return [first, *folded(say(told, "quiet"), width, (Span("  "),), most=2)]

    return Item(draw, rule.name, f"{rule.name}: {rule.decision.value}, {told}")


def _short(result: "Backtest | None") -> str:
    return f"{_sooner(result)}, {_false(result)}" if result is not None else "unmeasured"


def _sooner(result: "Backtest") -> str:
    if result.fires_at is None or result.sooner_seconds is None:
        return "would not have fired"
    when = "earlier" if result.sooner_seconds >= 0 else "later"
    return f"fires {span(abs(result.sooner_seconds))} {when}"


def _false(result: "Backtest") -> str:
    count = result.false_alarms
    return f"{count} false alarm{'s' if count != 1 else ''} in {number(result.healthy_days)} d"


def detail(rule: "Rule") -> list[Item]:
    """One rule in full: its threshold and where that is from, and its backtest."""
    signal, result = rule.signal, rule.backtest
    sign = ">" if signal.worse.value == "higher" else "<"
    glyph, tone = _DECISIONS[rule.decision.value]
    items = [
        Item(lambda width: [cut((Span(f"{glyph} {rule.decision.value}  ", tone), say(rule.name, "strong")), width)]),
        *([_told(rule.reason)] if rule.reason else []),
        blank(),
        _pair("alerts", f"{signal.series} {sign} {figure(rule.threshold, signal.unit)} for {span(signal.for_seconds)}"),
        _pair("severity", signal.severity),
        _pair("threshold", rule.why),
        *([_pair("because", signal.because)] if signal.because else []),
    ]
    if result is None:
        return [*items, blank(), _told("not backtested: nothing is known of its false alarms", "warn")]
    fired = moment(result.fires_at) if result.fires_at else "not in this incident"
    return [
        *items,
        blank(),
        heading("Backtest on history"),
        *([_axis(result)] if result.fires_at and (result.sooner_seconds or 0) > 0 else []),
        _pair("fires", fired),
        _pair("that is", f"{_sooner(result)} than the alert that came" if result.fires_at else _sooner(result)),
        _pair("falsely", f"{_false(result)}, {number(result.per_fortnight)} in a fortnight"),
        _pair("held out", f"{result.held_out_false_alarms} in {number(result.held_out_days)} d it was not chosen on"),
        *_levels(rule, result),
        _pair("measured", f"{result.measured_share:.0%} of {result.span}"),
        _pair("source", f"{result.source.kind} {result.source.name}"),
        *([_told(result.note, "quiet")] if result.note else []),
    ]


def _axis(result: "Backtest") -> Item:
    """When it fires and when the alert came, on one line, with the time that is won between them."""
    fires, sooner = result.fires_at, result.sooner_seconds or 0.0
    if fires is None:
        return blank()
    came = fires + timedelta(seconds=sooner)

    def draw(width: int) -> list[Line]:
        ends = (f"{fires.astimezone(UTC):%m-%d %H:%M} ▲", f"◆ {came.astimezone(UTC):%m-%d %H:%M}")
        won = f" {span(sooner)} won "
        if width < len(won) + sum(map(len, ends)) + 8:
            ends = ("▲", "◆")
        rest = max(0, width - sum(map(len, ends)) - len(won))
        return [
            (
                Span(ends[0], "good"),
                Span("─" * (rest // 2), "good"),
                Span(won, "strong"),
                Span("─" * (rest - rest // 2), "quiet"),
                Span(ends[1], "warn"),
            )
        ]

    return Item(draw)


def _levels(rule: "Rule", result: "Backtest") -> list[Item]:
    """How far the threshold is from healthy time and from the incident, as bars on one scale."""
    rows = (
        ("healthy", "at worst ", result.healthy_worst, "before"),
        ("alerts", "beyond ", rule.threshold, "warn"),
        ("incident", "at worst ", result.incident_worst, "now"),
    )
    most = max((abs(value) for _, _, value, _ in rows if value is not None and isfinite(value)), default=0.0) or 1.0

    widest = max(len(f"{words}{figure(value, rule.signal.unit)}") for _, words, value, _ in rows)

    def row(name: str, words: str, value: float | None, tone: str) -> Item:
        told = f"{words}{figure(value, rule.signal.unit)}"

        def draw(width: int) -> list[Line]:
            size = min(40, width - 11 - widest - 2)
            drawn = bar(abs(value) / most, size) if value is not None and size >= 6 else ""
            return [cut((*fill((Span(name, "quiet"),), 11), *fill((say(told),), widest + 2), Span(drawn, tone)), width)]

        return Item(draw, copy=told)

    return [row(*one) for one in rows]


def change(diff: str, nowhere: str = "") -> list[Item]:
    """The diff, each line in the tone of its sign; ``nowhere`` says why it can't be written."""
    items = [_told(nowhere, "warn"), blank()] if nowhere else []
    lines = diff.splitlines()
    tones = {"+": "good", "-": "bad", "@": "accent"}
    items += [_line(line, "strong" if line[:3] in ("+++", "---") else tones.get(line[:1], "")) for line in lines]
    return items if lines or items else [_told("nothing changes", "quiet")]


def _line(line: str, tone: str) -> Item:
    shown = Span(visible(line), tone)  # its spaces are YAML
    return Item(lambda width: [cut((shown,), width)])


def _pair(name: str, words: str) -> Item:
    return Item(lambda width: folded(say(words), width, fill((Span(name, "quiet"),), 11)), copy=words)


def _told(words: str, tone: str = "") -> Item:
    return Item(lambda width: folded(say(words, tone), width))
