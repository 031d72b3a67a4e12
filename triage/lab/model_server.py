"""A model server: one version from the registry, its features and answers logged, its metrics exposed.

``python -m triage.lab.model_server FOLDER GROUP PORT`` serves the version that the committed rollout spec gives its
group when it starts, the registry's champion where there is no router (`Settings` in ``run/model_server.json``). Moving
an alias changes nothing by itself: ``POST /reload`` with an explicit version does, and ``GET /version`` says what is
really served. Requests that Envoy mirrors are logged in ``data/shadow`` and counted apart from those of users.
"""

import asyncio
import contextlib
import json
import os
import re
import sys
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from triage.lab.envoy import version_for
from triage.lab.folder import LabFolder, read_json
from triage.lab.parquet_log import ParquetLog
from triage.lab.switches import Watch

if TYPE_CHECKING:
    import pandas as pd

SETTINGS = "model_server.json"
LATENCY_BUCKETS = (0.01, 0.02, 0.03, 0.04, 0.05, 0.065, 0.08, 0.1, 0.125, 0.15, 0.2, 0.25, 0.4, 0.6, 1.0, 2.5)
FETCH_MEDIAN_SECONDS = 0.035
FETCH_SIGMA = 0.35
SCORING_MEAN_SECONDS = 0.04
SCORING_SHAPE = 16.0
"""Scoring is held back to a gamma's draw, above what it costs: so its pace is the history's on any machine that is not
starved."""
_MIRRORED = re.compile(r"-shadow(:\d+)?$")
_FLUSH_SECONDS = 3.0
_SERVES_SECONDS = 120.0
_MEMORY_LIMIT_BYTES = 1024 * 2**20


@dataclass(frozen=True, slots=True)
class Settings:
    """What every server of the lab is told. ``fallbacks`` maps the feature store's columns to their defaults."""

    registry_uri: str
    model: str
    alias: str
    key: str
    time: str
    fallbacks: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Served:
    """A loaded version. ``columns`` are the model's inputs, in order, with their MLflow types."""

    version: str
    run_id: str
    columns: Mapping[str, str]
    model: Any
    loaded_at: datetime

    def scores(self, rows: "pd.DataFrame") -> np.ndarray:
        answer = np.asarray(self.model.predict(rows))
        return answer[:, 1] if answer.ndim == 2 else answer


_requests = Counter("inference_requests", "Users' requests by HTTP status", ["code", "version"])
_latency = Histogram("inference_latency_seconds", "Time to answer a user", ["version"], buckets=LATENCY_BUCKETS)
_mirrored = Counter("shadow_requests", "Mirrored requests by HTTP status", ["code", "version"])
_in_flight = Gauge("inference_queue_depth", "Requests that are being answered")
_predictions = Counter("predictions", "Rows scored", ["version"])
_served = Gauge("model_version_info", "1 while the version answers users, 0 after", ["model", "version"])
_fallbacks = Counter("feature_store_fallbacks", "Rows that were scored on defaults")
_limit = Gauge("container_memory_limit_bytes", "Memory this server may take")


def load(settings: Settings, wanted: str) -> Served:
    """Load version ``wanted`` (a number, or ``@alias``) from the registry. Raises MLflow's exceptions."""
    import mlflow

    mlflow.set_tracking_uri(settings.registry_uri)
    mlflow.set_registry_uri(settings.registry_uri)
    client = mlflow.MlflowClient()
    if wanted.startswith("@"):
        found = client.get_model_version_by_alias(settings.model, wanted[1:])
    else:
        found = client.get_model_version(settings.model, wanted)
    model = mlflow.pyfunc.load_model(f"models:/{settings.model}/{found.version}")
    schema = model.metadata.get_input_schema()
    columns = {column.name: str(column.type) for column in schema.inputs}
    return Served(str(found.version), found.run_id or "", columns, model, datetime.now(UTC))


class Server:
    def __init__(self, folder: LabFolder, slot: str, settings: Settings, served: Served) -> None:
        self._slot = slot
        self._settings = settings
        self._served = served
        self._watch = Watch(folder)
        self._log = ParquetLog(folder.data / "impressions", slot, _FLUSH_SECONDS)
        self._shadow_log = ParquetLog(folder.data / "shadow", slot, _FLUSH_SECONDS)
        self._answered_users: dict[str, float] = {}
        self._rng = np.random.default_rng()
        self._started = time.monotonic()
        _counted_from_the_start(served.version)
        _limit.set(_MEMORY_LIMIT_BYTES)

    def app(self) -> Starlette:
        routes = [
            Route("/predict", self.predict, methods=["POST"]),
            Route("/reload", self.reload, methods=["POST"]),
            Route("/version", self.version),
            Route("/healthz", self.healthz),
            Route("/metrics", self.metrics),
        ]
        return Starlette(routes=routes, lifespan=self._lifespan)

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        beat = asyncio.create_task(self._beat())
        yield
        beat.cancel()
        self._log.flush()
        self._shadow_log.flush()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(0.25)
            self._log.flush_when_due()
            self._shadow_log.flush_when_due()
            for version, at in self._answered_users.items():
                _served.labels(self._settings.model, version).set(time.monotonic() - at < _SERVES_SECONDS)
            crash = self._watch.get("crash_loop")
            if crash and self._hit(crash.settings) and time.monotonic() - self._started > crash.settings["seconds"]:
                os._exit(1)

    async def predict(self, request: Request) -> Response:
        began, version = time.perf_counter(), self._served.version
        mirrored = bool(_MIRRORED.search(request.headers.get("host", "")))
        with contextlib.nullcontext() if mirrored else _in_flight.track_inprogress():
            await asyncio.sleep(self._rng.lognormal(np.log(FETCH_MEDIAN_SECONDS), FETCH_SIGMA))
            response = await self._answer(
                request,
                self._shadow_log if mirrored else self._log,
                pace=self._rng.gamma(SCORING_SHAPE, SCORING_MEAN_SECONDS / SCORING_SHAPE),
            )
        code, version = str(response.status_code), response.headers.get("x-served-version", version)
        if mirrored:
            _mirrored.labels(code, version).inc()
            return response
        _latency.labels(version).observe(time.perf_counter() - began)
        _requests.labels(code, version).inc()
        self._answered_users[version] = time.monotonic()
        return response

    async def _answer(self, request: Request, log: ParquetLog, pace: float) -> Response:
        import pandas as pd

        latency = self._watch.get("latency")
        if latency and self._hit(latency.settings):
            await asyncio.sleep(self._rng.gamma(4.0, latency.settings["seconds"] / 4.0))
        errors = self._watch.get("errors")
        if errors and self._hit(errors.settings) and self._rng.random() < errors.settings["severity"]:
            return JSONResponse({"error": "injected"}, status_code=500)
        began = time.perf_counter()
        try:
            rows = (await request.json())["rows"]
            table = pd.DataFrame(rows)
            served = self._served
            features = self._features(table, served)
            scores = served.scores(features)
        except (KeyError, TypeError, ValueError) as error:
            return JSONResponse({"error": f"rows that can't be scored: {error}"[:300]}, status_code=400)
        except Exception as error:  # MLflow's schema errors have no class of their own
            if type(error).__module__.split(".")[0] != "mlflow":
                raise
            return JSONResponse({"error": str(error)[:300]}, status_code=400)
        if log is self._log:
            _predictions.labels(served.version).inc(len(scores))
        self._keep(log, table, features, scores, served)
        await asyncio.sleep(max(0.0, pace - (time.perf_counter() - began)))
        body = {"model": self._settings.model, "version": served.version, "scores": scores.tolist()}
        return JSONResponse(body, headers={"x-served-version": served.version, "x-served-by": self._slot})

    def _features(self, table: "pd.DataFrame", served: Served) -> "pd.DataFrame":
        """The model's inputs; while the feature store is away, its columns are the defaults."""
        outage = self._watch.get("feature_store_outage")
        if outage:
            table = table.assign(**{name: value for name, value in self._settings.fallbacks.items() if name in table})
            _fallbacks.inc(len(table))
        missing = [name for name in served.columns if name not in table]
        if missing:
            raise KeyError(f"columns {', '.join(missing[:5])}")
        return table[list(served.columns)].astype({name: _dtype(kind) for name, kind in served.columns.items()})

    def _keep(
        self, log: ParquetLog, table: "pd.DataFrame", features: "pd.DataFrame", scores: np.ndarray, served: Served
    ) -> None:
        n = len(scores)
        now = pa.scalar(datetime.now(UTC), pa.timestamp("us", tz="UTC"))
        kept = pa.Table.from_pandas(features, preserve_index=False).replace_schema_metadata(None)
        kept = kept.add_column(0, self._settings.key, pa.array(table[self._settings.key], pa.int64()))
        kept = kept.add_column(1, self._settings.time, pa.repeat(now, n))
        kept = kept.append_column("score", pa.array(scores, pa.float64()))
        kept = kept.append_column("model_version", pa.repeat(served.version, n))
        log.add(_plain_strings(kept))

    def _hit(self, settings: Mapping[str, Any]) -> bool:
        return settings.get("slot") in (None, self._slot)

    async def reload(self, request: Request) -> Response:
        """Serve the version that the body names: ``{"version": "3"}``. An alias is refused: it may move meanwhile."""
        try:
            wanted = str((await request.json())["version"])
        except (KeyError, TypeError, ValueError):
            wanted = ""
        if not wanted.isdigit():
            return JSONResponse({"error": 'name an explicit version, such as {"version": "3"}'}, status_code=400)
        try:
            fresh = await asyncio.to_thread(load, self._settings, wanted)
        except Exception as error:  # whatever is wrong with the new version, the old one goes on serving
            return JSONResponse({"error": f"version {wanted} can't be loaded: {error}"[:300]}, status_code=409)
        _counted_from_the_start(fresh.version)
        self._served = fresh
        return await self.version(request)

    async def version(self, request: Request) -> Response:
        served = self._served
        return JSONResponse(
            {
                "model": self._settings.model,
                "version": served.version,
                "run_id": served.run_id,
                "slot": self._slot,
                "loaded_at": served.loaded_at.isoformat(),
            }
        )

    async def healthz(self, request: Request) -> Response:
        return Response("ok")

    async def metrics(self, request: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


def _counted_from_the_start(version: str) -> None:
    """A ratio needs both codes: an absent series is no zero."""
    for code in ("200", "500"):
        _requests.labels(code, version)
    _latency.labels(version)


def write_settings(folder: LabFolder, settings: Settings) -> None:
    from triage.lab.folder import write_json

    write_json(folder.run / SETTINGS, asdict(settings))


def _dtype(kind: str) -> str:
    by_kind = {"long": "int64", "integer": "int32", "double": "float64", "float": "float32", "boolean": "bool"}
    name = kind.rsplit(".", 1)[-1]
    return by_kind.get(name, "str")


def _plain_strings(table: pa.Table) -> pa.Table:
    """``string`` columns, as the history has them, where pandas gives ``large_string``."""
    fields = [
        pa.field(field.name, pa.string()) if pa.types.is_large_string(field.type) else field for field in table.schema
    ]
    return table.cast(pa.schema(fields))


def main(arguments: list[str]) -> None:
    import uvicorn

    folder, slot, port = LabFolder(Path(arguments[0])), arguments[1], int(arguments[2])
    document = read_json(folder.run / SETTINGS)
    if document is None:
        sys.exit(f"no {SETTINGS} in {folder.run}")
    settings = Settings(**document)
    served = load(settings, version_for(folder, slot) or f"@{settings.alias}")
    print(json.dumps({"slot": slot, "version": served.version}), flush=True)
    app = Server(folder, slot, settings, served).app()
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main(sys.argv[1:])
