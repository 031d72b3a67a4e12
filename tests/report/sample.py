"""One diagnosed incident, told by events as the engine writes them, for the tests of the report."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from triage.codec import encode
from triage.incident import (
    Action,
    Alert,
    Alternative,
    Cause,
    CauseKind,
    Diagnosis,
    Drop,
    Effect,
    Event,
    Evidence,
    Incident,
    Measure,
    Plan,
    RuledOut,
    Source,
    Unmeasured,
    Verdict,
    Window,
    fold,
)

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(hours=48), NOW)
HEALTHY = Window(NOW - timedelta(days=16), NOW - timedelta(days=2))
ONSET = NOW - timedelta(hours=45, minutes=20)
KPI_QUERY = "sum(increase(conversions_total[1h]))\n  / sum(increase(impressions_total[1h]))"

ALERT = Alert(
    name="ModelQualityDrop",
    model="recommender",
    starts_at=NOW - timedelta(hours=3),
    summary="conversion 15% under its target for 6 h",
    labels={"severity": "page"},
    fingerprint="a1b2c3",
    origin="alertmanager",
)
DROP = Drop(
    kpi="conversion",
    unit="ratio",
    healthy=0.0952,
    current=0.0809,
    change=-0.0143,
    low=-0.0163,
    high=-0.0123,
    worse=True,
    onset=ONSET,
    onset_low=ONSET - timedelta(hours=1),
    onset_high=ONSET + timedelta(hours=1),
)


def _log(digest: str, rows: int) -> Source:
    return Source("dataset", "impressions", "2026-11", f"xxh3:{digest}", WINDOW, rows)


def kpi_chart() -> dict[str, Any]:
    start = HEALTHY.start.timestamp()
    times = [start + 3600 * hour for hour in range(16 * 24)]
    daily = [0.0952 + 0.004 * math.sin(hour / 24 * 2 * math.pi) for hour in range(len(times))]
    noise = [0.0012 * math.sin(hour * 2.399) for hour in range(len(times))]
    values: list[float | None] = [
        d + e - (0.0143 if t >= ONSET.timestamp() else 0) for d, e, t in zip(daily, noise, times, strict=True)
    ]
    values[100:112] = [None] * 12
    return {
        "type": "series",
        "name": "conversion",
        "unit": "ratio",
        "times": times,
        "values": values,
        "windows": [
            {"name": "healthy", "start": start, "end": HEALTHY.end.timestamp()},
            {"name": "incident", "start": WINDOW.start.timestamp(), "end": WINDOW.end.timestamp()},
        ],
        "onset": ONSET.timestamp(),
        "target": 0.09,
        "expected": daily,
    }


def category_chart() -> dict[str, Any]:
    labels = ["Berlin", "Hamburg", "München", "Köln", "Frankfurt", "Leipzig", "other", "null"]
    baseline = [0.24, 0.18, 0.17, 0.13, 0.11, 0.08, 0.08, 0.01]
    current = [0.12, 0.10, 0.09, 0.07, 0.07, 0.41, 0.13, 0.01]
    return _distribution("user_location", "categorical", labels, baseline, current)


def numeric_chart() -> dict[str, Any]:
    edges = [float(edge) for edge in range(18, 80, 4)]
    labels = [f"{low:g} to {low + 4:g}" for low in edges[:-1]]
    weights = [math.exp(-((edge - 40) ** 2) / 300) for edge in edges[:-1]]
    shifted = [math.exp(-((edge - 44) ** 2) / 250) for edge in edges[:-1]]
    baseline, current = ([w / sum(ws) for w in ws] for ws in (weights, shifted))
    return {**_distribution("user_age", "numeric", labels, baseline, current), "edges": edges}


def _distribution(
    feature: str, kind: str, labels: list[str], baseline: list[float], current: list[float]
) -> dict[str, Any]:
    psi = [(q - p) * math.log(q / p) for p, q in zip(baseline, current, strict=True)]
    return {
        "type": "distribution",
        "feature": feature,
        "kind": kind,
        "labels": labels,
        "edges": None,
        "baseline": baseline,
        "current": current,
        "psi": psi,
    }


EVIDENCE = (
    Evidence(
        "kpi.drop",
        "kpi",
        CauseKind.UNKNOWN,
        Verdict.SUPPORTS,
        "conversion is 15.0% under its healthy level, from 18 November 11:40 on",
        subject="conversion",
        measures=(
            Measure("healthy", 0.0952, "ratio", 0.0949, 0.0955),
            Measure("current", 0.0809, "ratio", 0.0795, 0.0823),
        ),
        sources=(Source("query", KPI_QUERY, window=WINDOW),),
        window=WINDOW,
        chart=kpi_chart(),
    ),
    Evidence(
        "infrastructure.latency",
        "infrastructure",
        CauseKind.INFRASTRUCTURE,
        Verdict.REFUTES,
        "p99 latency is where it was: 212 ms against 208 ms",
        subject="latency_p99",
        measures=(
            Measure("current", 0.2123, "seconds", 0.209, 0.216),
            Measure("healthy", 0.208, "seconds"),
            Measure("p", 0.41, "probability"),
        ),
        sources=(Source("query", "histogram_quantile(0.99, sum by (le) (rate(latency_bucket[5m])))", window=WINDOW),),
    ),
    Evidence(
        "infrastructure.errors",
        "infrastructure",
        CauseKind.INFRASTRUCTURE,
        Verdict.UNMEASURED,
        "the query for the error rate returned no samples",
        subject="error_rate",
        sources=(Source("query", 'sum(rate(errors_total{job="recommender"}[5m]))', window=WINDOW),),
        hint="does the server export errors_total?",
    ),
    Evidence(
        "quality.nulls",
        "quality",
        CauseKind.DATA_QUALITY,
        Verdict.REFUTES,
        "null shares of all 22 features are within their healthy range",
        measures=(Measure("largest rise", 0.0004, "share"),),
        sources=(_log("5f2d11aa90c1e77b", 212_480),),
    ),
    Evidence(
        "drift.user_location",
        "drift",
        CauseKind.FEATURE_DRIFT,
        Verdict.SUPPORTS,
        "user_location moved: Leipzig went from 8.00% to 41.0% of impressions",
        subject="user_location",
        measures=(
            Measure("PSI", 0.794, "nats", 0.78, 0.81),
            Measure("null quantile", 0.004, "nats"),
            Measure("cost when injected", -0.0112, "ratio", -0.0131, -0.0094),
        ),
        sources=(
            _log("5f2d11aa90c1e77b", 212_480),
            Source("dataset", "training", "2026-10", "xxh3:77aa01", None, 1_000_000),
        ),
        window=WINDOW,
        chart=category_chart(),
    ),
    Evidence(
        "drift.user_age",
        "drift",
        CauseKind.FEATURE_DRIFT,
        Verdict.INCONCLUSIVE,
        "user_age moved a little, which goes with the campaign's audience",
        subject="user_age",
        measures=(Measure("PSI", 0.081, "nats", 0.074, 0.089),),
        sources=(_log("5f2d11aa90c1e77b", 212_480),),
        chart=numeric_chart(),
    ),
    Evidence(
        "deploy.version",
        "deploys",
        CauseKind.BAD_DEPLOY,
        Verdict.REFUTES,
        "version 7 has served throughout both windows",
        sources=(Source("model", "recommender", "7"),),
    ),
)
DIAGNOSIS = Diagnosis(
    statement="conversion fell 15.0% because user_location shifted to Leipzig; the model scores it badly",
    causes=(
        Cause(
            CauseKind.FEATURE_DRIFT,
            "user_location",
            0.91,
            0.78,
            "Leipzig's share grew from 8.00% to 41.0% after a campaign",
            ("drift.user_location", "kpi.drop"),
            0.64,
            0.90,
        ),
        Cause(CauseKind.FEATURE_DRIFT, "user_age", 0.05, 0.09, "the campaign's audience is older", ("drift.user_age",)),
    ),
    ruled_out=(
        RuledOut(CauseKind.INFRASTRUCTURE, "latency and traffic are as ever", ("infrastructure.latency",)),
        RuledOut(CauseKind.DATA_QUALITY, "no nulls, no unseen values, no stuck features", ("quality.nulls",)),
        RuledOut(CauseKind.BAD_DEPLOY, "no deploy in the window", ("deploy.version",)),
    ),
    unmeasured=(
        Unmeasured("error rate", "the query for the error rate returned no samples", "export errors_total"),
        Unmeasured("concept drift", "labels for the last 2 h have not arrived", "run again after 11:00 UTC"),
    ),
    drop=DROP,
    next_check="compare the score's calibration inside Leipzig once its labels are in",
)
PLAN = Plan(
    summary="Retrain on the last 14 days, which hold the new audience",
    actions=(
        Action(
            "retrain",
            "Retrain recommender",
            Effect.CHANGE,
            "the drift explains 78.0% of the drop",
            {"days": 14},
            before="recommender@7",
            after="recommender@8 (candidate)",
            blast_radius="none before promotion",
            expected_gain="8.09% → 9.2%",
            undo="delete version 8",
        ),
        Action("compare", "Compare champion and challenger", Effect.READ, "the gate of promotion"),
    ),
    not_chosen=(Alternative("Roll back to version 6", "version 7 is not at fault"),),
    digest="sha256:" + "ab" * 32,
)


def events(
    *,
    alert: Alert = ALERT,
    evidence: tuple[Evidence, ...] = EVIDENCE,
    diagnosis: Diagnosis | None = DIAGNOSIS,
    plan: Plan | None = PLAN,
    state: str = "needs_person",
    reason: str = "a change needs approval",
) -> tuple[Event, ...]:
    """The journal of a run that took some seconds, one retry among them."""
    told: list[tuple[float, str, Mapping[str, Any]]] = [
        (
            0,
            "received",
            {
                "alert": encode(alert),
                "window": encode(WINDOW),
                "playbook": "model_quality_drop",
                "playbook_digest": "sha256:" + "01" * 32,
                "catalog_digest": "sha256:" + "02" * 32,
            },
        )
    ]
    at = 1.0
    for step in dict.fromkeys(item.step for item in evidence):
        found = [encode(item) for item in evidence if item.step == step]
        told.append((at, "step_started", {"step": step, "uses": step, "attempt": 1}))
        if step == "infrastructure":
            told.append((at + 1, "step_will_retry", {"step": step, "at": encode(NOW), "reason": "timed out"}))
            told.append((at + 2, "step_started", {"step": step, "uses": step, "attempt": 2}))
        told.append((at + 2.5, "step_finished", {"step": step, "outcome": "done", "evidence": found}))
        at += 3
    if diagnosis:
        told.append((at, "diagnosed", {"diagnosis": encode(diagnosis)}))
    if plan:
        told.append((at, "planned", {"plan": encode(plan)}))
    told.append((at + 1, "state_changed", {"state": state, "reason": reason}))
    return tuple(
        Event("recommender-1", seq, NOW + timedelta(seconds=after), kind, data, hash=f"{seq:064x}")
        for seq, (after, kind, data) in enumerate(told, 1)
    )


def incident(**changes: Any) -> tuple[Incident, tuple[Event, ...]]:
    """The incident that `events` tell of, and the events."""
    told = events(**changes)
    folded = fold(told)
    assert folded is not None
    return folded, told
