"""Deliveries as Alertmanager 0.25 sends them: the shape of one that was captured."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from triage.codec import format_time

NEVER = "0001-01-01T00:00:00Z"


def alert(
    name: str = "ModelQualityDrop",
    model: str = "shop",
    starts_at: str = "2026-11-04T00:00:00Z",
    *,
    firing: bool = True,
    ends_at: str = NEVER,
    **labels: str,
) -> dict[str, Any]:
    carried = {"alertname": name, "model": model, "severity": "page", **labels}
    if not model:
        del carried["model"]
    text = json.dumps(carried, sort_keys=True)
    return {
        "status": "firing" if firing else "resolved",
        "labels": carried,
        "annotations": {"runbook_url": "http://runbook/x", "summary": f"{name} on {model}"},
        "startsAt": starts_at,
        "endsAt": ends_at,
        "generatorURL": "http://prometheus:9090/graph?g0.expr=x&g0.tab=1",
        "fingerprint": hashlib.sha256(text.encode()).hexdigest()[:16],
    }


def delivery(*alerts: Mapping[str, Any], external: str = "http://am-1:9093", **changes: Any) -> bytes:
    first = alerts[0]["labels"]
    common = {name: first[name] for name in ("alertname", "model") if name in first}
    body = {
        "receiver": "triage",
        "status": "firing" if any(one["status"] == "firing" for one in alerts) else "resolved",
        "alerts": list(alerts),
        "groupLabels": common,
        "commonLabels": common,
        "commonAnnotations": {},
        "externalURL": external,
        "version": "4",
        "groupKey": "{}:{" + ", ".join(f'{name}="{value}"' for name, value in common.items()) + "}",
        "truncatedAlerts": 0,
    }
    return json.dumps({**body, **changes}).encode()


def at(moment: datetime) -> str:
    return format_time(moment)


def grafana(*alerts: Mapping[str, Any]) -> bytes:
    """The same alerts as Grafana's contact point sends them."""
    body = json.loads(delivery(*alerts))
    extra = {"orgId": 1, "title": "[FIRING:1]", "state": "alerting", "message": "**Firing**", "version": "1"}
    for one in body["alerts"]:
        one |= {"values": {"A": 0.05}, "valueString": "[ var='A' ]", "dashboardURL": "", "panelURL": "", "imageURL": ""}
    return json.dumps({**body, **extra}).encode()
