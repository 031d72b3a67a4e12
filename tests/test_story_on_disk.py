"""The whole desk on the story's world: Parquet files, recorded metrics, MLflow on SQLite."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.killed_story import ROWS
from triage.cli import main
from triage.lab.worlds.story import build_story
from triage.lab.worlds.world import World

ROOT = Path(__file__).parent.parent
AT = ("2-", "9+", "16+", "20-", "24+", "28-")
"""The appends to die at: before (-) or once they are on disk (+)."""
pytestmark = pytest.mark.xdist_group("story on disk")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("story-on-disk")


@pytest.fixture(scope="module")
def story(folder: Path) -> World:
    return build_story(folder / "story", rows=ROWS)


def outline(end: dict[str, Any]) -> dict[str, Any]:
    """What a run found, without figures: how many coalitions a replay tries depends on how busy the machine is."""
    return {
        "state": end["state"],
        "steps": {name: record["outcome"] for name, record in end["steps"].items()},
        "cause": [end["diagnosis"]["causes"][0][key] for key in ("kind", "subject")],
        "plan": [action["step"] for action in end["plan"]["actions"]],
        "evidence": sorted((item["id"], item["about"]) for item in end["evidence"]),
    }


@pytest.mark.timeout(1200)
@pytest.mark.usefixtures("story")
def test_a_run_killed_on_real_files_and_a_real_registry_ends_as_one_that_was_not(folder: Path) -> None:
    """A sample of its appends, of which `test_release_killed` tries every one in a smaller world: before the tag in the
    registry is known to be written, amid the analyses, at the diagnosis and at the plan."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.killed_story", str(folder), *AT]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    runs = json.loads(done.stdout.splitlines()[-1])
    whole = runs.pop("whole")
    print(f"{len(runs)} kill points tried, of {whole['events'] - 1} events: {', '.join(runs)}")
    assert outline(whole["end"])["cause"] == ["feature_drift", "user_location"]
    for name, run in runs.items():
        assert run["died"], f"{name}: nothing was killed"
        assert run["resumed"], f"{name}: not resumed"
        assert run["repeated"] == [], name
        assert run["chain"], name
        assert run["tags"] == whole["tags"], name
        assert outline(run["end"]) == outline(whole["end"]), name


def test_a_truncated_file_is_named_with_a_hint_and_the_other_rungs_are_measured(
    story: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = tmp_path / "world"
    shutil.copytree(story.folder, world)
    log = next(iter(sorted((world / "impressions" / "day=2026-11-03").iterdir())))
    log.write_bytes(log.read_bytes()[:-4000])
    monkeypatch.setenv("TRIAGE_HOME", str(tmp_path / "home"))
    code = main(["run", story.model, "--catalog", str(world / "triage.yaml"), "--at", "2026-11-04", "--json"])
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert code in (3, 4)
    assert "Traceback" not in err
    unmeasured = {item["what"]: item for item in document["unmeasured"]}
    for kind in ("data_quality", "feature_drift"):
        assert "part-0.parquet of dataset 'impressions' is truncated" in unmeasured[kind]["reason"]
        assert "write it again" in unmeasured[kind]["hint"]
    assert "infrastructure" in {item["kind"] for item in document["ruled_out"]}
    assert main(["verify"]) == 0
    assert main(["report", "--format", "html", "--out", str(tmp_path / "report.html")]) == 0
    assert "is truncated" in (tmp_path / "report.html").read_text()
