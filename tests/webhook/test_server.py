"""`triage serve` as people run it: killed, ended, started again; and told by a real Alertmanager."""

import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import yaml

from tests.light_world import CATALOG
from tests.webhook.payloads import alert, delivery
from tests.webhook.served import TOKEN, eventually, served
from triage.adapters.clock import SystemClock
from triage.codec import format_time
from triage.errors import UsageError
from triage.incident import Incident
from triage.journal import Journal
from triage.webhook.server import only_one

ALERTMANAGER = shutil.which("alertmanager") or shutil.which("prometheus-alertmanager")


def incidents(home: Path) -> list[Incident]:
    journal = Journal(home / "journal.db", SystemClock())
    try:
        return [journal.read(one.id) for one in journal.summaries()]
    finally:
        journal.close()


def test_what_was_answered_is_there_after_a_kill_and_nothing_is_done_twice(tmp_path: Path) -> None:
    taken: list[str] = []

    def send(sender: int) -> None:
        for number in range(1000):
            name = f"{sender}-{number}"
            try:
                if at.post(delivery(alert("Look", instance=name))) == 204:
                    taken.append(name)
            except httpx.HTTPError:
                return

    with served(tmp_path) as at:
        threads = [threading.Thread(target=send, args=(sender,)) for sender in range(8)]
        for thread in threads:
            thread.start()
        eventually(lambda: len(taken) > 20)
        at.kill()
        for thread in threads:
            thread.join()
    assert taken
    with served(tmp_path) as at:
        eventually(lambda: at.inbox.count_waiting() == 0)
        kept = {one.labels["instance"] for one in at.inbox.alerts(1000)}
        assert set(taken) <= kept
        (incident,) = incidents(tmp_path)
        eventually(lambda: incidents(tmp_path)[0].state != "open")
        assert len({one.labels["instance"] for one in (incident.alert, *incident.joined)}) == len(kept)
    assert len(incidents(tmp_path)) == 1


def test_sigterm_ends_it_with_everything_written_and_no_process_left(tmp_path: Path) -> None:
    with served(tmp_path) as at:
        assert at.post(delivery(alert("Look"))) == 204
        eventually(lambda: any(line["event"] == "run" for line in at.log()))
        children = psutil.Process(at.process.pid).children(recursive=True)
        assert children
    assert at.process.returncode == 0
    assert at.log()[-1]["event"] == "stopped"
    assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)


def test_a_run_whose_process_is_killed_is_taken_up_again(tmp_path: Path) -> None:
    with served(tmp_path) as at:
        assert at.post(delivery(alert("Look"))) == 204
        eventually(lambda: any(line["event"] == "run" for line in at.log()))
        for child in psutil.Process(at.process.pid).children():
            child.kill()
        eventually(lambda: incidents(tmp_path)[0].state != "open")
        assert httpx.get(f"{at.url}/healthz", trust_env=False).status_code == 200
    assert len(incidents(tmp_path)) == 1


def test_a_port_that_is_taken_is_said_with_what_to_do(tmp_path: Path) -> None:
    from triage.cli import main

    (tmp_path / "triage.yaml").write_text(CATALOG)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "--catalog", str(tmp_path / "triage.yaml"), "--listen", f"127.0.0.1:{port}"]) == 2
        assert main(["serve", "--catalog", str(tmp_path / "triage.yaml"), "--listen", "nowhere"]) == 2


def test_a_second_server_in_the_same_home_is_refused(tmp_path: Path) -> None:
    held = only_one(tmp_path)
    with pytest.raises(UsageError, match="another 'triage serve' works"):
        only_one(tmp_path)
    held.close()
    only_one(tmp_path).close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[Any]:
    """Starts a real Alertmanager that delivers to a URL, one alert a delivery; returns its own address."""
    if ALERTMANAGER is None:
        pytest.skip("there is no alertmanager on this machine: apt install prometheus-alertmanager")
    running: list[subprocess.Popen[bytes]] = []
    port = free_port()

    def start(url: str) -> None:
        (tmp_path / "token").write_text(TOKEN)
        hook = {
            "url": f"{url}/alertmanager",
            "send_resolved": True,
            "max_alerts": 1,
            "http_config": {"authorization": {"type": "Bearer", "credentials_file": str(tmp_path / "token")}},
        }
        route = {"receiver": "triage", "group_by": ["alertname", "model"], "group_wait": "1s", "group_interval": "1s"}
        document = {"route": route, "receivers": [{"name": "triage", "webhook_configs": [hook]}]}
        (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump(document))
        running.append(
            subprocess.Popen(
                [
                    str(ALERTMANAGER),
                    f"--config.file={tmp_path / 'alertmanager.yml'}",
                    f"--storage.path={tmp_path / 'am'}",
                    f"--web.listen-address=127.0.0.1:{port}",
                    "--cluster.listen-address=",
                ],
                stderr=subprocess.DEVNULL,
            )
        )
        eventually(lambda: _ready(port))

    start.url = f"http://127.0.0.1:{port}"  # type: ignore[attr-defined]
    yield start
    for process in running:
        process.terminate()
        process.wait()


def _ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/-/ready", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def fire(url: str, instance: str, *, resolved: bool = False) -> None:
    now = datetime.now(UTC)
    body: dict[str, Any] = {
        "labels": {"alertname": "Look", "model": "shop", "instance": instance},
        "annotations": {"summary": "conversion fell"},
        "startsAt": format_time(now - timedelta(minutes=1)),
    }
    if resolved:
        body["endsAt"] = format_time(now)
    answer = httpx.post(
        f"{url}/api/v2/alerts",
        content=json.dumps([body]),
        headers={"Content-Type": "application/json"},
        trust_env=False,
    )
    answer.raise_for_status()


def test_a_real_alertmanager_delivers_truncated_groups_and_they_are_completed(
    tmp_path: Path, alertmanager: Any
) -> None:
    with served(tmp_path, f"  alertmanagers: [{{url: '{alertmanager.url}'}}]\n") as at:
        alertmanager(at.url)
        for instance in ("a", "b", "c"):
            fire(alertmanager.url, instance)
        eventually(lambda: {one.labels["instance"] for one in at.inbox.alerts()} == {"a", "b", "c"})
        (incident,) = incidents(tmp_path)
        assert incident.alert.origin == "alertmanager"
        assert incident.alert.summary == "conversion fell"
        assert len({one.fingerprint for one in (incident.alert, *incident.joined)}) == 3
        assert all(line["event"] != "incomplete" for line in at.log())


def test_a_real_alertmanager_resolves_and_the_incident_is_told(tmp_path: Path, alertmanager: Any) -> None:
    with served(tmp_path) as at:
        alertmanager(at.url)
        fire(alertmanager.url, "a")
        eventually(lambda: bool(at.inbox.alerts()))
        fire(alertmanager.url, "a", resolved=True)
        eventually(lambda: not at.inbox.alerts()[0].firing)
        eventually(lambda: incidents(tmp_path)[0].cleared_at is not None)
        assert "was not measured" in incidents(tmp_path)[0].cleared
    assert len(incidents(tmp_path)) == 1
