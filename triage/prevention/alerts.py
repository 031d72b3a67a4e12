"""Rules as alerts: each with the alert beside it that fires when its figure is missing."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from triage.catalog import Model
from triage.catalog.fields import format_duration
from triage.numbers import figure, number, span
from triage.prevention import families
from triage.prevention.nouns import Proposal, Role, Rule, RuleKind, Worse
from triage.prevention.promql import literal
from triage.prevention.signals import watched

OWNER = "triage"
"""The value of the label ``managed_by``, by which Alertmanager routes these alerts."""
NAMES = {
    RuleKind.PSI: "FeatureDrift",
    RuleKind.NULLS: "FeatureNulls",
    RuleKind.UNSEEN: "FeatureUnseenValues",
    RuleKind.PARITY: "ServingSkew",
    RuleKind.LABELS: "LabelsMissing",
    RuleKind.METRIC: "ModelMetricWorse",
    RuleKind.ROWS: "TrafficThin",
    RuleKind.FRESHNESS: "ServingLogStale",
    RuleKind.KPI: "KpiWorse",
    RuleKind.LEVEL: "ServiceLevelMissed",
    RuleKind.BURN: "ErrorBudgetBurns",
}
UNMEASURED = {
    RuleKind.PSI: "FeatureUnmeasured",
    RuleKind.NULLS: "FeatureUnmeasured",
    RuleKind.UNSEEN: "FeatureUnmeasured",
    RuleKind.PARITY: "FeatureUnmeasured",
    RuleKind.METRIC: "ModelMetricUnmeasured",
    RuleKind.LABELS: "LabelsUnmeasured",
    RuleKind.FRESHNESS: "WatchSilent",
    RuleKind.ROWS: "WatchSilent",
    RuleKind.KPI: "KpiUnmeasured",
    RuleKind.LEVEL: "ServiceLevelUnmeasured",
    RuleKind.BURN: "ErrorBudgetUnmeasured",
}
_OF_FEATURE = (RuleKind.PSI, RuleKind.NULLS, RuleKind.UNSEEN, RuleKind.PARITY)
_WORDS = {
    RuleKind.PSI: "PSI of {subject} is above {limit}",
    RuleKind.NULLS: "more than {limit} of {subject} is missing",
    RuleKind.UNSEEN: "more than {limit} of {subject} are values that training never saw",
    RuleKind.PARITY: "fewer than {limit} of served values of {subject} are what the pipeline recomputes",
    RuleKind.LABELS: "fewer than {limit} of the rows that are due have a label",
    RuleKind.METRIC: "{subject} is worse than {limit}",
    RuleKind.ROWS: "fewer than {limit} were served in a window",
    RuleKind.FRESHNESS: "the newest row of the serving log is older than {limit}",
    RuleKind.KPI: "{subject} is {worse} {limit}",
    RuleKind.LEVEL: "{subject} is {worse} {limit}",
    RuleKind.BURN: "the error budget of {subject} burns {limit} as fast as it lasts",
}


@dataclass(frozen=True, slots=True)
class Alerting:
    """One alert as Prometheus reads it. ``labels`` and ``annotations`` are plain text, not yet templates.

    ``rule`` is the one it carries or stands beside; ``missing`` says that it fires when that one can't.
    """

    name: str
    expr: str
    for_seconds: float
    labels: dict[str, str]
    annotations: dict[str, str]
    rule: Rule
    missing: bool = False

    @property
    def key(self) -> tuple[str, ...]:
        """What tells it from every other alert of the model."""
        return (self.name, *(f"{name}={value}" for name, value in sorted(self.labels.items()) if name in _TELLING))

    def document(self) -> dict[str, object]:
        """As it stands in a rule file; texts are written so that Prometheus expands nothing in them."""
        labels = {name: literal(value) for name, value in self.labels.items()}
        annotations = {name: literal(value) for name, value in self.annotations.items()}
        lasting = {"for": duration(self.for_seconds)} if self.for_seconds else {}
        return {"alert": self.name, "expr": self.expr, **lasting, "labels": labels, "annotations": annotations}


_TELLING = ("feature", "figure", "kpi", "level", "windows", "metric")


def alerts(proposal: Proposal, model: Model, runbook_url: str) -> tuple[Alerting, ...]:
    """The alerts of the rules that were kept, each followed by the one for its silence, once."""
    found: dict[tuple[str, ...], Alerting] = {}
    for rule in proposal.kept:
        for one in _both(rule, proposal, model, runbook_url):
            found.setdefault(one.key, one)
    return tuple(found.values())


def duration(seconds: float) -> str:
    """As Prometheus writes it, whole seconds at least."""
    return format_duration(timedelta(seconds=max(1, round(seconds))))


def limit(rule: Rule) -> str:
    """The threshold as a person reads it."""
    assert rule.threshold is not None
    return figure(rule.threshold, rule.signal.unit)


def comparison(rule: Rule) -> str:
    """The threshold as PromQL compares with it."""
    assert rule.threshold is not None
    return f"{'>' if rule.signal.worse is Worse.HIGHER else '<'} {rule.threshold:.10g}"


def _both(rule: Rule, proposal: Proposal, model: Model, runbook_url: str) -> Iterator[Alerting]:
    signal = rule.signal
    worse = "above" if signal.worse is Worse.HIGHER else "below"
    said = _WORDS[signal.kind].format(subject=signal.subject, limit=limit(rule), worse=worse)
    labels = {"model": model.name, **_subject(rule), "severity": signal.severity, "managed_by": OWNER}
    name = NAMES[signal.kind]
    notes = {
        "summary": f"{model.name}: {said}",
        "description": _description(rule, proposal),
        "triage_incident": proposal.incident,
        "triage_rule": signal.name,
        "triage_proof": proof(rule),
        **_runbook(runbook_url, name),
    }
    yield Alerting(name, _expr(rule, model), signal.for_seconds, labels, notes, rule)
    name, expr, lasting = UNMEASURED[signal.kind], *_missing(rule, model)
    subject = {} if name == "WatchSilent" else _subject(rule)
    figured = {"figure": str(signal.kind)} if name == "FeatureUnmeasured" else {}
    yield Alerting(
        name,
        expr,
        lasting,
        {"model": model.name, **subject, **figured, "severity": "ticket", "managed_by": OWNER},
        {
            "summary": f"{model.name}: {_gone(rule)}",
            "description": f"While this lasts, {NAMES[signal.kind]} can't fire. No data is no all-clear.",
            "triage_incident": proposal.incident,
            "triage_rule": signal.name,
            **_runbook(runbook_url, name),
        },
        rule,
        missing=True,
    )


def _subject(rule: Rule) -> dict[str, str]:
    signal = rule.signal
    if signal.kind in _OF_FEATURE:
        return {"feature": signal.subject}
    if signal.kind is RuleKind.KPI:
        return {"kpi": signal.subject}
    if signal.kind is RuleKind.LEVEL:
        return {"level": signal.subject}
    if signal.kind is RuleKind.BURN:
        return {"level": signal.subject, "windows": signal.pair}
    if signal.kind is RuleKind.METRIC:
        return {"metric": signal.subject}
    return {}


def _expr(rule: Rule, model: Model) -> str:
    signal, compared = rule.signal, comparison(rule)
    if signal.kind is RuleKind.BURN:
        return " and ".join(f"{_one_window(series)} {compared}" for series in (signal.series, signal.long_series))
    if signal.kind in (RuleKind.NULLS, RuleKind.UNSEEN):
        rows = watched(families.ROWS, model.name)
        return f"{signal.series} {compared} and on (model) {rows} >= {model.watch.min_rows}"
    return f"{signal.series} {compared}"


def _missing(rule: Rule, model: Model) -> tuple[str, float]:
    signal, every = rule.signal, model.watch.every.total_seconds()
    if signal.kind in _OF_FEATURE:
        rows = watched(families.ROWS, model.name)
        return f"absent({signal.series}) unless on () {rows} < {model.watch.min_rows}", 3 * every
    if signal.kind in (RuleKind.LABELS, RuleKind.METRIC):
        return f"absent({signal.series})", 3 * every
    if signal.kind in (RuleKind.ROWS, RuleKind.FRESHNESS):
        last = watched(families.LAST_SUCCESS, model.name)
        return f"absent({last}) or time() - {last} > {3 * every:g}", every
    series = signal.series
    if signal.kind is RuleKind.BURN:
        series = _one_window(signal.long_series)
    return f"absent({series}) or {series} != {series}", max(300.0, 2 * signal.step_seconds)


def _one_window(series: str) -> str:
    """The burn rate without the label of its window, so that two windows, and an alert's labels, match."""
    return f"sum without (window) ({series})"


def _gone(rule: Rule) -> str:
    signal = rule.signal
    if signal.kind in (RuleKind.ROWS, RuleKind.FRESHNESS):
        return "'triage watch' has not read the serving log lately"
    if signal.kind is RuleKind.LABELS:
        return "how many labels arrive is not measured"
    what = {
        RuleKind.PSI: "PSI of ",
        RuleKind.NULLS: "the share of nulls of ",
        RuleKind.UNSEEN: "the share of new values of ",
        RuleKind.PARITY: "parity of ",
        RuleKind.BURN: "the error budget of ",
    }
    traffic = "; or nothing was asked of it" if signal.kind in (RuleKind.KPI, RuleKind.LEVEL, RuleKind.BURN) else ""
    return f"{what.get(signal.kind, '')}{signal.subject} is not measured{traffic}"


def _runbook(url: str, name: str) -> dict[str, str]:
    return {"runbook_url": url.replace("{alert}", name)} if url else {}


def _description(rule: Rule, proposal: Proposal) -> str:
    watched = f"{proposal.incident} ({proposal.cause})" if proposal.cause else proposal.incident
    role = "It watches a cause of" if rule.signal.role is Role.CAUSE else "It stands guard since"
    return f"{role} {watched}. Threshold {limit(rule)}: {rule.why}."


def proof(rule: Rule) -> str:
    """The backtest in one line: when it would have fired, how often falsely, and on which data."""
    result = rule.backtest
    if result is None:
        return "not backtested"
    false = f"{result.false_alarms} false alarms in {number(result.healthy_days)} healthy days"
    held = f"{result.held_out_false_alarms} in the {number(result.held_out_days)} that the threshold was not chosen on"
    if result.fires_at is None or result.sooner_seconds is None:
        fired = "would not have fired in the incident"
    elif result.sooner_seconds >= 0:
        fired = f"would have fired {span(result.sooner_seconds)} before the incident's alert"
    else:
        fired = f"would have fired {span(-result.sooner_seconds)} after the incident's alert"
    kind = "replayed from" if result.replayed else "asked of"
    source = result.source
    version = f" {source.version}" if source.version else ""
    data = f"{kind} {source.kind} {source.name}{version} {source.digest}".rstrip()
    note = f", {result.note}" if result.note else ""
    return f"{fired}; {false} ({held}); {data}{note}"
