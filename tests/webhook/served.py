"""`triage serve` as a process of its own, on a free port, with a catalogue whose sources are not there."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.light_world import CATALOG
from triage.webhook.inbox import INBOX, Inbox

TOKEN = "s3cret"
PLAYBOOK = """\
name: look
title: Only looks
alerts: [Look]
steps:
  - {id: kpi, uses: measure_kpi}
"""
SERVE = "serve:\n  auth: {bearer: {env: HOOK}}\n  grace: 5s\n"


@dataclass(slots=True)
class Served:
    home: Path
    process: "subprocess.Popen[bytes]"
    url: str

    def post(self, body: bytes) -> int:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return httpx.post(
            f"{self.url}/alertmanager", content=body, headers=headers, timeout=30, trust_env=False
        ).status_code

    @property
    def inbox(self) -> Inbox:
        return Inbox(self.home / INBOX)

    def log(self) -> list[dict[str, Any]]:
        lines = (self.home / "serve.log").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@contextmanager
def served(home: Path, extra: str = "") -> Iterator[Served]:
    """Start it, and end it with SIGTERM."""
    (home / "playbooks").mkdir(exist_ok=True)
    (home / "playbooks" / "look.yaml").write_text(PLAYBOOK)
    (home / "triage.yaml").write_text(CATALOG + SERVE + extra)
    log = home / "serve.log"
    before = log.read_text().count('"listening"') if log.exists() else 0
    with log.open("ab") as said:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "triage",
                "serve",
                "--catalog",
                str(home / "triage.yaml"),
                "--listen",
                "127.0.0.1:0",
            ],
            env={**os.environ, "TRIAGE_HOME": str(home), "HOOK": TOKEN},
            stderr=said,
        )
    try:
        eventually(lambda: log.read_text().count('"listening"') > before or process.poll() is not None)
        at = Served(home, process, "")
        at.url = [line["url"] for line in at.log() if line["event"] == "listening"][-1]
        yield at
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def eventually(so: Callable[[], bool], seconds: float = 120.0) -> None:
    """Wait until ``so``; an AssertionError when it does not come to be."""
    deadline = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.1)
