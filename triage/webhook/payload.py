"""What an Alertmanager (webhook version 4) or a Grafana sends, read from bytes that anyone may have written."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from triage.catalog import IntakeLimits
from triage.codec import canonical
from triage.errors import Refused

MAX_DEPTH = 20
_LONGEST_KEY = 200
_MOST_MISSING = 1_000_000
_FIRST = ("alertname", "model", "severity")


@dataclass(frozen=True, slots=True)
class Incoming:
    """One alert of a delivery. ``key`` names this firing of it for good: the group, the alert, when it began."""

    key: str
    group_key: str
    fingerprint: str
    name: str
    firing: bool
    starts_at: datetime
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    trimmed: bool = False

    @property
    def summary(self) -> str:
        for name in ("summary", "description", "message"):
            if self.annotations.get(name):
                return self.annotations[name]
        return ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """``missing`` is how many alerts of the group are not in it; ``group_labels`` are what its group has in common."""

    origin: str
    group_key: str
    group_labels: Mapping[str, str]
    receiver: str
    alerts: tuple[Incoming, ...]
    missing: int = 0


def parse(body: bytes, origin: str, limits: IntakeLimits) -> Delivery:
    """Read a delivery. Raises Refused, saying what is wrong with it, for what is none."""
    document = _json(body)
    if not isinstance(document, dict):
        raise Refused(f"the body is {_kind(document)}, not an object")
    listed = document.get("alerts")
    if not isinstance(listed, list) or not listed:
        raise Refused("'alerts' is no list with alerts in it", hint="send Alertmanager's webhook format, version 4")
    group_key = _text(document, "groupKey", limits.label_bytes)
    labels, _ = _labels(document, "groupLabels", limits)
    alerts = tuple(
        _alert(item, f"alerts[{place}]", group_key, limits) for place, item in enumerate(listed[: limits.alerts])
    )
    cut = len(listed) - len(alerts)
    told = document.get("truncatedAlerts", 0)
    missing = min(told, _MOST_MISSING) if isinstance(told, int) and told > 0 else 0
    return Delivery(origin, group_key, labels, _text(document, "receiver", limits.label_bytes), alerts, missing + cut)


def completed(delivery: Delivery, listed: list[Any], limits: IntakeLimits) -> Delivery:
    """``delivery`` with the alerts that Alertmanager's API lists for its group and that were not in it."""
    known = {alert.fingerprint for alert in delivery.alerts}
    found = [_alert(item, "alert of the API", delivery.group_key, limits) for item in listed if isinstance(item, dict)]
    added = tuple(alert for alert in found if alert.fingerprint not in known)
    return replace(delivery, alerts=(*delivery.alerts, *added), missing=max(0, delivery.missing - len(added)))


def alert_key(group_key: str, fingerprint: str, starts_at: datetime) -> str:
    """What tells one firing of an alert from all others, whoever delivers it and however often; never when it ended."""
    text = "\n".join((group_key, fingerprint, starts_at.isoformat()))
    return hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()[:32]


def fingerprint_of(labels: Mapping[str, str]) -> str:
    """A fingerprint for an alert that came without one: the same for the same labels."""
    return hashlib.sha256(canonical(labels).encode()).hexdigest()[:16]


def _json(body: bytes) -> Any:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        what = "is nested too deeply" if isinstance(error, RecursionError) else f"is no JSON: {str(error)[:200]}"
        raise Refused(f"the body {what}") from None
    if _depth(document) > MAX_DEPTH:
        raise Refused(f"the body is nested more than {MAX_DEPTH} levels deep")
    return document


def _depth(document: Any) -> int:
    """Levels of nesting, counted without recursion and only until there are too many."""
    level, depth = [document], 0
    while level and depth <= MAX_DEPTH:
        depth += 1
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
    return depth


def _alert(item: Any, where: str, group_key: str, limits: IntakeLimits) -> Incoming:
    if not isinstance(item, dict):
        raise Refused(f"{where} is {_kind(item)}, not an object")
    labels, cut = _labels(item, "labels", limits)
    annotations, cut_too = _labels(item, "annotations", limits)
    starts_at = _time(item.get("startsAt"), where)
    fingerprint = _text(item, "fingerprint", limits.label_bytes) or fingerprint_of(labels)
    status = item.get("status")
    if isinstance(status, dict):  # the API's alerts say {"state": "active"}, and lists only those that fire
        status = "firing" if status.get("state") in ("active", "unprocessed", "suppressed") else "resolved"
    if status not in ("firing", "resolved"):
        raise Refused(f"{where}.status is neither firing nor resolved")
    return Incoming(
        key=alert_key(group_key, fingerprint, starts_at),
        group_key=group_key,
        fingerprint=fingerprint,
        name=labels.get("alertname", ""),
        firing=status == "firing",
        starts_at=starts_at,
        labels=labels,
        annotations=annotations,
        trimmed=cut or cut_too,
    )


def _labels(item: Mapping[str, Any], key: str, limits: IntakeLimits) -> tuple[dict[str, str], bool]:
    """The labels under ``key``, at most as many and as long as the limits say, and whether anything was cut."""
    found = item.get(key)
    if found is None:
        return {}, False
    if not isinstance(found, dict):
        raise Refused(f"'{key}' is {_kind(found)}, not an object")
    names = sorted(found, key=lambda name: (name not in _FIRST, name))
    cut = len(names) > limits.labels
    kept: dict[str, str] = {}
    for name in names[: limits.labels]:
        value = found[name]
        if not isinstance(value, str):
            raise Refused(f"'{key}.{str(name)[:60]}' is {_kind(value)}, not text")
        short = _cut(name, _LONGEST_KEY)
        kept[short] = _cut(value, limits.label_bytes)
        cut = cut or kept[short] != value or short != name
    return kept, cut


def _cut(text: str, most: int) -> str:
    body = text.encode(errors="backslashreplace")
    return body.decode() if len(body) <= most else body[:most].decode(errors="ignore")


def _text(item: Mapping[str, Any], key: str, most: int) -> str:
    value = item.get(key, "")
    if not isinstance(value, str):
        raise Refused(f"'{key}' is {_kind(value)}, not text")
    return _cut(value, most)


def _time(value: Any, where: str) -> datetime:
    try:
        at = datetime.fromisoformat(value)
        if at.tzinfo is None:
            raise ValueError
        at = at.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise Refused(f"{where}.startsAt is no RFC 3339 time") from None
    if at.year < 2000:
        raise Refused(f"{where}.startsAt is {at:%Y-%m-%d}, before there were alerts")
    return at


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")
