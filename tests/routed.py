"""Routers for tests: a real Envoy before small real servers, KServe's manifests in a real git repository."""

import http.server
import json
import subprocess
import threading
import time
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.served import ModelServer
from triage.adapters.envoy import EnvoyRouter
from triage.adapters.envoy_config import bootstrap
from triage.adapters.kserve import KServeRouter
from triage.catalog import EnvoyRouting, KServeRouting
from triage.lab.binaries import find
from triage.lab.process import Spec, answers, free_ports, start, stop

MODEL = "shop"


@dataclass(slots=True)
class Envoyed:
    """Envoy in ``folder``, listening at ``url``, with the servers ``blue`` and ``green`` behind it."""

    folder: Path
    blue: ModelServer
    green: ModelServer
    routing: EnvoyRouting
    url: str
    pids: list[int] = field(default_factory=list)

    @property
    def router(self) -> EnvoyRouter:
        return EnvoyRouter(MODEL, self.routing)

    def boot(self) -> None:
        argv = (find("envoy") or "", "--config-path", str(self.folder / "envoy.json"))
        rest = ("--concurrency", "1", "--log-level", "warn", "--disable-hot-restart")
        child = start(Spec("envoy", (*argv, *rest)), self.folder / "log")
        self.pids.append(child.pid)
        deadline = time.monotonic() + 60
        while not (answers(f"{self.routing.admin}/ready") and answers(self.url)) and time.monotonic() < deadline:
            time.sleep(0.02)

    def halt(self) -> None:
        stop(self.pids, 0)
        self.pids.clear()

    def stop(self) -> None:
        self.halt()
        self.blue.stop()
        self.green.stop()

    def ask(self, times: int) -> dict[str, int]:
        """How often each version answered."""
        found: dict[str, int] = {}
        with httpx.Client(trust_env=False) as client:
            for _ in range(times):
                version = client.get(f"{self.url}/predict").raise_for_status().json()["version"]
                found[version] = found.get(version, 0) + 1
        return found


def envoyed(folder: Path, champion: str = "1") -> Envoyed:
    """Version ``champion`` on blue, all requests go there."""
    port, admin = free_ports(2)
    blue, green = ModelServer(champion), ModelServer(champion)
    routing = EnvoyRouting(
        kind="envoy",
        folder=str(folder),
        admin=f"http://127.0.0.1:{admin}",
        servers={"blue": (blue.url,), "green": (green.url,)},
    )
    EnvoyRouter(MODEL, routing).start_with(champion, "blue", "first")
    text = bootstrap(folder, MODEL, listen=("127.0.0.1", port), admin=("127.0.0.1", admin))
    (folder / "envoy.json").write_text(text)
    made = Envoyed(folder, blue, green, routing, f"http://127.0.0.1:{port}")
    made.boot()
    return made


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


class Cluster:
    """The Kubernetes API and a GitOps controller in one: shows what is committed in ``tree`` as rolled out.

    While it is ``behind``, it shows the manifest with the status of the generation before.
    """

    def __init__(self, tree: Path, file: str) -> None:
        self.tree, self.file, self.behind, self.html = tree, file, False, False
        cluster = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = b"<html></html>" if cluster.html else json.dumps(cluster.document()).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *words: object) -> None:
                return

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/inferenceservices/shop"

    def document(self) -> dict[str, Any]:
        committed: dict[str, Any] = yaml.safe_load(git(self.tree, "show", f"HEAD:{self.file}"))
        generation = int(git(self.tree, "rev-list", "--count", "HEAD"))
        percent = committed["spec"]["predictor"].get("canaryTrafficPercent", 100)
        committed["metadata"]["generation"] = generation
        committed["status"] = {
            "observedGeneration": generation - self.behind,
            "conditions": [
                {"type": "Ready", "status": "False" if self.behind else "True", "reason": "RevisionMissing"}
            ],
            "components": {"predictor": {"traffic": [{"latestRevision": True, "percent": percent}]}},
        }
        return committed

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def kserved(folder: Path, *, status: bool = True, **changes: Any) -> tuple[KServeRouter, Cluster]:
    """A repository in ``folder``, with version 1 rolled out by the change "first"."""
    tree, file = folder / "tree", "models/shop.yaml"
    tree.mkdir(parents=True)
    git(tree, "init", "--quiet", "--initial-branch", "main")
    (tree / "README").write_text("manifests\n")
    git(tree, "add", "README")
    git(tree, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "first")
    cluster = Cluster(tree, file)
    fields: dict[str, Any] = {
        "kind": "kserve",
        "repository": str(tree),
        "file": file,
        "namespace": "shops",
        "service": "shop",
        "status": cluster.url if status else None,
        "settle": timedelta(seconds=0.3),
    }
    routing = KServeRouting(**{**fields, **changes})
    return KServeRouter(MODEL, routing, lambda version: f"s3://models/{version}"), cluster
