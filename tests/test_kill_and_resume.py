"""A run that is killed, at any event, ends as one that was not."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests import killed
from tests.light_world import ALERT, world
from triage.errors import LeaseHeld
from triage.incident import State

ROOT = Path(__file__).parent.parent


def sweep(home: Path, playbook: str, *at: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.killed", str(home), playbook, *map(str, at)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def holds(found: dict[str, Any]) -> None:
    whole = found["whole"]
    assert whole["end"]["diagnosis"] is not None
    for name, run in found["killed"].items():
        assert run["died"], f"{name}: nothing was killed"
        assert run["resumed"], f"{name}: not resumed"
        assert run["end"] == whole["end"], name
        assert run["repeated"] == [], name
        assert run["tags"] == whole["tags"], name
        assert run["chain"], name


def test_a_run_killed_before_or_after_any_event_ends_as_one_that_was_not(tmp_path: Path) -> None:
    found = sweep(tmp_path, "quick")
    assert len(found["killed"]) >= 20
    holds(found)
    found_again = found["killed"]["before 2"]  # the tag was written, and nothing in the journal says so
    assert found_again["tags"] == [json.dumps(["triage.stale", '{"shop-1": "2026-11-04T00:00:00+00:00"}'])]
    assert found_again["end"]["steps"]["stale"]["outcome"] == "done"


def test_the_shipped_playbook_killed_in_the_middle_ends_as_one_that_was_not(tmp_path: Path) -> None:
    holds(sweep(tmp_path, "", 18))


def test_a_resumed_run_uses_its_snapshots_though_both_files_changed_or_are_gone(tmp_path: Path) -> None:
    made = world(1)
    incident = killed.receive(tmp_path, made, "quick")
    (tmp_path / "playbooks" / "quick.yaml").unlink()
    made.text = "nonsense"
    done = killed.desk_in(tmp_path, made).advance(incident)
    assert set(done.steps) == {"stale", "kpi", "infrastructure", "diagnosis", "plan"}


def test_a_second_executor_is_told_who_has_the_incident(tmp_path: Path) -> None:
    made = world(1)
    incident = killed.receive(tmp_path, made, "quick")
    first, second = killed.desk_in(tmp_path, made), killed.desk_in(tmp_path, made)
    lease = first.journal.acquire(incident)
    with pytest.raises(LeaseHeld, match=f"process {os.getpid()}") as caught:
        second.advance(incident)
    assert "triage show" in caught.value.hint
    assert len(second.events(incident)) == 1
    first.journal.release(lease)
    assert second.advance(incident).state is State.NEEDS_PERSON


def test_a_settled_incident_resumed_again_writes_nothing(tmp_path: Path) -> None:
    made = world(1)
    incident = killed.receive(tmp_path, made, "quick")
    desk = killed.desk_in(tmp_path, made)
    first = desk.advance(incident)
    assert desk.advance(incident) == first


SLOW = """
import signal, sys, time
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background is started with it ignored
from tests import killed
from tests.light_world import world
import triage.wiring
from triage.cli import main

made = world(1)
home = Path(sys.argv[1])
incident = killed.receive(home, made, "quick")
desk = killed.desk_in(home, made)
def answer(*_):
    print("asked", flush=True)
    time.sleep(60)
made.metrics = type("Slow", (), {"range": answer})()
triage.wiring.open_desk = lambda: desk
sys.exit(main(["resume", incident]))
"""


def test_control_c_stops_at_once_says_how_to_go_on_and_leaves_the_incident_free(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "asked\n"
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, words = process.communicate(timeout=30)
    assert process.returncode == 130
    assert time.monotonic() - began < 20  # the step itself would take a minute
    assert words.splitlines() == ["triage: interrupted; nothing is lost, 'triage resume' goes on where this stopped"]
    made = world(1)
    desk = killed.desk_in(tmp_path, made)
    assert desk.journal.executor("shop-1") == ""
    assert desk.advance("shop-1").steps["kpi"].attempts == 2
    assert ALERT.model == "shop"
