"""The HTTP side on a real socket, with the intake behind it and nobody to work on what arrives."""

import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import uvicorn

from triage.adapters.clock import SystemClock
from triage.catalog import Serve
from triage.webhook.app import application
from triage.webhook.figures import Figures
from triage.webhook.inbox import INBOX, Inbox
from triage.webhook.intake import Intake
from triage.webhook.log import Log
from triage.webhook.server import open_socket, web_config


@dataclass(slots=True)
class Door:
    url: str
    port: int
    home: Path
    intake: Intake
    said: io.StringIO

    def post(self, body: bytes, path: str = "/alertmanager", **options: object) -> httpx.Response:
        return httpx.post(self.url + path, content=body, timeout=30, trust_env=False, **options)  # type: ignore[arg-type]

    def get(self, path: str, **options: object) -> httpx.Response:
        return httpx.get(self.url + path, timeout=30, trust_env=False, **options)  # type: ignore[arg-type]

    @property
    def inbox(self) -> Inbox:
        return Inbox(self.home / INBOX)

    def figure(self, name: str) -> float:
        """A figure of `/metrics`, by its name with its labels."""
        lines = self.get("/metrics").text.splitlines()
        return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} ")), 0.0)


@contextmanager
def door(home: Path, serve: Serve) -> Iterator[Door]:
    """Listen at a free port until the end of the block."""
    said, figures = io.StringIO(), Figures()
    log = Log(said)
    intake = Intake(home / INBOX, serve.limits, SystemClock(), figures, log)
    intake.start()

    def troubles() -> list[str]:
        return [intake.trouble] if intake.trouble else []

    def living() -> list[str]:
        return [] if intake.alive else ["intake"]

    listening = open_socket("127.0.0.1:0")
    web = uvicorn.Server(web_config(serve, application(serve, intake, figures, log, troubles, living), log))
    thread = threading.Thread(target=web.run, args=([listening],), daemon=True)
    thread.start()
    while not web.started and thread.is_alive():
        time.sleep(0.01)
    port = listening.getsockname()[1]
    scheme = "https" if serve.tls else "http"
    try:
        yield Door(f"{scheme}://127.0.0.1:{port}", port, home, intake, said)
    finally:
        web.should_exit = True
        thread.join(30)
        intake.close()
