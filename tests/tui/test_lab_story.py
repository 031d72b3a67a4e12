"""The lab by keys in a terminal of 80 × 24: started, broken, diagnosed against its live servers, and stopped."""

import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.lab.standing import everything, gone, needs_alertmanager, needs_envoy, needs_prometheus
from tests.tui.terminal import Terminal, needs_tmux

FAULT = "location_campaign"
SERVERS = ("blue", "green", "exporter", "watch", "load", "envoy", "alertmanager", "prometheus")
_LAB_UP_SECONDS, _INCIDENT_SECONDS, _RUN_SECONDS = 420.0, 360.0, 420.0

pytestmark = [
    pytest.mark.xdist_group("lab"),
    needs_tmux,
    needs_prometheus,
    needs_alertmanager,
    needs_envoy,
    pytest.mark.timeout(1500),
]


def _processes(home: Path) -> list[psutil.Process]:
    """All that were started from the app of ``home``, and the app: what each of them began with names it."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("TRIAGE_HOME") == str(home) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.fixture
def terminal(tmp_path: Path, home: Path) -> Iterator[Terminal]:
    command = f"cd {tmp_path}; {sys.executable} -m triage ui; echo ended $?; sleep 1500"
    opened = Terminal(tmp_path, command, TRIAGE_HOME=str(home), MLFLOW_DISABLE_TELEMETRY="true")
    yield opened
    opened.close()
    for process in _processes(home):
        process.kill()


def test_a_fault_is_switched_on_and_found_in_the_lab_by_keys_alone_and_nothing_is_left_of_it(
    terminal: Terminal, home: Path
) -> None:
    terminal.shows("No open incident", "l Lab")
    terminal.press("l")
    terminal.shows("No lab runs", FAULT)
    terminal.press("u")
    terminal.shows(*(f"✓ {name:<13} ready" for name in SERVERS), within=_LAB_UP_SECONDS)
    pids, urls = everything(home / "lab")
    assert len(pids) == 1 + len(SERVERS)
    assert set(pids) <= {process.pid for process in _processes(home)}

    listed = re.findall(r"┃[▶ ] · (\w+)", terminal.screen())
    terminal.press(*["Down"] * listed.index(FAULT))
    terminal.shows(f"▶ · {FAULT}")
    terminal.press("i")
    terminal.shows(f"Inject {FAULT}", "severity=0.5")
    terminal.press("Enter")
    terminal.shows("Faults: 1 on", f"● {FAULT}")
    terminal.shows("on, 4m", within=_INCIDENT_SECONDS)

    terminal.press("n")
    terminal.shows("Find out why a model got worse", "recommender  ")
    terminal.press(*["Tab"] * 6, "Enter")
    terminal.shows("queue ▸ recommender-1")
    terminal.shows("Most likely feature drift in user_location", "● feature drift  cause", within=_RUN_SECONDS)

    terminal.press("Escape")
    terminal.shows("Faults: 1 on")
    terminal.press("d")
    terminal.shows("No lab runs")
    assert gone(pids, urls)
    terminal.press("Escape")
    terminal.shows("Open: 1 of 1", "recommender-1")
    terminal.press("q")
    assert "Traceback" not in terminal.shows("ended 0")
    terminal.close()
    deadline = time.monotonic() + 30
    while (left := _processes(home)) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert left == []
