"""The flights: real departures from New York in 2013, and a model of late arrivals that went blind for five days.

The model learned from January to March and has served since April. From 22 to 26 April half of the flights were late
and the model foresaw a sixth, in fine weather and on the usual schedule: what had changed was the world. The United
States' air traffic controllers were furloughed that week. Only the service levels are made up: the data holds none.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from triage.lab.worlds.catalogued import METRICS, Recorded, by_source, catalog_of, write_catalog, write_metrics
from triage.lab.worlds.champion import fit_boosted_trees, quality, score
from triage.lab.worlds.flights_rows import FEATURES, LABEL, feature_names, flights_frame
from triage.lab.worlds.registered import Trained, move, register
from triage.lab.worlds.signals import PER_HOUR, Signal, healthy_signals, moments, no_deploys
from triage.lab.worlds.table import write_daily
from triage.lab.worlds.world import Progress, World, build_once, silent, write_json

MODEL = "late_arrivals"
ALERT_NAME = "ModelQualityDrop"
ALERT_SUMMARY = "the Brier score of late arrivals has doubled since 22 April"
SERVES_FROM = datetime(2013, 4, 1, 4, tzinfo=UTC)
INCIDENT = datetime(2013, 4, 22, 4, tzinfo=UTC), datetime(2013, 4, 27, 4, tzinfo=UTC)
RECORDED = datetime(2013, 3, 18, 4, tzinfo=UTC), datetime(2013, 5, 6, 4, tzinfo=UTC)
SEGMENTS = ("carrier", "origin")
CALENDAR = ("day_of_week",)

_HELD_OUT_EVERY_DAYS = 5
_RARE_FLIGHTS = 40
_TREES = 70
_ROW_GROUP_ROWS = 400
_REQUESTS_PER_SECOND = 6.0
_KPI_TARGET = 0.2
_KPI_QUERY = "sum(increase(prediction_squared_error_sum[1h])) / sum(increase(prediction_squared_error_count[1h]))"


def build_flights(folder: Path, progress: Progress = silent) -> World:
    """The flights in ``folder``. Returns at once where they stand already.

    Raises UsageError when ``folder`` holds something else.
    """

    def build(workshop: Path, home: Path) -> World:
        return _build(workshop, home, progress)

    return build_once(folder, "flights", {}, build, progress)


def _build(workshop: Path, home: Path, progress: Progress) -> World:
    progress("flights: joining 336,776 real flights with weather and fleet")
    table = flights_frame()
    before = table["served_at"] < pd.Timestamp(SERVES_FROM)
    held_out = table["date"].dt.day_of_year % _HELD_OUT_EVERY_DAYS == 0
    known = table[LABEL].notna()

    progress("flights: training the champion on January to March")
    training = table[before & ~held_out & known]
    champion = _train(training, table[before & held_out & known])
    served = table[~before].copy()
    served["score"] = score(champion.estimator, served[feature_names()])

    progress("flights: writing logs, labels and the training baseline")
    _write_data(workshop, training, served)

    progress("flights: recording seven weeks of metrics")
    recorded = _recorded(np.random.default_rng(2013), served)
    write_metrics(workshop / METRICS, recorded)

    progress("flights: registering the model")
    register(workshop, MODEL, [champion])
    move(workshop, home)
    write_catalog(workshop / "triage.yaml", "Late arrivals of flights from New York, 2013.", _catalog(recorded))
    write_json(workshop / "truth.json", _truth(served, champion))
    return World(home, "flights", MODEL, ALERT_NAME, ALERT_SUMMARY, INCIDENT[1])


def _train(training: pd.DataFrame, held_out: pd.DataFrame) -> Trained:
    inputs = training[feature_names()]
    late = training[LABEL].to_numpy() > 0
    estimator = fit_boosted_trees(inputs, late, seed=2013, trees=_TREES, rare=_RARE_FLIGHTS)
    metrics = quality(estimator, held_out[feature_names()], held_out[LABEL].to_numpy() > 0)
    params: dict[str, str | int | float] = {"trees": _TREES, "training_rows": len(training)}
    made_at = datetime(2013, 4, 1, 2, tzinfo=UTC)
    return Trained(
        estimator, inputs, made_at, params, metrics, "January to March; metrics on every fifth day, held out."
    )


def _write_data(workshop: Path, training: pd.DataFrame, served: pd.DataFrame) -> None:
    log = _to_arrow(served[["flight_id", "served_at", *feature_names(), "score"]])
    log = log.append_column("model_version", pa.array(["1"]).take(pa.array(np.zeros(len(served), dtype=int))))
    write_daily(log, "served_at", workshop / "departures", _ROW_GROUP_ROWS)
    settled = served[["flight_id", "settled_at", LABEL]].sort_values("settled_at", kind="stable")
    write_daily(_to_arrow(settled), "settled_at", workshop / "arrivals", _ROW_GROUP_ROWS)
    (workshop / "training").mkdir()
    pq.write_table(
        _to_arrow(training[["flight_id", "served_at", *feature_names(), LABEL]]),
        workshop / "training" / "2013-q1.parquet",
        row_group_size=20_000,
        compression="zstd",
    )


def _to_arrow(table: pd.DataFrame) -> pa.Table:
    """Plain strings instead of large ones; the label as a whole number, null where it never came."""
    converted = pa.Table.from_pandas(table, preserve_index=False)
    for index, field in enumerate(converted.schema):
        if pa.types.is_large_string(field.type):
            converted = converted.set_column(index, field.name, converted.column(index).cast(pa.string()))
        if field.name == LABEL:
            converted = converted.set_column(index, LABEL, converted.column(index).cast(pa.int8()))
    return converted.replace_schema_metadata(None)


def _recorded(rng: np.random.Generator, served: pd.DataFrame) -> Recorded:
    times = moments(*RECORDED)
    load = _load(served, times)
    hours = times[PER_HOUR::PER_HOUR]
    settled = served[served[LABEL].notna()]
    moment = settled["settled_at"].astype("int64").to_numpy() / 1e6
    error = ((settled[LABEL] - settled["score"]) ** 2).to_numpy()
    edges = np.r_[hours[0] - 3600.0, hours]
    total, _ = np.histogram(moment, edges, weights=error)
    count, _ = np.histogram(moment, edges)
    with np.errstate(invalid="ignore"):
        brier = np.where(count > 0, total / count, np.nan)
    return Recorded(
        Signal("brier_score", _KPI_QUERY, hours, brier, "loss", "lower_is_better", _KPI_TARGET, "squared error"),
        healthy_signals(rng, MODEL, *RECORDED, load, _REQUESTS_PER_SECOND),
        no_deploys(MODEL, *RECORDED),
    )


def _load(served: pd.DataFrame, times: np.ndarray) -> np.ndarray:
    """Relative traffic (n,): the mean number of departures by hour of the week, New York time; never quite nothing."""
    local = served["served_at"].dt.tz_convert("America/New_York")
    flown = np.bincount(local.dt.day_of_week * 24 + local.dt.hour, minlength=168).astype(float)
    then = pd.DatetimeIndex(pd.to_datetime(times, unit="s", utc=True)).tz_convert("America/New_York")
    hour = then.day_of_week * 24 + then.hour + then.minute / 60
    return np.maximum(np.interp(hour, np.arange(169), np.r_[flown, flown[0]]) / flown.mean(), 0.05)


def _catalog(recorded: Recorded) -> dict[str, Any]:
    return catalog_of(
        MODEL,
        recorded,
        datasets={
            "departures": {"version": "2013", "path": "departures", "time": "served_at", "key": "flight_id"},
            "arrivals": {"version": "2013", "path": "arrivals", "time": "settled_at", "key": "flight_id"},
            "training": {"version": "2013-q1", "path": "training/2013-q1.parquet", "time": "served_at"},
        },
        features={name: own for name, own in by_source(FEATURES, SEGMENTS).items() if name not in CALENDAR},
        serving_log={"dataset": "departures", "prediction": "score", "version": "model_version"},
        labels={"dataset": "arrivals", "column": LABEL, "delay": "12h"},
        baseline={"dataset": "training"},
        # 18 and 19 April were bad too: healthy are the two weeks that end before them.
        windows={"incident": "5d", "healthy": "14d", "gap": "4d"},
        training={
            "command": [
                "python",
                "-m",
                "triage.lab.worlds.train",
                "--trees",
                str(_TREES),
                "--rare",
                str(_RARE_FLIGHTS),
            ],
            "days": 7,
        },
        leave_out=["flight_id", "served_at", *CALENDAR],
    )


def _truth(served: pd.DataFrame, champion: Trained) -> dict[str, Any]:
    def level(first: str, last: str) -> dict[str, float | int]:
        rows = served[served["date"].between(first, last) & served[LABEL].notna()]
        late, predicted = rows[LABEL].to_numpy(), rows["score"].to_numpy()
        return {
            "flights": len(rows),
            "late": round(float(late.mean()), 4),
            "predicted": round(float(predicted.mean()), 4),
            "brier": round(float(np.mean((late - predicted) ** 2)), 4),
        }

    return {
        "cause": {"kind": "concept_drift", "subject": "", "onset": INCIDENT[0].isoformat(), "share_of_drop": 1.0},
        "statement": "Flights were late at equal weather and schedule: controllers were furloughed on 21 to 27 April.",
        "windows": {"incident": [moment.isoformat() for moment in INCIDENT]},
        "levels": {
            "healthy, 4 to 17 April": level("2013-04-04", "2013-04-17"),
            "incident, 22 to 26 April": level("2013-04-22", "2013-04-26"),
            "its week, 21 to 27 April": level("2013-04-21", "2013-04-27"),
            "the week after": level("2013-04-28", "2013-05-04"),
        },
        "champion_on_held_out_days": {name: round(value, 4) for name, value in champion.metrics.items()},
        "harmless": ["temp", "dewp", *CALENDAR],
        "infrastructure": "healthy",
        "remedy": "none by retraining: it ended by itself on 27 April; hold, watch, and tell the users",
        "caveat": "18 and 19 April were bad too (about half late), so the catalogue's healthy window ends before them",
    }
