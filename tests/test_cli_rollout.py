import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.standing import needs_envoy
from tests.light_world import CATALOG
from tests.routed import Envoyed, envoyed
from triage.adapters.memory import MemoryRegistry
from triage.cli import main
from triage.ports import ModelVersion, Rollout

pytestmark = needs_envoy


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Envoyed]:
    made = envoyed(tmp_path / "envoy")
    yield made
    made.stop()


def catalog(made: Envoyed, folder: Path) -> str:
    path = folder / "triage.yaml"
    router = json.dumps({**made.routing.model_dump(mode="json"), "auth": {}})
    path.write_text(CATALOG.replace("    baseline:", f"    router: {router}\n    baseline:"))
    return str(path)


def test_what_is_committed_and_what_the_servers_say_is_shown(
    made: Envoyed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made.router.apply("shop", Rollout("1", "2", weight=0.1), "m-1/canary")
    assert main(["rollout", "show", "shop", "--catalog", catalog(made, tmp_path), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["committed"]["challenger"] == "2"
    assert shown["in_force"] == "m-1/canary"
    assert {"role": "challenger", "version": "2"} in shown["serving"]
    assert main(["rollout", "show", "shop", "--catalog", catalog(made, tmp_path)]) == 0
    printed = capsys.readouterr()
    assert "10%" in printed.out
    assert "in force by m-1/canary" in printed.err


def test_the_first_spec_is_written_once_and_for_servers_that_there_are(
    made: Envoyed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    registry = MemoryRegistry()
    registry.add(ModelVersion("shop", "7", ("champion",)))
    monkeypatch.setattr("triage.adapters.mlflow_registry.MlflowRegistry", lambda address: registry)
    made.routing = made.routing.model_copy(update={"folder": str(tmp_path / "fresh")})
    path = catalog(made, tmp_path)
    assert main(["rollout", "start", "shop", "--on", "bleu", "--catalog", path]) == 2
    assert "did you mean 'blue'" in capsys.readouterr().err
    assert main(["rollout", "start", "shop", "--on", "blue", "--catalog", path]) == 0
    assert made.router.current("shop") == Rollout("7")
    assert main(["rollout", "start", "shop", "--on", "green", "--catalog", path]) == 1
    assert "there is a rollout spec" in capsys.readouterr().err
