"""Which rules an incident gives, and which of them are refused, with the figures."""

from dataclasses import replace

import pytest

from tests.prevention.proposals import OCCASION, incident, model, past, proposal
from triage.incident import CauseKind
from triage.prevention.nouns import Decision, Role, Rule, RuleKind
from triage.prevention.propose import propose
from triage.prevention.signals import signals

SHOP = model()


def only(
    kind: RuleKind, *, healthy: float, now: float, noise: float = 0.0, most: float = 1.0, by_hand: float | None = None
) -> Rule:
    happened = incident(SHOP)
    signal = next(one for one in signals(SHOP, happened, ("place",), frozenset({"place"})) if one.kind is kind)
    histories = {signal.name: past(healthy, now, noise=noise)}
    given = {signal.name: by_hand} if by_hand is not None else {}
    return propose(happened, (signal,), histories, OCCASION, most_false_alarms=most, by_hand=given).rules[0]


def test_the_cause_of_the_incident_is_watched_and_the_rest_stands_guard() -> None:
    found = proposal(SHOP)
    by_name = {rule.name: rule for rule in found.rules}
    assert by_name["psi/place"].signal.role is Role.CAUSE
    assert by_name["nulls/place"].signal.role is Role.GUARD
    assert {rule.signal.kind for rule in found.rules} == set(RuleKind)
    assert all(rule.kept for rule in found.rules), [(rule.name, rule.reason) for rule in found.rules if not rule.kept]
    assert found.soonest is not None
    assert found.soonest.name in ("psi/place", "kpi/conversion")


@pytest.mark.parametrize(
    ("kind", "subject", "rule"),
    [
        (CauseKind.SERVING_SKEW, "place", "parity/place"),
        (CauseKind.LABEL_FAULT, "", "labels/coverage"),
        (CauseKind.CONCEPT_DRIFT, "", "metric/log_loss"),
        (CauseKind.BAD_DEPLOY, "", "kpi/conversion"),
        (CauseKind.INFRASTRUCTURE, "latency_p99", "level/latency_p99"),
    ],
)
def test_each_kind_of_cause_has_a_rule_that_watches_it(kind: CauseKind, subject: str, rule: str) -> None:
    happened = incident(SHOP, kind, subject)
    found = signals(SHOP, happened, ("place", "age"), frozenset({"place"}))
    assert rule in [one.name for one in found if one.role is Role.CAUSE]


def test_a_broken_source_is_watched_by_its_features() -> None:
    happened = incident(SHOP, CauseKind.DATA_QUALITY, "profiles")
    assert "nulls/place" in {one.name for one in signals(SHOP, happened, ("place", "age"), frozenset())}


def test_a_rule_that_would_be_noisy_is_refused_with_the_figures() -> None:
    rule = only(RuleKind.PSI, healthy=0.05, now=1.0, noise=0.3, by_hand=0.06)
    assert rule.decision is Decision.REFUSED
    assert rule.backtest is not None
    assert f"{rule.backtest.false_alarms} false alarms in 27." in rule.reason or "in 28.0 healthy days" in rule.reason
    assert "1 allowed" in rule.reason


def test_a_rule_for_the_cause_that_would_not_have_fired_is_refused() -> None:
    rule = only(RuleKind.PSI, healthy=0.05, now=0.06)
    assert (rule.decision, rule.reason) == (
        Decision.REFUSED,
        "would not have fired: the incident reached 0.06, its threshold is 0.1",
    )


def test_without_a_history_a_rule_is_unproven_and_never_kept() -> None:
    happened = incident(SHOP)
    found = signals(SHOP, happened, ("place",), frozenset({"place"}))
    rules = propose(happened, found, {}, OCCASION, most_false_alarms=1).rules
    assert {rule.decision for rule in rules} == {Decision.UNPROVEN}


def test_the_digest_is_of_the_kept_rules_alone() -> None:
    kept = proposal(SHOP)
    assert kept.digest == proposal(SHOP).digest
    other = replace(kept.rules[0], threshold=99.0)
    happened = incident(SHOP)
    assert propose(happened, (other.signal,), {}, OCCASION, most_false_alarms=1).digest != kept.digest


def test_where_healthy_time_has_windows_without_a_row_no_count_is_too_small() -> None:
    rule = only(RuleKind.ROWS, healthy=0.0, now=0.0)
    assert rule.decision is Decision.REFUSED
    assert "without a row" in rule.reason
