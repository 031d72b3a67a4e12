"""The lab's past: the world's healthy log moved to the weeks before now, and the metrics it would have left.

It is moved by whole weeks, so that weekdays and hours stay what they were.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from triage.lab.backfill import History
from triage.lab.envoy import GROUPS
from triage.lab.load import LoadSettings
from triage.lab.model_server import (
    FETCH_MEDIAN_SECONDS,
    FETCH_SIGMA,
    LATENCY_BUCKETS,
    SCORING_MEAN_SECONDS,
    SCORING_SHAPE,
)
from triage.lab.worlds.story_rows import traffic
from triage.lab.worlds.table import write_daily

if TYPE_CHECKING:
    import pyarrow as pa

DAYS = 14
CONTAINERS = GROUPS
_STEP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Moved:
    """What `move_logs` wrote. ``daily_rate`` maps days since 1970 to the share of impressions that converted;
    ``version`` is the model version that served them.
    """

    rows: int
    daily_rate: dict[int, float]
    version: str


def shift(healthy_until: datetime, now: datetime) -> timedelta:
    """How far the world has to move for its healthy time to reach ``now``: whole weeks."""
    return timedelta(weeks=math.ceil((now - healthy_until) / timedelta(weeks=1)))


def move_logs(world: Path, data: Path, load: LoadSettings, moved_by: timedelta, now: datetime) -> Moved:
    """Write the `DAYS` before ``now`` of impressions and their labels under ``data``, one file a day each."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.dataset as ds

    key, time = load.key, load.time
    first = now - timedelta(days=DAYS, hours=1) - moved_by
    log = ds.dataset(world / "impressions", partitioning=None)
    kept = log.to_table(filter=(pc.field(time) >= pa.scalar(first)) & (pc.field(time) < pa.scalar(now - moved_by)))
    labels = ds.dataset(world / "conversions", partitioning=None).to_table([key, "converted"])
    at = pc.add(kept[time], pa.scalar(moved_by))
    kept = kept.set_column(kept.schema.get_field_index(time), time, at.cast(kept.schema.field(time).type))
    labels = (
        kept.select([key, time]).join(labels, key, join_type="inner").rename_columns([key, "labelled_at", "converted"])
    )
    late = pc.add(labels["labelled_at"], pa.scalar(timedelta(seconds=load.label_delay_seconds)))
    labels = labels.set_column(1, "labelled_at", late.cast(kept.schema.field(time).type))
    _by_day(kept.sort_by(time), time, data / "impressions")
    _by_day(labels.sort_by("labelled_at"), "labelled_at", data / "conversions")
    days = labels["labelled_at"].cast(pa.timestamp("s", tz="UTC"), safe=False).cast(pa.int64()).to_numpy() // 86_400
    converted = labels["converted"].to_numpy()
    rate = {int(day): float(converted[days == day].mean()) for day in np.unique(days)}
    return Moved(len(kept), rate, str(kept["model_version"][-1]))


def empty_copy(log: Path, folder: Path) -> None:
    """A dataset in ``folder`` with the columns of ``log`` and no row yet."""
    import pyarrow.parquet as pq

    folder.mkdir()
    first = min(log.glob("day=*/*.parquet"))
    pq.write_table(pq.read_schema(first).empty_table(), folder / "part-0.parquet")


def metrics(moved: Moved, load: LoadSettings, now: datetime, rng: np.random.Generator) -> Iterator[History]:
    """The series that the lab's servers would have exposed in the `DAYS` before ``now``."""
    end = math.floor(now.timestamp() / _STEP_SECONDS) * _STEP_SECONDS
    times = np.arange(end - DAYS * 86_400 - 3_600, end + 1, _STEP_SECONDS)
    server = {"job": "recommender", "instance": GROUPS[0]}
    shop = {"job": "shop", "instance": "shop"}

    requests = rng.poisson(load.requests_per_second * _STEP_SECONDS * traffic(times))
    draws = rng.lognormal(math.log(FETCH_MEDIAN_SECONDS), FETCH_SIGMA, 100_000)
    draws += rng.gamma(SCORING_SHAPE, SCORING_MEAN_SECONDS / SCORING_SHAPE, len(draws))
    below = np.zeros(len(times))
    share = 0.0
    for edge in LATENCY_BUCKETS:
        reached = float((draws <= edge).mean())
        left = requests - below
        below = below + rng.binomial(left.astype(np.int64), min(1.0, (reached - share) / max(1 - share, 1e-9)))
        share = reached
        yield History("inference_latency_seconds_bucket", {**server, "le": f"{edge}"}, times, np.cumsum(below))
    yield History("inference_latency_seconds_bucket", {**server, "le": "+Inf"}, times, np.cumsum(requests))
    yield History("inference_latency_seconds_count", server, times, np.cumsum(requests))
    yield History("inference_latency_seconds_sum", server, times, np.cumsum(requests * draws.mean()))
    yield History("inference_requests_total", {**server, "code": "200"}, times, np.cumsum(requests))
    yield History("inference_requests_total", {**server, "code": "500"}, times, np.zeros(len(times)))
    in_flight = rng.poisson(requests / _STEP_SECONDS * draws.mean())
    yield History("inference_queue_depth", server, times, in_flight)

    impressions = requests * load.rows_per_request
    usual = float(np.mean(list(moved.daily_rate.values())))
    chance = np.array([moved.daily_rate.get(int(day), usual) for day in times // 86_400])
    yield History("impressions_total", shop, times, np.cumsum(impressions))
    yield History("labels_total", shop, times, np.cumsum(impressions))
    yield History("conversions_total", shop, times, np.cumsum(rng.binomial(impressions, chance)))
    refreshed = {**shop, "store": "profile_service"}
    yield History(
        "feature_store_last_success_timestamp_seconds", refreshed, times, times - rng.uniform(0, 60, len(times))
    )
    for one in (server, {**server, "instance": GROUPS[1]}, shop):
        yield History("up", one, times, np.ones(len(times)))
    for container in CONTAINERS:
        yield History("container_restarts_total", {**shop, "container": container}, times, np.zeros(len(times)))
    version_of = {**server, "model": "recommender", "version": moved.version}
    yield History("model_version_info", version_of, times, np.ones(len(times)))


def _by_day(table: "pa.Table", time: str, folder: Path) -> None:
    write_daily(table, time, folder, row_group_rows=20_000)
