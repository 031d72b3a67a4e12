"""Envoy in front of the model servers: weights and shadow from a spec, changed while it runs, and a kill switch.

Routes (RDS) and clusters (CDS) are files that Envoy watches; replacing one by rename changes them without a reload.
The kill switch is a runtime key: set it, and every request goes to the champion, whatever the route file says.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from triage.lab.process import Spec

ROUTE = "recommender"
KILL_SWITCH = "triage.challenger_percent"
SHADOW = "triage.shadow_percent"
_TYPE = "type.googleapis.com/envoy"


@dataclass(frozen=True, slots=True)
class Split:
    """Who answers: ``weights`` in percent by slot, adding up to 100; ``shadow`` sees a copy of ``shadow_percent``."""

    weights: Mapping[str, int]
    shadow: str = ""
    shadow_percent: int = 0

    def __post_init__(self) -> None:
        if sum(self.weights.values()) != 100 or any(weight < 0 for weight in self.weights.values()):
            raise ValueError(f"weights must add up to 100: {dict(self.weights)}")


@dataclass(frozen=True, slots=True)
class EnvoyPlan:
    folder: Path
    port: int
    admin_port: int
    slots: Mapping[str, int]
    champion: str = "champion"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def admin_url(self) -> str:
        return f"http://127.0.0.1:{self.admin_port}"

    @property
    def routes_file(self) -> Path:
        return self.folder / "routes" / "rds.json"

    @property
    def clusters_file(self) -> Path:
        return self.folder / "clusters" / "cds.json"


def render(plan: EnvoyPlan, split: Split) -> None:
    """Write the bootstrap, the clusters and the routes."""
    _replace(plan.clusters_file, {"resources": [_cluster(slot, port) for slot, port in plan.slots.items()]})
    write_routes(plan, split)
    _replace(plan.folder / "envoy.json", _bootstrap(plan))


def write_routes(plan: EnvoyPlan, split: Split) -> None:
    """Replace the routes at once; a running Envoy takes them up within milliseconds, without dropping a request."""
    _replace(plan.routes_file, {"resources": [_routes(plan, split)]})


def spec(plan: EnvoyPlan, binary: str) -> Spec:
    return Spec(
        name="envoy",
        argv=(
            binary,
            "--config-path",
            str(plan.folder / "envoy.json"),
            "--concurrency",
            "1",
            "--log-level",
            "warn",
            "--disable-hot-restart",
        ),
        ready_url=f"{plan.admin_url}/ready",
        url=plan.url,
    )


def _routes(plan: EnvoyPlan, split: Split) -> dict[str, Any]:
    weighted: dict[str, Any] = {
        "weighted_clusters": {
            "clusters": [{"name": slot, "weight": weight} for slot, weight in split.weights.items()],
        },
        "timeout": "5s",
    }
    if split.shadow:
        fraction = {"numerator": split.shadow_percent, "denominator": "HUNDRED"}
        weighted["request_mirror_policies"] = [
            {"cluster": split.shadow, "runtime_fraction": {"default_value": fraction, "runtime_key": SHADOW}}
        ]
    everyone = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}, "runtime_key": KILL_SWITCH}
    return {
        "@type": f"{_TYPE}.config.route.v3.RouteConfiguration",
        "name": ROUTE,
        "virtual_hosts": [
            {
                "name": ROUTE,
                "domains": ["*"],
                "routes": [
                    {"match": {"prefix": "/", "runtime_fraction": everyone}, "route": weighted},
                    {"match": {"prefix": "/"}, "route": {"cluster": plan.champion, "timeout": "5s"}},
                ],
            }
        ],
    }


def _cluster(slot: str, port: int) -> dict[str, Any]:
    return {
        "@type": f"{_TYPE}.config.cluster.v3.Cluster",
        "name": slot,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": slot,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(port)}}]}],
        },
    }


def _bootstrap(plan: EnvoyPlan) -> dict[str, Any]:
    manager = {
        "@type": f"{_TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": ROUTE,
        "rds": {"route_config_name": ROUTE, "config_source": _watched(plan.routes_file)},
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{_TYPE}.extensions.filters.http.router.v3.Router"},
            }
        ],
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    return {
        "node": {"id": "lab", "cluster": "lab"},
        "admin": {"address": _address(plan.admin_port)},
        "layered_runtime": {"layers": [{"name": "admin", "admin_layer": {}}]},
        "dynamic_resources": {"cds_config": _watched(plan.clusters_file)},
        "static_resources": {
            "listeners": [{"name": ROUTE, "address": _address(plan.port), "filter_chains": [{"filters": filters}]}]
        },
    }


def _watched(path: Path) -> dict[str, Any]:
    source = {"path": str(path), "watched_directory": {"path": str(path.parent)}}
    return {"path_config_source": source, "resource_api_version": "V3"}


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _replace(path: Path, document: Mapping[str, Any]) -> None:
    """The draft lies beside the watched folder: Envoy must see one rename and nothing else."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.parent.parent / f".{path.name}.{os.getpid()}"
    draft.write_text(json.dumps(document, indent=1), encoding="utf-8")
    draft.replace(path)
