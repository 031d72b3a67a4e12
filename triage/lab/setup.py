"""Everything that must lie in the lab's folder before its servers start, and which servers those are."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import yaml

from triage.adapters.mlflow_registry import MlflowRegistry
from triage.catalog import RegistryAddress
from triage.lab import alertmanager, backfill, binaries, catalogue, envoy, history, prometheus
from triage.lab.folder import LabFolder
from triage.lab.load import LoadSettings, label_delay
from triage.lab.load import write_settings as write_load_settings
from triage.lab.model_server import Settings
from triage.lab.model_server import write_settings as write_server_settings
from triage.lab.process import Spec, free_ports
from triage.lab.worlds.registered import ALIAS, DATABASE
from triage.lab.worlds.story import build_story
from triage.lab.worlds.world import World

_ROWS_PER_REQUEST = 16
_RECENT_DAYS = 10
_LABEL_DELAY_SECONDS = 15.0


def prepare(
    lab: LabFolder,
    *,
    webhook_url: str | None,
    webhook_bearer_file: Path | None,
    requests_per_second: float,
    hours: float,
    world_rows: int,
    progress: Callable[[str], None],
) -> list[Spec]:
    """Build the world, move its past to the weeks before now, write every configuration; returns what to start."""
    now = datetime.now(UTC)
    world = build_story(lab.world, rows=world_rows, progress=progress)
    ports = dict(
        zip(
            ("prometheus", "alertmanager", "envoy", "admin", "exporter", "watch", *envoy.GROUPS),
            free_ports(6 + len(envoy.GROUPS)),
            strict=True,
        )
    )
    slots = {group: ports[group] for group in envoy.GROUPS}
    router = envoy.EnvoyPlan(envoy.folder_of(lab), world.model, ports["envoy"], ports["admin"], slots)
    has_envoy = binaries.find("envoy") is not None
    entrance = router.url if has_envoy else f"http://127.0.0.1:{slots[envoy.GROUPS[0]]}"
    load, moved_by = _load_settings(world, entrance, requests_per_second, hours, now)
    write_load_settings(lab, load)
    write_server_settings(lab, _server_settings(lab, world, load))
    if has_envoy:
        envoy.render(router, _champion(world))

    progress("writing two weeks of logs and metrics")
    moved = history.move_logs(world.folder, lab.data, load, moved_by, now)
    (lab.data / "reference").mkdir()
    history.empty_copy(lab.data / "impressions", lab.data / "shadow")
    plan = prometheus.PrometheusPlan(
        lab.run / "prometheus",
        ports["prometheus"],
        targets=[
            *(prometheus.Target("recommender", slot, port) for slot, port in slots.items()),
            prometheus.Target("shop", "shop", ports["exporter"]),
            prometheus.Target("triage", "watch", ports["watch"]),
            *([prometheus.Target("envoy", "envoy", ports["admin"], "/stats/prometheus")] if has_envoy else []),
        ],
        alertmanager_port=ports["alertmanager"] if binaries.find("alertmanager") else None,
        rules={"recommender.yml": catalogue.alert_rules()},
    )
    routing = router.routing if has_envoy else None
    catalogue.write(lab.catalog, world.folder, plan.url, label_delay(load), routing)
    specs = _own(lab, slots, ports["exporter"], ports["watch"], has_envoy)
    if (binary := binaries.find("envoy")) is not None:
        specs.append(envoy.spec(router, binary))
    if (binary := binaries.find("alertmanager")) is not None:
        alertmanager.render(lab.run / "alertmanager", webhook_url, webhook_bearer_file)
        specs.append(alertmanager.spec(lab.run / "alertmanager", ports["alertmanager"], binary))
    if (binary := binaries.find("prometheus")) is not None:
        prometheus.render(plan)
        if (promtool := binaries.find("promtool")) is not None:
            text = lab.run / "history.om"
            backfill.write_openmetrics(text, history.metrics(moved, load, now, np.random.default_rng(7)))
            backfill.create_blocks(promtool, text, plan.storage)
            text.unlink()
        specs.append(prometheus.spec(plan, binary))
    for one in binaries.missing():
        progress(f"{one.name} is not installed, so {one.without}; to get it: {one.install}")
    return specs


def _own(lab: LabFolder, slots: dict[str, int], exporter_port: int, watch_port: int, has_envoy: bool) -> list[Spec]:
    def python(module: str, *arguments: str) -> tuple[str, ...]:
        return (sys.executable, "-m", f"triage.lab.{module}", str(lab.home), *arguments)

    frugal = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "ARROW_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
    servers = [
        Spec(
            slot,
            python("model_server", slot, str(port)),
            ready_url=f"http://127.0.0.1:{port}/healthz",
            url=f"http://127.0.0.1:{port}",
            environment=frugal,
        )
        for slot, port in slots.items()
    ]
    exporter = Spec(
        "exporter",
        python("exporter", str(exporter_port), str(_LABEL_DELAY_SECONDS)),
        ready_url=f"http://127.0.0.1:{exporter_port}/metrics",
        url=f"http://127.0.0.1:{exporter_port}/metrics",
        environment=frugal,
    )
    watch = Spec(
        "watch",
        (
            *(sys.executable, "-m", "triage", "watch"),
            *("--catalog", str(lab.catalog), "--listen", f"127.0.0.1:{watch_port}"),
        ),
        ready_url=f"http://127.0.0.1:{watch_port}/metrics",
        url=f"http://127.0.0.1:{watch_port}/metrics",
        environment=frugal,
    )
    behind = (*envoy.GROUPS, *(("envoy",) if has_envoy else ()))
    return [*servers, exporter, watch, Spec("load", python("load"), after=behind, environment=frugal)]


def _load_settings(
    world: World, url: str, requests_per_second: float, hours: float, now: datetime
) -> tuple[LoadSettings, timedelta]:
    """The load generator's settings, and how far the world's times are before ours."""
    cause = world.truth()["cause"]
    datasets = yaml.safe_load(world.catalog_path.read_text(encoding="utf-8"))["datasets"]
    moved_by = history.shift(datetime.fromisoformat(cause["onset"]), now)
    recent = (now - moved_by - timedelta(days=_RECENT_DAYS), now - moved_by)
    settings = LoadSettings(
        url=f"{url}/predict",
        key=datasets["impressions"]["key"],
        time=datasets["impressions"]["time"],
        recent=(recent[0].isoformat(), recent[1].isoformat()),
        campaign_from=cause["onset"],
        region=cause["value"],
        requests_per_second=requests_per_second,
        rows_per_request=_ROWS_PER_REQUEST,
        label_delay_seconds=_LABEL_DELAY_SECONDS,
        hours=hours,
    )
    return settings, moved_by


def _server_settings(lab: LabFolder, world: World, load: LoadSettings) -> Settings:
    return Settings(
        registry_uri=f"sqlite:///{world.folder / DATABASE}",
        model=world.model,
        alias=ALIAS,
        key=load.key,
        time=load.time,
        fallbacks=_fallbacks(world),
    )


def _champion(world: World) -> str:
    """The version that the registry's alias names now; a lab before this one may have promoted another."""
    registry = MlflowRegistry(RegistryAddress(uri=f"sqlite:///{world.folder / DATABASE}"))
    return registry.champion(world.model, ALIAS).version


def _fallbacks(world: World) -> dict[str, str | float | bool]:
    """What the profile service's columns become when it is away: unknown, zero or no."""
    import pyarrow.parquet as pq

    document = yaml.safe_load(world.catalog_path.read_text(encoding="utf-8"))
    (model,) = document["models"].values()
    schema = pq.read_schema(next(iter(sorted((world.folder / "training").glob("*.parquet")))))
    defaults: dict[str, str | float | bool] = {}
    for name, feature in model["features"].items():
        if feature.get("source") == "profile_service":
            kind = str(schema.field(name).type)
            defaults[name] = False if kind == "bool" else "unknown" if "string" in kind else 0
    return defaults
