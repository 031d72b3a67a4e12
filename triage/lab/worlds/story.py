"""The story: a recommender whose conversion fell 15% in 48 hours, and nothing was broken.

A campaign brought visitors from a region the champion had hardly seen in training. The servers are well, nothing was
deployed, and plenty of features moved with the season without any harm; one moved and cost the conversions.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from triage.errors import UsageError
from triage.lab.worlds.catalogued import METRICS, Recorded, by_source, catalog_of, write_catalog, write_metrics
from triage.lab.worlds.champion import fit_boosted_trees, quality, score
from triage.lab.worlds.registered import Trained, move, register
from triage.lab.worlds.signals import PER_HOUR, Signal, conversion_ratio, healthy_signals, moments, no_deploys
from triage.lab.worlds.story_history import CALENDAR, HEALTHY_DAYS, SERVING, History, Log, draw_history
from triage.lab.worlds.story_outcome import keep_taste
from triage.lab.worlds.story_rows import traffic
from triage.lab.worlds.table import Columns, to_arrow, write_daily
from triage.lab.worlds.world import Progress, World, build_once, silent, write_json

MODEL = "recommender"
ALERT_NAME = "ModelQualityDrop"
ALERT_SUMMARY = "conversion is 15% under its level for 48 hours"
SOURCES = {
    "profile_service": """user_location language timezone_offset_minutes user_age_years tenure_days is_member
        push_enabled""",
    "order_history": "orders_90d days_since_last_order",
    "client": "device_type app_version traffic_source session_length_s pages_viewed basket_value_eur slot_position",
    "weather_feed": "outdoor_temperature_c",
    "embedding_store": "user_item_affinity",
    "item_catalog": "item_category item_brand item_price_eur item_discount_pct item_rating item_stock delivery_days",
}
SEGMENTS = ("user_location", "device_type", "language")

_LEAST_ROWS = 12_000
_ROW_GROUP_ROWS = 2_500
REQUESTS_PER_SECOND = 24.0
_KPI_TARGET = 0.095
_KPI_QUERY = "sum(increase(conversions_total[1h])) / sum(increase(impressions_total[1h]))"


def build_story(folder: Path, seed: int = 7, rows: int = 240_000, progress: Progress = silent) -> World:
    """The story in ``folder``: ``rows`` impressions over 30 days, the same data for the same ``seed``.

    Returns at once where it stands already. Raises UsageError for too few rows, or a folder that holds something else.
    """
    if rows < _LEAST_ROWS:
        raise UsageError(f"{rows:,} rows are too few for the story", hint=f"ask for {_LEAST_ROWS:,} or more")

    def build(workshop: Path, home: Path) -> World:
        return _build(workshop, home, seed, rows, progress)

    return build_once(folder, "story", {"seed": seed, "rows": rows}, build, progress)


def _build(workshop: Path, home: Path, seed: int, rows: int, progress: Progress) -> World:
    visitors, infrastructure = np.random.default_rng(seed).spawn(2)
    progress(f"story: drawing {rows:,} impressions")
    history = draw_history(visitors, rows)

    progress("story: training the champion")
    versions = _train(history.training, seed)

    progress("story: scoring and writing the logs")
    scores = score(versions[-1].estimator, to_arrow(history.serving.columns).to_pandas())
    _write_data(workshop, history.training, history.serving, scores, str(len(versions)))

    progress("story: recording four weeks of metrics")
    recorded = _recorded(infrastructure, history)
    write_metrics(workshop / METRICS, recorded)

    progress("story: registering the model")
    register(workshop, MODEL, versions)
    move(workshop, home)
    write_catalog(workshop / "triage.yaml", "A shop's recommender on call.", _catalog(recorded))
    write_json(workshop / "truth.json", history.truth)
    keep_taste(workshop, history.taste)
    return World(home, "story", MODEL, ALERT_NAME, ALERT_SUMMARY, SERVING[1])


def _train(training: Log, seed: int) -> list[Trained]:
    """The version before, on the first half of the training rows, and the champion."""
    features = to_arrow(training.columns).to_pandas()
    half = len(features) // 2
    plans = (
        (slice(0, half), 30, datetime(2026, 9, 17, 8, 30, tzinfo=UTC), "First boosted trees."),
        (slice(None), 60, datetime(2026, 10, 3, 8, 30, tzinfo=UTC), "Retrained on September; serves since 5 October."),
    )
    versions = []
    for rows, trees, made_at, description in plans:
        inputs, outcome = features.iloc[rows], training.converted[rows]
        estimator = fit_boosted_trees(inputs, outcome, seed, trees, rare=0.008)
        params: dict[str, str | int | float] = {"trees": trees, "training_rows": len(inputs)}
        versions.append(Trained(estimator, inputs, made_at, params, quality(estimator, inputs, outcome), description))
    return versions


def _write_data(workshop: Path, training: Log, serving: Log, scores: np.ndarray, version: str) -> None:
    first = 10_000_000
    keys = np.arange(first, first + len(serving.seconds))
    served_at = _timestamps(serving.seconds)
    impressions: Columns = {
        "impression_id": keys,
        "served_at": served_at,
        **serving.columns,
        "score": scores,
    }
    log = to_arrow(impressions)
    log = log.append_column("model_version", [[version] * len(keys)])
    write_daily(log, "served_at", workshop / "impressions", _ROW_GROUP_ROWS)

    # The job that closes an impression's books runs every ten minutes and looks back 110.
    labelled = (np.ceil((serving.seconds + 6_600) / 600) * 600).clip(max=serving.seconds + 7_200)
    closed = labelled <= SERVING[1].timestamp()
    conversions: Columns = {
        "impression_id": keys[closed],
        "labelled_at": _timestamps(labelled[closed]),
        "converted": serving.converted[closed],
    }
    write_daily(to_arrow(conversions), "labelled_at", workshop / "conversions", _ROW_GROUP_ROWS)

    (workshop / "training").mkdir()
    baseline: Columns = {
        "impression_id": np.arange(len(training.seconds)),
        "served_at": _timestamps(training.seconds),
        **training.columns,
        "converted": training.converted,
    }
    pq.write_table(
        to_arrow(baseline),
        workshop / "training" / "2026-09.parquet",
        row_group_size=8 * _ROW_GROUP_ROWS,
        compression="zstd",
    )


def _recorded(rng: np.random.Generator, history: History) -> Recorded:
    """The KPI as its counters would show it, the service levels, and the deploys that did not happen.

    The service answers far more requests than the log keeps: the log is a sample, the counters see everything.
    """
    times = moments(*SERVING)
    load = traffic(times)
    rate = conversion_ratio(rng, load * REQUESTS_PER_SECOND, history.rate(times))
    return Recorded(
        Signal(
            "conversion", _KPI_QUERY, times[PER_HOUR::PER_HOUR], rate, "label", "higher_is_better", _KPI_TARGET, "ratio"
        ),
        healthy_signals(rng, MODEL, *SERVING, load, REQUESTS_PER_SECOND),
        no_deploys(MODEL, *SERVING),
    )


def _timestamps(seconds: np.ndarray) -> np.ndarray:
    return (seconds * 1e6).astype("datetime64[us]")


def _guardrail(name: str, counter: str, direction: str, margin: float) -> dict[str, Any]:
    total = 'sum(increase(impressions_total{version="$version"}[$interval]))'
    events = f"sum(increase({counter}[$interval]))"
    return {"name": name, "total": total, "events": events, "direction": direction, "margin": margin}


def _catalog(recorded: Recorded) -> dict[str, Any]:
    return catalog_of(
        MODEL,
        recorded,
        datasets={
            "impressions": {"version": "2026-11", "path": "impressions", "time": "served_at", "key": "impression_id"},
            "conversions": {"version": "2026-11", "path": "conversions", "time": "labelled_at", "key": "impression_id"},
            "training": {"version": "2026-09", "path": "training/2026-09.parquet", "time": "served_at"},
        },
        features=by_source(SOURCES, SEGMENTS),
        serving_log={"dataset": "impressions", "prediction": "score", "version": "model_version"},
        labels={"dataset": "conversions", "column": "converted", "delay": "2h"},
        baseline={"dataset": "training"},
        windows={"incident": "48h", "healthy": f"{HEALTHY_DAYS}d"},
        release={
            "stages": [0.1, 0.5],
            "interval": "30m",
            "lag": "0s",
            "min_intervals": 3,
            "guardrails": [
                _guardrail("errors", 'impressions_failed_total{version="$version"}', "lower_is_better", 0.005),
                _guardrail("conversion", 'conversions_total{version="$version"}', "higher_is_better", 0.01),
            ],
            "shadow": {"min_rows": 1500, "longest": "24h"},
            "recovery": {"deadline": "36h", "required_share": 0.5},
        },
        training={
            "command": ["python", "-m", "triage.lab.worlds.train", "--trees", "60", "--rare", "0.008"],
            "days": 7,
            "holdout": "16h",
        },
        leave_out=["impression_id", "served_at", *CALENDAR],
    )
