"""From signals and their histories to rules: each with a threshold from the past, its proof, and a decision."""

from collections.abc import Mapping
from dataclasses import replace

from triage.codec import digest
from triage.incident import Incident
from triage.prevention.backtest import History, Occasion, backtest, measured_enough, older
from triage.prevention.nouns import Backtest, Decision, Proposal, Role, Rule, RuleKind, Signal
from triage.prevention.signals import cause_words
from triage.prevention.threshold import Threshold, choose

SHORTEST_DAYS = 3.0
"""Healthy time below which a rule is unproven."""


def propose(
    incident: Incident,
    signals: tuple[Signal, ...],
    histories: Mapping[str, History | str],
    occasion: Occasion,
    *,
    most_false_alarms: float,
    by_hand: Mapping[str, float] | None = None,
) -> Proposal:
    """A proposal for ``incident``. ``histories`` holds, by the signal's name, its past or why there is none.

    ``most_false_alarms`` is how many a rule may have in 14 days; ``by_hand`` are thresholds that a person chose.
    """
    given = by_hand or {}
    rules = tuple(
        _rule(signal, histories.get(signal.name, "no history was asked for"), occasion, most_false_alarms, given)
        for signal in signals
    )
    proposal = Proposal(incident.id, incident.model, incident.alert.name, cause_words(incident), rules)
    return replace(proposal, digest=digest([rule for rule in rules if rule.kept] + [incident.id]))


def _rule(
    signal: Signal, history: History | str, occasion: Occasion, most: float, by_hand: Mapping[str, float]
) -> Rule:
    if isinstance(history, str):
        return Rule(signal, signal.target, "", Decision.UNPROVEN, history)
    threshold = _threshold(signal, history, occasion, by_hand)
    if threshold is None:
        return Rule(signal, None, "", Decision.UNPROVEN, "its history holds too few points to choose a threshold on")
    result = backtest(history, occasion, threshold.value, signal.worse, signal.for_seconds)
    decision, reason = _decide(signal, result, threshold, most)
    return Rule(signal, threshold.value, threshold.why, decision, reason, result)


def _threshold(signal: Signal, history: History, occasion: Occasion, by_hand: Mapping[str, float]) -> Threshold | None:
    if signal.name in by_hand:
        return Threshold(by_hand[signal.name], "given by hand")
    if signal.kind is RuleKind.BURN and signal.target is not None:
        return Threshold(signal.target, "the Site Reliability Workbook's factor for this pair of windows")
    return choose(older(history, occasion), signal.worse, floor=signal.floor, target=signal.target)


def _decide(signal: Signal, result: Backtest, threshold: Threshold, most: float) -> tuple[Decision, str]:
    if not measured_enough(result, SHORTEST_DAYS):
        known = f"{result.healthy_days:.1f} healthy days are known, {SHORTEST_DAYS:g} are needed"
        share = f"{result.measured_share:.0%} of the time was measured"
        return Decision.UNPROVEN, known if result.healthy_days < SHORTEST_DAYS else share
    if signal.kind is RuleKind.ROWS and threshold.value <= 0:
        return Decision.REFUSED, "healthy time has windows without a row, so no count is too small"
    if result.per_fortnight > most:
        figures = f"{result.false_alarms} false alarms in {result.healthy_days:.1f} healthy days"
        reached = "" if result.healthy_worst is None else f"; healthy time reached {result.healthy_worst:.3g}"
        limit = f"{result.per_fortnight:.1f} in 14 days, {most:g} allowed"
        return Decision.REFUSED, f"too noisy at {threshold.value:g}: {figures} ({limit}){reached}"
    if signal.role is Role.CAUSE and result.fires_at is None:
        reached = "unmeasured" if result.incident_worst is None else f"{result.incident_worst:.3g}"
        return (
            Decision.REFUSED,
            f"would not have fired: the incident reached {reached}, its threshold is {threshold.value:g}",
        )
    return Decision.KEPT, ""
