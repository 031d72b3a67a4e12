"""Deliveries per second on disk, and whether any is lost when `triage serve` is killed.

    python -m bench.webhook [--seconds 30] [--senders 16] [--kills 3] [--model recommender]

Starts the real command on a free port, with a catalogue of one model, and lets senders deliver what an Alertmanager
sends (one alert a delivery, each its own; one in three a repeat from the other peer of a pair). Meanwhile the server is
killed with SIGKILL and started again ``--kills`` times. A sender tries again what was not answered with 2xx, as
Alertmanager does. At the end every delivery that was answered with 2xx has to be in the inbox. Alerts are of a model
that is not in the catalogue, unless ``--model recommender`` says otherwise: then runs start beside it and take their
share of the machine.
"""

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from triage.starter import init_text
from triage.webhook.inbox import INBOX, Inbox
from triage.webhook.payload import alert_key

TOKEN = "bench"


@dataclass(slots=True)
class Sent:
    """What the senders know: keys that were answered with 2xx, how often, and how long each took in seconds."""

    keys: set[str] = field(default_factory=set)
    answered: int = 0
    refused: int = 0
    broken: int = 0
    seconds: list[float] = field(default_factory=list)


def deliveries(sender: int, model: str) -> Iterator[tuple[str, bytes]]:
    """The key of each delivery's alert, and its body; every third is the same again from the other peer."""
    number = 0
    while True:
        labels = {
            "alertname": "ModelQualityDrop", "cluster": "prod", "instance": f"10.0.{sender}.{number}:9100",
            "job": "models", "model": model, "service": model, "severity": "page",
        }  # fmt: skip
        group = f'{{}}:{{alertname="ModelQualityDrop", model="{model}", shard="{sender}"}}'
        fingerprint = f"{sender:04x}{number:012x}"
        began = f"2026-11-04T{number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}.618Z"
        body = {
            "receiver": "triage",
            "status": "firing",
            "alerts": [
                {
                    "status": "firing",
                    "labels": labels,
                    "annotations": {"runbook_url": "http://runbook/x", "summary": f"conversion fell on {model}"},
                    "startsAt": began,
                    "endsAt": "0001-01-01T00:00:00Z",
                    "generatorURL": "http://prometheus:9090/graph?g0.expr=conversion+%3C+0.09&g0.tab=1",
                    "fingerprint": fingerprint,
                }
            ],
            "groupLabels": {"alertname": "ModelQualityDrop", "model": model},
            "commonLabels": labels,
            "commonAnnotations": {},
            "externalURL": "http://am-1:9093",
            "version": "4",
            "groupKey": group,
            "truncatedAlerts": 0,
        }
        key = alert_key(group, fingerprint, datetime.fromisoformat(began))
        yield key, json.dumps(body).encode()
        if number % 3 == 0:
            yield key, json.dumps({**body, "externalURL": "http://am-2:9093"}).encode()
        number += 1


async def send(sender: int, port: int, model: str, until: float, sent: Sent) -> None:
    """One sender with one connection; what was not taken is sent again, after a little."""
    head = f"POST /alertmanager HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: "
    reader: asyncio.StreamReader | None = None
    writer: asyncio.StreamWriter | None = None
    for key, body in deliveries(sender, model):
        while time.monotonic() < until:
            try:
                if writer is None or reader is None:
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                began = time.perf_counter()
                writer.write(f"{head}{len(body)}\r\n\r\n".encode() + body)
                answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
            except (OSError, TimeoutError, asyncio.IncompleteReadError):
                sent.broken += 1
                if writer is not None:
                    writer.close()
                reader = writer = None
                await asyncio.sleep(0.1)
                continue
            if answer.startswith(b"HTTP/1.1 204"):
                sent.answered += 1
                sent.seconds.append(time.perf_counter() - began)
                sent.keys.add(key)
                break
            sent.refused += 1
            writer.close()
            reader = writer = None
            await asyncio.sleep(0.2)
        if time.monotonic() >= until:
            return


def start(home: Path, port: int) -> "subprocess.Popen[bytes]":
    """`triage serve`, once it listens."""
    catalog = home / "triage.yaml"
    if not catalog.exists():
        text = init_text().replace("  my_model:", "  recommender:")
        serve = "\nserve:\n  auth: {bearer: {env: BENCH_TOKEN}}\n  limits: {per_second: 100000, waiting: 1000000}\n"
        catalog.write_text(text + serve)
    log = (home / "serve.log").open("ab")
    process = subprocess.Popen(
        [sys.executable, "-m", "triage", "serve", "--catalog", str(catalog), "--listen", f"127.0.0.1:{port}"],
        env={**os.environ, "TRIAGE_HOME": str(home), "BENCH_TOKEN": TOKEN},
        stderr=log,
    )
    before = (home / "serve.log").read_bytes().count(b'"listening"')
    while (home / "serve.log").read_bytes().count(b'"listening"') == before:
        if process.poll() is not None:
            raise SystemExit((home / "serve.log").read_text())
        time.sleep(0.05)
    return process


async def rehearse(home: Path, seconds: float, senders: int, kills: int, model: str) -> tuple[Sent, float]:
    """Deliver for ``seconds`` and kill the server ``kills`` times meanwhile: what was sent, and how long it was up."""
    port = 19_897
    process = start(home, port)
    sent = Sent()
    began = time.monotonic()
    tasks = [asyncio.create_task(send(n, port, model, began + seconds, sent)) for n in range(senders)]
    away = 0.0
    for number in range(kills):
        await asyncio.sleep(max(0.0, began + seconds * (number + 1) / (kills + 1) - time.monotonic()))
        process.send_signal(signal.SIGKILL)
        process.wait()
        stopped = time.monotonic()
        process = await asyncio.to_thread(start, home, port)
        away += time.monotonic() - stopped
    await asyncio.gather(*tasks)
    ran = time.monotonic() - began - away
    deadline = time.monotonic() + 120
    with_inbox = Inbox(home / INBOX)
    while with_inbox.count_waiting() and time.monotonic() < deadline:
        await asyncio.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    process.wait(120)
    return sent, ran


def main() -> int:
    parser = argparse.ArgumentParser(description="Deliveries per second on disk; none lost under SIGKILL.")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--senders", type=int, default=16)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--model", default="stranger")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        sent, ran = asyncio.run(rehearse(home, arguments.seconds, arguments.senders, arguments.kills, arguments.model))
        inbox = Inbox(home / INBOX)
        there = inbox.known(sent.keys)
        lost = sent.keys - set(there)
        counted = sum(one.deliveries for one in inbox.alerts(1_000_000))
        received, waiting = inbox.count_received(), inbox.count_waiting()
    spent = sorted(sent.seconds)
    print(f"answered with 2xx   {sent.answered} deliveries of {len(sent.keys)} alerts")
    print(f"per second          {sent.answered / ran:.0f}, over {ran:.1f} s that it was up")
    median, late = (1000 * spent[len(spent) * share // 100] for share in (50, 99))
    print(f"time to an answer   median {median:.1f} ms, p99 {late:.1f} ms")
    print(
        f"killed              {arguments.kills} times; {sent.broken} deliveries broken off, {sent.refused} asked again"
    )
    print(f"on disk             {received} deliveries, {counted} counted on {len(there)} alerts, {waiting} wait")
    print(f"lost                {len(lost)}")
    return 1 if lost or counted < sent.answered else 0


if __name__ == "__main__":
    sys.exit(main())
