"""The load generator: visitors come at the world's hours, see what the model says, and convert some time later.

``python -m triage.lab.load FOLDER`` with `LoadSettings` in ``run/load.json``. It ends by itself after ``hours``.
"""

import asyncio
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pyarrow as pa

from triage.lab.folder import LabFolder, read_json, write_json
from triage.lab.pace import Pace
from triage.lab.parquet_log import ParquetLog
from triage.lab.switches import Watch
from triage.lab.upstream import as_served, campaign_share, label_delay_seconds, settle, traffic_factor, upstream
from triage.lab.visitors import Batch, Visitors, read_pools
from triage.lab.worlds.story_rows import traffic

SETTINGS = "load.json"
NOBODY = "none"
"""What stands for the version where the model did not answer."""
_TICK_SECONDS = 0.5
_FLUSH_SECONDS = 3.0
_MOST_IN_FLIGHT = 64
_REFERENCE_ONE_IN = 20
_PATIENCE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class LoadSettings:
    """``requests_per_second`` of ``rows_per_request`` rows at mean traffic, for at most ``hours``.

    The times are the world's own: usual visitors are those of ``recent``, the campaign's came from ``campaign_from``.
    """

    url: str
    key: str
    time: str
    recent: tuple[str, str]
    campaign_from: str
    region: str
    requests_per_second: float
    rows_per_request: int
    label_delay_seconds: float
    hours: float


class Load:
    def __init__(self, folder: LabFolder, settings: LoadSettings) -> None:
        self._settings = settings
        self._watch = Watch(folder)
        self._rng = np.random.default_rng()
        first, last, campaign_from = map(datetime.fromisoformat, (*settings.recent, settings.campaign_from))
        healthy, campaign = read_pools(
            folder.world, settings.key, settings.time, (first, last), campaign_from, settings.region
        )
        self._visitors = Visitors(healthy, campaign, self._rng)
        self._labels = ParquetLog(folder.data / "conversions", "labels", _FLUSH_SECONDS)
        self._reference = ParquetLog(folder.data / "reference", "pipeline", _FLUSH_SECONDS)
        self._shown = ParquetLog(folder.data / "shown", "shop", _FLUSH_SECONDS)
        self._due: list[tuple[float, pa.Table]] = []
        self._next_key = time.time_ns() // 1000
        self._in_flight = 0
        self._pace = Pace(folder)
        self._ended = asyncio.Event()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ended.set)
        stops_at = time.monotonic() + self._settings.hours * 3600
        async with httpx.AsyncClient(timeout=_PATIENCE_SECONDS, trust_env=False) as client:
            tasks: set[asyncio.Task[None]] = set()
            due = time.monotonic()
            while not self._ended.is_set():
                self._pace.ticked(time.monotonic() - due)
                if time.monotonic() < stops_at:
                    for task in self._tick(client):
                        tasks.add(task)
                        task.add_done_callback(tasks.discard)
                self._publish_labels()
                due = time.monotonic() + _TICK_SECONDS
                await self._pause()
        for log in (self._labels, self._reference, self._shown):
            log.flush()

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._ended.wait(), _TICK_SECONDS)
        except TimeoutError:
            return

    def _tick(self, client: httpx.AsyncClient) -> Sequence[asyncio.Task[None]]:
        """The requests of the next half second, spread over it."""
        now, on = datetime.now(UTC), self._watch.all()
        settings = self._settings
        rate = settings.requests_per_second * float(traffic(np.array([now.timestamp()]))[0]) * traffic_factor(on)
        number = min(int(self._rng.poisson(rate * _TICK_SECONDS)), _MOST_IN_FLIGHT - self._in_flight)
        if number <= 0:
            return ()
        batch = self._visitors.draw(number * settings.rows_per_request, now, campaign_share(on))
        batch = upstream(batch, on, self._rng)
        keys = self._next_key + np.arange(len(batch))
        self._next_key += len(keys)
        self._keep_reference(batch, keys, now)
        sent = as_served(batch.features, on, self._rng)
        waits = np.sort(self._rng.random(number)) * _TICK_SECONDS
        parts = np.split(np.arange(len(keys)), number)
        return [
            asyncio.create_task(self._visit(client, batch, sent.iloc[rows], keys[rows], rows, float(wait)))
            for rows, wait in zip(parts, waits, strict=True)
        ]

    async def _visit(
        self,
        client: httpx.AsyncClient,
        batch: Batch,
        sent: pd.DataFrame,
        keys: np.ndarray,
        rows: np.ndarray,
        wait: float,
    ) -> None:
        await asyncio.sleep(wait)
        began = time.monotonic()
        self._in_flight += 1
        try:
            body = sent.assign(**{self._settings.key: keys}).to_json(orient="records", double_precision=15)
            answer = await client.post(
                self._settings.url, content=f'{{"rows":{body}}}', headers={"Content-Type": "application/json"}
            )
            scores = np.array(answer.json()["scores"]) if answer.status_code == 200 else None
            version = answer.headers.get("x-served-version", NOBODY)
        except (httpx.HTTPError, ValueError, KeyError):
            scores, version = None, NOBODY
        finally:
            self._in_flight -= 1
        self._show(batch.take(rows), keys, scores, version, time.monotonic() - began)

    def _show(
        self, shown: Batch, keys: np.ndarray, scores: np.ndarray | None, version: str, waited_seconds: float
    ) -> None:
        on = self._watch.all()
        converted = self._visitors.decide(shown, scores, waited_seconds)
        converted = settle(shown.features, converted, on, self._rng)
        due = time.time() + label_delay_seconds(on, self._settings.label_delay_seconds)
        table = pa.table({self._settings.key: pa.array(keys, pa.int64()), "converted": pa.array(converted)})
        self._due.append((due, table))
        by = pa.array([version] * len(keys))
        self._shown.add(table.select([self._settings.key]).append_column("version", by))

    def _publish_labels(self) -> None:
        now = time.time()
        ready = [table for due, table in self._due if due <= now]
        if ready:
            self._due = [entry for entry in self._due if entry[0] > now]
            table = pa.concat_tables(ready)
            at = pa.repeat(pa.scalar(datetime.now(UTC), pa.timestamp("us", tz="UTC")), len(table))
            self._labels.add(table.add_column(1, "labelled_at", at))
        for log in (self._labels, self._reference, self._shown):
            log.flush_when_due()

    def _keep_reference(self, batch: Batch, keys: np.ndarray, now: datetime) -> None:
        """One row in twenty as the feature pipeline computes it, for comparison with what was served."""
        picked = keys % _REFERENCE_ONE_IN == 0
        if not picked.any():
            return
        table = pa.Table.from_pandas(batch.features[picked], preserve_index=False).replace_schema_metadata(None)
        table = table.add_column(0, self._settings.key, pa.array(keys[picked], pa.int64()))
        at = pa.repeat(pa.scalar(now, pa.timestamp("us", tz="UTC")), len(table))
        self._reference.add(table.add_column(1, self._settings.time, at))


def write_settings(folder: LabFolder, settings: LoadSettings) -> None:
    write_json(folder.run / SETTINGS, asdict(settings))


def label_delay(settings: LoadSettings) -> timedelta:
    """How late the last label may come: what the catalogue promises."""
    return timedelta(seconds=settings.label_delay_seconds + 2 * _FLUSH_SECONDS)


def main(arguments: list[str]) -> None:
    folder = LabFolder(Path(arguments[0]))
    document = read_json(folder.run / SETTINGS)
    if document is None:
        sys.exit(f"no {SETTINGS} in {folder.run}")

    async def run() -> None:
        await Load(folder, LoadSettings(**document)).run()

    asyncio.run(run())


if __name__ == "__main__":
    main(sys.argv[1:])
