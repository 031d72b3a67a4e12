"""Unit tests of a rule file, for ``promtool test rules``: each alert fires, is silent when healthy, without
traffic, and when its target is gone; the alert beside it fires where it should.

Each rule fires in a case of its own, in which every other figure is healthy.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from triage.catalog import Model
from triage.prevention import families
from triage.prevention.alerts import Alerting, alerts
from triage.prevention.nouns import Proposal, Rule, RuleKind, Worse
from triage.prevention.signals import watched

_MINUTE = 60.0
_BEFORE = 5
"""Healthy minutes before anything happens."""
_LOOKBACK = 5
"""Minutes for which Prometheus goes on showing a series that has ended."""

Inputs = dict[str, str]


def render(proposal: Proposal, model: Model, rule_file: str, runbook_url: str) -> str:
    """The test file for ``rule_file``, which holds the rules of ``proposal`` alone."""
    written = alerts(proposal, model, runbook_url)
    cases = list(_cases(proposal.kept, written, model)) if proposal.kept else []
    document = {"rule_files": [rule_file], "evaluation_interval": "1m", "tests": cases}
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)


def count(text: str) -> int:
    """How many cases a test file holds."""
    return len(yaml.safe_load(text)["tests"])


def _cases(rules: Sequence[Rule], written: Sequence[Alerting], model: Model) -> Iterator[dict[str, Any]]:
    for rule in rules:
        own = [one for one in written if one.rule is rule and not one.missing]
        minutes = _minutes(own) + math.ceil(_slow(rule) / _MINUTE)
        inputs = _healthy(rules, model, minutes) | _bad(rule, minutes)
        yield _case(f"{rule.name} fires, and nothing besides", inputs, written, own, minutes)
    minutes = _minutes(written)
    healthy = _healthy(rules, model, minutes)
    yield _case("all are silent when healthy", healthy, written, (), minutes)
    quiet = [one for one in written if _says_no_traffic(one)]
    yield _case("without traffic", _no_traffic(rules, model, minutes), written, quiet, minutes)
    ended = {series: _ended(values, minutes) for series, values in healthy.items()}
    yield _case("targets gone", ended, written, [one for one in written if one.missing], minutes)


def _minutes(tested: Sequence[Alerting]) -> int:
    return _BEFORE + _LOOKBACK + math.ceil(max(one.for_seconds for one in tested) / _MINUTE) + 5


def _case(
    name: str, inputs: Inputs, written: Sequence[Alerting], firing: Sequence[Alerting], minutes: int
) -> dict[str, Any]:
    names = dict.fromkeys(one.name for one in written)
    return {
        "name": name,
        "interval": "1m",
        "input_series": [{"series": series, "values": values} for series, values in inputs.items()],
        "alert_rule_test": [
            {
                "eval_time": f"{minutes - 2}m",
                "alertname": alert,
                "exp_alerts": [
                    {"exp_labels": dict(one.labels), "exp_annotations": dict(one.annotations)}
                    for one in firing
                    if one.name == alert
                ],
            }
            for alert in names
        ],
    }


def _slow(rule: Rule) -> float:
    """Seconds until a figure that is an age has become too old."""
    return rule.threshold or 0.0 if rule.signal.kind is RuleKind.FRESHNESS else 0.0


def _series(rule: Rule) -> tuple[str, ...]:
    """What stands in the rule's expression for its figure."""
    if rule.signal.kind is RuleKind.BURN:
        return rule.signal.series, rule.signal.long_series
    return (rule.signal.series.removeprefix("time() - "),)


def _healthy(rules: Sequence[Rule], model: Model, minutes: int) -> Inputs:
    last, rows = watched(families.LAST_SUCCESS, model.name), watched(families.ROWS, model.name)
    inputs = {last: f"0+60x{minutes}", rows: f"{_plenty(rules, model):g}+0x{minutes}"}
    for rule in rules:
        for series in _series(rule):
            if rule.signal.kind is RuleKind.FRESHNESS:
                inputs[series] = f"0+60x{minutes}"
            elif series != rows:
                known = inputs.get(series)
                value = f"{_values(rule)[0]:.10g}+0x{minutes}"
                inputs[series] = min(known, value, key=_first) if known and rule.signal.worse is Worse.HIGHER else value
    return inputs


def _first(values: str) -> float:
    return float(values.split("+")[0])


def _plenty(rules: Sequence[Rule], model: Model) -> float:
    least = [rule.threshold for rule in rules if rule.signal.kind is RuleKind.ROWS and rule.threshold is not None]
    return 2 * max([float(model.watch.min_rows), *least])


def _values(rule: Rule) -> tuple[float, float]:
    """A healthy and a bad value."""
    assert rule.threshold is not None
    apart = abs(rule.threshold) / 2 or 1.0
    sign = 1.0 if rule.signal.worse is Worse.HIGHER else -1.0
    return rule.threshold - sign * apart, rule.threshold + sign * apart


def _bad(rule: Rule, minutes: int) -> Inputs:
    good, bad = _values(rule)
    if rule.signal.kind is RuleKind.FRESHNESS:
        return {_series(rule)[0]: f"0+0x{minutes}"}
    return dict.fromkeys(_series(rule), f"{good:.10g}+0x{_BEFORE - 1} {bad:.10g}+0x{minutes}")


def _no_traffic(rules: Sequence[Rule], model: Model, minutes: int) -> Inputs:
    """The watch works and finds no rows; what is a ratio of requests is 0/0."""
    inputs = _healthy(rules, model, minutes) | {watched(families.ROWS, model.name): f"0+0x{minutes}"}
    for rule in rules:
        for series in _series(rule):
            if rule.signal.kind in (RuleKind.KPI, RuleKind.LEVEL, RuleKind.BURN):
                inputs[series] = " ".join(["NaN"] * minutes)
            elif rule.signal.kind not in (RuleKind.ROWS, RuleKind.FRESHNESS):
                inputs.pop(series, None)
    return inputs


def _says_no_traffic(one: Alerting) -> bool:
    """Whether it fires without traffic: few rows, and what can't be known then; features are the few rows' to say."""
    kind = one.rule.signal.kind
    if one.missing:
        return kind in (RuleKind.KPI, RuleKind.LEVEL, RuleKind.BURN, RuleKind.LABELS, RuleKind.METRIC)
    return kind is RuleKind.ROWS


def _ended(values: str, minutes: int) -> str:
    return values.replace(f"x{minutes}", f"x{_BEFORE - 1} _x{minutes}")
