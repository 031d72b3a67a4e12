"""The lab's ``triage.yaml``: the world's model, watched by the lab's live servers."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from triage.catalog import EnvoyRouting
from triage.lab.worlds.catalogued import write_catalog

_SERVER = '{job="recommender"}'
_LATENCY = f"sum by (le) (rate(inference_latency_seconds_bucket{_SERVER}[2m]))"
_REQUESTS = f"sum(rate(inference_requests_total{_SERVER}[2m]))"
_FAILED = 'sum(rate(inference_requests_total{job="recommender",code=~"5.."}[2m]))'
NOTICES = "run/notices.jsonl"
"""Where the lab's people are told, below its folder: a notice a line."""
KPI_QUERY = "sum(rate(conversions_total[2m])) / sum(rate(impressions_total[2m]))"


def write(path: Path, world: Path, prometheus_url: str, label_delay: timedelta, routing: EnvoyRouting | None) -> None:
    """Write the catalogue: data and registry in the lab's folder, metrics from ``prometheus_url``, requests by
    ``routing`` where there is a router.

    An incident in the lab is four minutes, rates are over two, so that one can be made, found and mended over a coffee:
    an alert that has lasted as long leaves nothing of the time before the fault in the incident's window.
    """
    document: dict[str, Any] = yaml.safe_load((world / "triage.yaml").read_text(encoding="utf-8"))
    (model,) = document["models"].values()
    document["prometheus"] = {"url": prometheus_url}
    document["prevention"] = {"folder": "run/prometheus/rules", "reload": f"{prometheus_url}/-/reload"}
    document["serve"] = {
        "cool_down": "2m",
        "notify": [{"name": "notices", "kind": "command", "command": ["sh", "-c", f"{{ cat; echo; }} >> {NOTICES}"]}],
    }
    document["registry"] = {"uri": "sqlite:///world/mlflow.db"}
    training = document["datasets"]["training"]
    document["datasets"] = {
        "impressions": {**document["datasets"]["impressions"], "path": "data/impressions", "version": "live"},
        "conversions": {**document["datasets"]["conversions"], "path": "data/conversions", "version": "live"},
        "pipeline": {**document["datasets"]["impressions"], "path": "data/reference", "version": "live"},
        "training": {**training, "path": f"world/{training['path']}"},
    }
    if routing is not None:
        document["datasets"]["shadow"] = {
            **document["datasets"]["impressions"],
            "path": "data/shadow",
        }
        model["router"] = routing.model_dump(mode="json", include={"kind", "folder", "admin", "servers"})
        model["release"] = _release()
        model["comparison"] = {"segment_margin": 0.25, "min_rows": 500}
    model["kpi"] |= {"query": KPI_QUERY, "step": "1m"}
    model["service_levels"] = _service_levels()
    model["changes"] = [
        f"max by (version) (model_version_info{_SERVER})",
        "sum(changes(container_restarts_total[2m]))",
    ]
    model["labels"]["delay"] = f"{label_delay / timedelta(seconds=1):.0f}s"
    model["reference"] = {"dataset": "pipeline"}
    model["watch"] = {"window": "2m", "every": "15s"}
    model["windows"] = {"incident": "4m", "healthy": "13d", "gap": "1h"}
    write_catalog(path, "A shop's recommender on call, in a lab of real servers.", document)


def _release() -> dict[str, Any]:
    """A release in minutes. The lab's margins are wide: few requests a second, small segments."""

    def by_version(metric: str, more: str = "") -> str:
        return f'sum(increase({metric}{{version="$version"{more}}}[$interval]))'

    answered = by_version("inference_latency_seconds_count")
    in_time = by_version("inference_latency_seconds_bucket", ',le="0.25"')
    return {
        "stages": [0.1, 0.5],
        "interval": "15s",
        "lag": "15s",
        "min_intervals": 2,
        "horizon": 60,
        "hold": "10m",
        "guardrails": [
            {
                "name": "errors",
                "total": by_version("inference_requests_total"),
                "events": by_version("inference_requests_total", ',code=~"5.."'),
                "margin": 0.1,
                "min_requests": 30,
            },
            {
                "name": "slow",
                "total": answered,
                "events": f"{answered} - {in_time}",
                "margin": 0.15,
                "min_requests": 30,
                "needed": False,
            },
            {
                "name": "conversion",
                "total": by_version("impressions_total"),
                "events": by_version("conversions_total"),
                "direction": "higher_is_better",
                "margin": 0.05,
                "min_requests": 200,
            },
        ],
        "labels": {"margin": 0.15, "min_rows": 300},
        "shadow": {"dataset": "shadow", "min_rows": 500, "longest": "3m"},
        "answer_changes_outcome": True,
        "recovery": {"deadline": "25m", "settle": "150s", "min_points": 4, "required_share": 0.5},
    }


def _service_levels() -> list[dict[str, Any]]:
    down, up = "lower_is_better", "higher_is_better"

    def level(name: str, kind: str, query: str, direction: str, target: float, unit: str) -> dict[str, Any]:
        entry = {"name": name, "kind": kind, "query": query, "direction": direction, "target": target, "unit": unit}
        return {**entry, "step": "1m"}

    return [
        level("latency_p50", "latency", f"histogram_quantile(0.5, {_LATENCY})", down, 0.1, "seconds"),
        level("latency_p99", "latency", f"histogram_quantile(0.99, {_LATENCY})", down, 0.25, "seconds"),
        level("error_ratio", "errors", f"{_FAILED} / {_REQUESTS}", down, 0.005, "ratio"),
        level("throughput", "throughput", _REQUESTS, up, 0.4, "requests/s"),
        level("queue", "saturation", f"avg(avg_over_time(inference_queue_depth{_SERVER}[2m]))", down, 5.0, "requests"),
        level(
            "restarts",
            "restarts",
            "sum(changes(container_restarts_total[2m]))",
            down,
            0.0,
            "restarts",
        ),
        level("up", "up", f"min(up{_SERVER})", up, 1.0, "ratio"),
        level(
            "feature_freshness",
            "freshness",
            "max(time() - feature_store_last_success_timestamp_seconds)",
            down,
            300.0,
            "seconds",
        ),
    ]


def alert_rules() -> dict[str, Any]:
    """Rules that page; each ratio has a rule beside it for the silence of no traffic and of a vanished target."""

    def rule(name: str, expression: str, lasts: str, summary: str) -> dict[str, Any]:
        labels = {"severity": "page", "model": "recommender"}
        return {"alert": name, "expr": expression, "for": lasts, "labels": labels, "annotations": {"summary": summary}}

    ratio = f"{_FAILED} / {_REQUESTS}"
    return {
        "groups": [
            {
                "name": "recommender",
                "rules": [
                    rule("ModelQualityDrop", f"{KPI_QUERY} < 0.09", "4m", "Conversion is below 9%."),
                    rule(
                        "InferenceSlow",
                        f"histogram_quantile(0.99, {_LATENCY}) > 0.4",
                        "1m",
                        "p99 latency is above 400 ms.",
                    ),
                    rule("InferenceErrors", f"{ratio} > 0.01", "30s", "More than 1% of requests fail."),
                    rule("InferenceAbsent", f"absent(up{_SERVER} == 1)", "30s", "The model server is gone."),
                    rule("InferenceIdle", f"{_REQUESTS} < 0.1", "1m", "Hardly any requests arrive."),
                ],
            }
        ]
    }
