import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from triage.lab.folder import LabFolder, read_json
from triage.lab.keeper import read_plan, write_plan
from triage.lab.process import Spec, alive, created, free_ports, start, stop

SLEEP = (sys.executable, "-c", "import time; time.sleep(60)")
DIES = (sys.executable, "-c", "raise SystemExit(3)")


def serves(port: int) -> tuple[str, ...]:
    return (sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1")


def eventually(condition, seconds=15.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


class Running:
    """A keeper, with what its state file says."""

    def __init__(self, folder: Path, specs: list[Spec], owner: int | None = None) -> None:
        self.lab = LabFolder(folder)
        self.lab.run.mkdir(parents=True, exist_ok=True)
        write_plan(self.lab, specs)
        argv = [sys.executable, "-m", "triage.lab.keeper", str(folder), *([str(owner)] if owner is not None else [])]
        spec = Spec("keeper", tuple(argv))
        self.process = start(spec, self.lab.log("keeper"), dies_with_us=False, keep_open=owner)

    def entry(self, name: str) -> dict:
        document = read_json(self.lab.state) or {"processes": []}
        return next((entry for entry in document["processes"] if entry["name"] == name), {})

    def state(self, name: str) -> str:
        return self.entry(name).get("state", "")


@pytest.fixture
def keep(tmp_path: Path) -> Iterator:
    kept: list[Running] = []

    def run(*specs: Spec, owner: int | None = None) -> Running:
        kept.append(Running(tmp_path, list(specs), owner))
        return kept[-1]

    yield run
    stop([one.process.pid for one in kept], 5)


def test_a_plan_is_read_as_it_was_written(tmp_path: Path):
    specs = [Spec("a", SLEEP, "http://x", "http://y", ("b",), {"K": "v"}), Spec("b", DIES)]
    write_plan(LabFolder(tmp_path), specs)
    assert list(read_plan(LabFolder(tmp_path))) == specs


def test_a_server_is_ready_once_it_answers_and_only_then_those_behind_it_start(keep):
    port = free_ports(1)[0]
    url = f"http://127.0.0.1:{port}/"
    running = keep(Spec("behind", SLEEP, after=("server",)), Spec("server", serves(port), ready_url=url))
    assert eventually(lambda: running.state("behind") == "ready")
    assert running.state("server") == "ready"
    assert running.entry("behind")["born"] >= running.entry("server")["born"]


def test_what_dies_is_started_again_and_counted(keep):
    running = keep(Spec("dies", DIES), Spec("stays", SLEEP))
    assert eventually(lambda: running.entry("dies").get("restarts", 0) >= 2)
    assert running.entry("dies")["exit_code"] in (3, None)
    assert running.entry("stays")["restarts"] == 0


def test_a_signal_ends_everything_and_leaves_no_state(keep):
    running = keep(Spec("one", SLEEP), Spec("two", SLEEP))
    assert eventually(lambda: running.state("two") == "ready")
    pids = [running.entry(name)["pid"] for name in ("one", "two")]
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(10) == 0
    assert [created(pid) for pid in pids] == [None, None]
    assert not running.lab.state.exists()


def test_the_end_of_the_owner_ends_everything(keep):
    reading, writing = os.pipe()
    running = keep(Spec("one", SLEEP), owner=reading)
    os.close(reading)
    assert eventually(lambda: running.state("one") == "ready")
    entry = running.entry("one")
    os.close(writing)
    assert running.process.wait(10) == 0
    assert not alive(entry["pid"], entry["born"])


@pytest.mark.skipif(sys.platform != "linux", reason="the tie of a child to its parent is Linux's")
def test_a_killed_keeper_leaves_no_orphans(keep):
    running = keep(Spec("one", SLEEP), Spec("two", SLEEP))
    assert eventually(lambda: running.state("two") == "ready")
    pids = [running.entry(name)["pid"] for name in ("one", "two")]
    running.process.send_signal(signal.SIGKILL)
    running.process.wait(10)
    assert eventually(lambda: [created(pid) for pid in pids] == [None, None])
