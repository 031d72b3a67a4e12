"""The rule file of one model: recording rules, alerts, and a head by which triage knows its own file again.

Rules of earlier incidents stay in it; the same alert of a later one takes the place of the earlier.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from triage.catalog import Model
from triage.health.burn import WORKBOOK_PAIRS
from triage.prevention.alerts import Alerting, alerts, duration
from triage.prevention.nouns import Proposal
from triage.prevention.signals import bad_share, has_budget, objective, recorded, traffic, window_name

_DIGEST = re.compile(r"^# digest: (sha256:[0-9a-f]{64})$", re.MULTILINE)
_HEAD = "# Written by triage for the model below, and rewritten by it: keep rules of your own in another file.\n"


def slug(model: str) -> str:
    """``model`` as part of a file's name; two names never share one.

    >>> slug("recommender"), slug("../../etc/passwd")
    ('recommender', 'etc-passwd-c5e9dcbe')
    """
    plain = re.sub(r"[^a-z0-9_-]+", "-", model.lower()).strip("-")[:60]
    if plain == model:
        return plain
    return f"{plain or 'model'}-{hashlib.sha256(model.encode()).hexdigest()[:8]}"


def file_name(model: str) -> str:
    return f"triage-{slug(model)}.yml"


def render(proposal: Proposal, model: Model, runbook_url: str, before: str = "") -> str:
    """The rule file with the rules of ``proposal`` beside those of earlier incidents that it held ``before``."""
    fresh = alerts(proposal, model, runbook_url)
    kept = [rule for rule in _rules(before) if "alert" in rule]
    return _written(model, _merged(kept, [one.document() for one in fresh]), _wanted(model, fresh, kept))


def without(text: str, incident: str, model: Model) -> str:
    """The rule file ``text`` without what ``incident`` brought; nothing where nothing is left."""
    kept = [rule for rule in _rules(text) if "alert" in rule]
    rest = [rule for rule in kept if rule.get("annotations", {}).get("triage_incident") != incident]
    return _written(model, rest, _wanted(model, (), rest)) if rest else ""


def is_untouched(text: str) -> bool:
    """Whether ``text`` is as triage wrote it; a file that somebody edited is not."""
    head = _DIGEST.search(text)
    return head is not None and head.group(1) == _digest(text[head.end() + 1 :])


def _written(model: Model, alerting: Sequence[dict[str, Any]], records: Sequence[dict[str, Any]]) -> str:
    every = min(60.0, model.watch.every.total_seconds(), model.kpi.step.total_seconds())
    group = {"name": f"triage/{model.name}", "interval": duration(every), "rules": [*records, *alerting]}
    body = yaml.safe_dump({"groups": [group]}, sort_keys=False, allow_unicode=True, width=110)
    return f"{_HEAD}# digest: {_digest(body)}\n{body}"


def _digest(body: str) -> str:
    return f"sha256:{hashlib.sha256(body.encode()).hexdigest()}"


def _rules(text: str) -> list[dict[str, Any]]:
    if not text.strip():
        return []
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def _merged(before: Sequence[dict[str, Any]], fresh: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    def key(rule: dict[str, Any]) -> tuple[Any, ...]:
        return rule["alert"], *sorted((k, v) for k, v in rule["labels"].items() if k not in ("severity", "managed_by"))

    return list({key(rule): rule for rule in (*before, *fresh)}.values())


def _wanted(model: Model, fresh: Sequence[Alerting], kept: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The recording rules that some alert reads."""
    text = "\n".join([*(one.expr for one in fresh), *(str(rule["expr"]) for rule in kept)])
    return [record for record, needed in _records(model) if any(name in text for name in needed)]


def _records(model: Model) -> Iterator[tuple[dict[str, Any], tuple[str, ...]]]:
    """Every recording rule of ``model``, each with the series that need it, in the order that one builds on another."""

    def record(name: str, expr: str, **labels: str) -> dict[str, Any]:
        return {"record": name, "expr": expr, "labels": {"model": model.name, **labels}}

    kpi = recorded("triage:kpi", model.name, kpi=model.kpi.name)
    yield record("triage:kpi", model.kpi.query, kpi=model.kpi.name), (kpi,)
    for level in model.service_levels:
        series = recorded("triage:service_level", model.name, level=level.name)
        yield record("triage:service_level", level.query, level=level.name), (series,)
    events = traffic(model)
    for level in [one for one in model.service_levels if has_budget(one)]:
        burns = (f"triage:burn_rate{{{_labels(model.name, level.name)}",)
        whole, good = bad_share(level)
        share = f"sum({level.query})" + (f" / {whole:g}" if whole != 1 else "")
        bad = f"(1 - {share})" if good else share
        weight = f"sum({events.query})" if events else "1"
        # `>= 0` leaves out NaN, which would poison every sum over time that it is in.
        yield record("triage:bad_events:rate", f"({bad} * {weight}) >= 0", level=level.name), burns
        yield record("triage:events:rate", f"({bad} * 0 + {weight}) >= 0", level=level.name), burns
        for seconds in sorted(
            {length for pair in WORKBOOK_PAIRS for length in (pair.short_seconds, pair.long_seconds)}
        ):
            window = window_name(seconds)
            sums = [
                f"sum_over_time({recorded(name, model.name, level=level.name)}[{window}])"
                for name in ("triage:bad_events:rate", "triage:events:rate")
            ]
            expr = f"{sums[0]} / {sums[1]} / {1 - objective(level):.10g}"
            needed = (recorded("triage:burn_rate", model.name, level=level.name, window=window),)
            yield record("triage:burn_rate", expr, level=level.name, window=window), needed


def _labels(model: str, level: str) -> str:
    whole = recorded("", model, level=level)
    return whole[1:-1]
