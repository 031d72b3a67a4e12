"""What Envoy is told: routes and clusters, rendered from the committed rollout spec and the catalogue alone.

Routes (RDS) and clusters (CDS) are files that Envoy watches; replacing one by a rename changes it without a reload.
Every set of routes carries the name of the spec it was rendered from, so that Envoy can be asked what it has taken up.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from triage.adapters.rollout_file import Committed
from triage.catalog import EnvoyRouting

_TYPE = "type.googleapis.com/envoy"
_WHOLE = 10_000


def routes_file(folder: Path) -> Path:
    return folder / "routes" / "rds.json"


def clusters_file(folder: Path) -> Path:
    return folder / "clusters" / "cds.json"


def routes(spec: Committed, routing: EnvoyRouting) -> str:
    """The routes of ``spec``: shares by weight, mirroring, and the kill switch as a fraction of the first route.

    Envoy refuses routes to a cluster that it does not know (``validate_clusters``), and keeps those it has.
    """
    timeout = f"{routing.route_timeout.total_seconds():g}s"
    to_champion: dict[str, Any] = {"cluster": spec.champion_on, "timeout": timeout}
    # Envoy takes no notice of routes that are the same under another name: the name is part of them.
    named = {"filter_metadata": {"triage": {"change": spec.name}}}
    switched = {"match": {"prefix": "/"}, "route": to_champion, "metadata": named}
    table = [switched]
    rollout = spec.rollout
    if rollout.challenger:
        share = round(rollout.weight * _WHOLE)
        weighted: dict[str, Any] = {
            "weighted_clusters": {
                "clusters": [
                    {"name": spec.champion_on, "weight": _WHOLE - share},
                    {"name": spec.challenger_on, "weight": share},
                ]
            },
            "timeout": timeout,
        }
        if rollout.shadow:
            fraction = {"numerator": round(rollout.shadow * _WHOLE), "denominator": "TEN_THOUSAND"}
            weighted["request_mirror_policies"] = [
                {"cluster": spec.challenger_on, "runtime_fraction": {"default_value": fraction}}
            ]
        everyone = {
            "default_value": {"numerator": 100, "denominator": "HUNDRED"},
            "runtime_key": spec.kill_switch,
        }
        table = [{"match": {"prefix": "/", "runtime_fraction": everyone}, "route": weighted}, switched]
    resource = {
        "@type": f"{_TYPE}.config.route.v3.RouteConfiguration",
        "name": spec.model,
        "validate_clusters": True,
        "virtual_hosts": [{"name": spec.model, "domains": ["*"], "routes": table}],
    }
    return json.dumps({"version_info": spec.name, "resources": [resource]}, indent=1)


def clusters(routing: EnvoyRouting) -> str:
    """A cluster for each group of servers."""
    return json.dumps({"resources": [_cluster(name, urls) for name, urls in routing.servers.items()]}, indent=1)


def bootstrap(folder: Path, model: str, *, listen: tuple[str, int], admin: tuple[str, int]) -> str:
    """A whole configuration for an Envoy that serves one model from the files in ``folder``."""
    manager = {
        "@type": f"{_TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": model,
        "rds": {"route_config_name": model, "config_source": _watched(routes_file(folder))},
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{_TYPE}.extensions.filters.http.router.v3.Router"},
            }
        ],
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    document = {
        "node": {"id": model, "cluster": model},
        "admin": {"address": _address(*admin)},
        "layered_runtime": {"layers": [{"name": "admin", "admin_layer": {}}]},
        "dynamic_resources": {"cds_config": _watched(clusters_file(folder))},
        "static_resources": {
            "listeners": [{"name": model, "address": _address(*listen), "filter_chains": [{"filters": filters}]}]
        },
    }
    return json.dumps(document, indent=1)


def _cluster(name: str, urls: Sequence[str]) -> Mapping[str, Any]:
    parts = [urlsplit(url) for url in urls]
    secure = parts[0].scheme == "https"
    endpoints = [
        {"endpoint": {"address": _address(str(part.hostname), part.port or (443 if part.scheme == "https" else 80))}}
        for part in parts
    ]
    cluster: dict[str, Any] = {
        "@type": f"{_TYPE}.config.cluster.v3.Cluster",
        "name": name,
        "type": "STRICT_DNS",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
    }
    if secure:
        cluster["transport_socket"] = {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": f"{_TYPE}.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
                "sni": parts[0].hostname,
            },
        }
    return cluster


def _watched(path: Path) -> Mapping[str, Any]:
    source = {"path": str(path), "watched_directory": {"path": str(path.parent)}}
    return {"path_config_source": source, "resource_api_version": "V3"}


def _address(host: str, port: int) -> Mapping[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}
