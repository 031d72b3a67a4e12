"""One contract for every `Registry`; what only MLflow can get wrong comes after it."""

import os
import socket
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from triage.adapters.memory import MemoryRegistry
from triage.adapters.mlflow_registry import MlflowRegistry
from triage.catalog import RegistryAddress
from triage.errors import NotFound, Refused, SourceUnavailable, Unmeasurable
from triage.ports import ModelVersion, Registry

ROWS = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0], "y": [1.0, 0.0, 1.0, 0.0]})


def mlflow_registry(path: Path) -> MlflowRegistry:
    return MlflowRegistry(RegistryAddress(uri=f"sqlite:///{path}"))


def fill(path: Path) -> None:
    """Two versions of a classifier, the first of them the champion; the artifacts are beside the database."""
    import mlflow
    from sklearn.linear_model import LogisticRegression

    uri = f"sqlite:///{path}"
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    client = mlflow.MlflowClient(uri, uri)
    experiment = client.create_experiment("clicks", artifact_location=str(path.parent / "artifacts"))
    client.create_registered_model("clicks")
    for strength in (1.0, 10.0):
        model = LogisticRegression(C=strength).fit(ROWS, [0, 0, 1, 1])
        signature = mlflow.models.infer_signature(ROWS, model.predict_proba(ROWS)[:, 1])
        with mlflow.start_run(experiment_id=experiment) as run:
            info = mlflow.sklearn.log_model(model, name="model", signature=signature, pip_requirements=[])
        client.create_model_version("clicks", info.model_uri, run_id=run.info.run_id, await_creation_for=0)
    client.set_registered_model_alias("clicks", "champion", "1")


@pytest.fixture(scope="module")
def filled(migrated_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("registry") / "mlflow.db"
    path.write_bytes(migrated_database.read_bytes())
    fill(path)
    return path


@pytest.fixture(params=["mlflow", "memory"])
def registry(request: pytest.FixtureRequest, filled: Path) -> Registry:
    if request.param == "mlflow":
        return mlflow_registry(filled)
    memory = MemoryRegistry()
    inputs = {"x": "double", "y": "double"}
    for version, aliases in (("1", ("champion",)), ("2", ())):
        noun = ModelVersion("clicks", version, aliases, inputs=inputs, run_id="r", tags={})
        memory.add(noun, lambda rows: 1 / (1 + np.exp(-rows["x"])))
    return memory


def test_the_champion_is_what_the_alias_names_with_its_features(registry: Registry) -> None:
    champion = registry.champion("clicks", "champion")
    assert (champion.version, champion.aliases) == ("1", ("champion",))
    assert champion.inputs == {"x": "double", "y": "double"}
    assert registry.version("clicks", "2").aliases == ()


def test_how_a_version_was_made_is_empty_where_nothing_was_kept(registry: Registry) -> None:
    made = registry.provenance(registry.champion("clicks", "champion"))
    assert (made.params, made.datasets, made.problem) == ({}, (), "")
    with pytest.raises(NotFound):
        registry.provenance(ModelVersion("clicks", "77", run_id="r"))


def test_versions_come_newest_first(registry: Registry) -> None:
    assert [(one.version, one.aliases) for one in registry.versions("clicks")] == [("2", ()), ("1", ("champion",))]


def test_unknown_names_get_the_nearest(registry: Registry) -> None:
    with pytest.raises(NotFound, match="did you mean 'clicks'"):
        registry.champion("click", "champion")
    with pytest.raises(NotFound, match="did you mean 'champion'"):
        registry.champion("clicks", "champions")
    with pytest.raises(NotFound):
        registry.version("clicks", "9")


def test_scores_are_probabilities_of_the_positive_class(registry: Registry) -> None:
    scores = registry.predictor(registry.champion("clicks", "champion")).predict(ROWS)
    assert scores.shape == (4,)
    assert ((scores > 0) & (scores < 1)).all()
    assert (np.diff(scores[[0, 2]]) > 0).all()


def test_rows_without_a_feature_can_not_be_scored(registry: Registry) -> None:
    with pytest.raises(Unmeasurable, match="lack"):
        registry.predictor(registry.champion("clicks", "champion")).predict(ROWS[["x"]])


def test_a_file_stays_with_its_version(registry: Registry) -> None:
    one, two = registry.version("clicks", "1"), registry.version("clicks", "2")
    assert registry.load_artifact(one, "log@7.profile") is None
    registry.save_artifact(one, "log@7.profile", b"\0first")
    registry.save_artifact(one, "log@7.profile", b"\0second")
    assert registry.load_artifact(one, "log@7.profile") == b"\0second"
    assert registry.load_artifact(two, "log@7.profile") is None


def test_a_tag_is_read_back_and_moves_no_alias(registry: Registry) -> None:
    registry.tag(registry.version("clicks", "2"), "triage.stale", "clicks-1")
    assert (registry.version("clicks", "2").tags or {})["triage.stale"] == "clicks-1"
    assert registry.champion("clicks", "champion").version == "1"


def test_an_alias_moves_from_where_it_was_expected_and_the_move_is_kept(registry: Registry) -> None:
    registry.move_alias("clicks", "trial", "1", expected="", key="m-1/first")
    registry.move_alias("clicks", "trial", "2", expected="1", key="m-1/promote")
    registry.move_alias("clicks", "trial", "2", expected="1", key="m-1/promote")
    assert registry.champion("clicks", "trial").version == "2"
    moves = [move for move in registry.moves("clicks") if move.alias == "trial"]
    assert [(move.previous, move.version, move.key) for move in moves] == [
        ("", "1", "m-1/first"),
        ("1", "2", "m-1/promote"),
    ]
    registry.move_alias("clicks", "trial", "1", expected="2", key="m-1/promote/undo")
    assert registry.champion("clicks", "trial").version == "1"
    assert registry.champion("clicks", "champion").version == "1"


def test_a_move_that_was_taken_back_and_made_again_is_the_last_one(registry: Registry) -> None:
    registry.move_alias("clicks", "again", "1", expected="", key="m-5/first")
    for _ in range(2):
        registry.move_alias("clicks", "again", "2", expected="1", key="m-5/promote")
        registry.move_alias("clicks", "again", "1", expected="2", key="m-5/promote/back")
    registry.move_alias("clicks", "again", "2", expected="1", key="m-5/promote")
    moves = [move for move in registry.moves("clicks") if move.alias == "again"]
    assert [(move.previous, move.version) for move in moves] == [("", "1"), ("2", "1"), ("1", "2")]


def test_an_alias_that_someone_moved_is_left_where_it_is(registry: Registry) -> None:
    registry.move_alias("clicks", "other", "1", expected="", key="m-2/first")
    for key in ("m-2/promote", "m-2/again"):
        with pytest.raises(Refused, match="'other' of 'clicks' points at version 1, not at version 2: someone moved"):
            registry.move_alias("clicks", "other", "2", expected="2", key=key)
    assert registry.champion("clicks", "other").version == "1"
    assert [move.key for move in registry.moves("clicks") if move.alias == "other"] == ["m-2/first"]


def test_an_alias_can_not_move_to_a_version_that_is_gone(registry: Registry) -> None:
    with pytest.raises(NotFound):
        registry.move_alias("clicks", "champion", "9", expected="1", key="m-3/promote")
    with pytest.raises(NotFound):
        registry.moves("none")


def test_the_check_is_one_line(registry: Registry) -> None:
    assert "\n" not in registry.check()


def test_mlflow_scores_as_the_model_itself_with_columns_in_any_order(filled: Path) -> None:
    from sklearn.linear_model import LogisticRegression

    expected = LogisticRegression(C=1.0).fit(ROWS, [0, 0, 1, 1]).predict_proba(ROWS)[:, 1]
    registry = mlflow_registry(filled)
    shuffled = ROWS.assign(extra="text")[["extra", "y", "x"]].astype({"x": object})
    scores = registry.predictor(registry.champion("clicks", "champion")).predict(shuffled)
    np.testing.assert_allclose(scores, expected)
    with pytest.raises(Unmeasurable, match="wants numbers in 'x'"):
        registry.predictor(registry.champion("clicks", "champion")).predict(ROWS.assign(x="many"))


def test_a_model_of_the_general_flavour_is_asked_in_the_types_of_its_signature(
    new_database: Callable[[], Path],
) -> None:
    """MLflow itself takes no double for a float, and no long for a double."""
    import mlflow
    from mlflow.types import ColSpec, Schema
    from sklearn.linear_model import LinearRegression

    path = new_database()
    uri = f"sqlite:///{path}"
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    client = mlflow.MlflowClient(uri, uri)
    experiment = client.create_experiment("price", artifact_location=str(path.parent / "artifacts"))
    model = LinearRegression().fit(ROWS, [0.0, 1.0, 2.0, 4.0])
    inputs = Schema([ColSpec("float", "x"), ColSpec("double", "y")])
    signature = mlflow.models.ModelSignature(inputs, Schema([ColSpec("double")]))
    client.create_registered_model("price")
    with mlflow.start_run(experiment_id=experiment) as run:
        info = mlflow.sklearn.log_model(model, name="model", signature=signature, pip_requirements=[])
    client.create_model_version("price", info.model_uri, run_id=run.info.run_id, await_creation_for=0)
    registry = mlflow_registry(path)
    scores = registry.predictor(registry.version("price", "1")).predict(ROWS.astype({"y": "int64"}))
    np.testing.assert_allclose(scores, model.predict(ROWS), rtol=1e-5)


class Overtaken(MlflowRegistry):
    """Somebody else takes the alias away right after it was read."""

    def _points_at(self, client: Any, model: str, alias: str) -> str:
        seen = super()._points_at(client, model, alias)
        client.delete_registered_model_alias(model, alias)
        return seen


def test_an_alias_that_moves_right_after_it_was_read_is_noticed_and_no_move_is_kept(filled: Path) -> None:
    registry = mlflow_registry(filled)
    registry.move_alias("clicks", "raced", "1", expected="", key="m-4/first")
    with pytest.raises(Refused, match="'raced' of 'clicks' is gone, not at version 1"):
        Overtaken(RegistryAddress(uri=f"sqlite:///{filled}")).move_alias(
            "clicks", "raced", "2", expected="1", key="m-4/promote"
        )
    assert [move.key for move in registry.moves("clicks") if move.alias == "raced"] == ["m-4/first"]


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="no registry database"):
        mlflow_registry(tmp_path / "none.db").check()
    assert not (tmp_path / "none.db").exists()


def test_a_database_that_is_none_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"not a database, but long enough to be taken for one" * 100)
    with pytest.raises(SourceUnavailable, match="check registry"):
        mlflow_registry(tmp_path / "mlflow.db").check()


def test_a_model_whose_files_are_gone_can_not_be_loaded(new_database: Callable[[], Path]) -> None:
    import shutil

    path = new_database()
    fill(path)
    shutil.rmtree(path.parent / "artifacts")
    registry = mlflow_registry(path)
    champion = registry.champion("clicks", "champion")
    assert champion.inputs is None
    with pytest.raises(Unmeasurable, match="can't be loaded"):
        registry.predictor(champion)


def test_a_read_only_registry_can_be_read_and_refuses_tags(
    new_database: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = new_database()
    monkeypatch.chdir(path.parent)  # MLflow makes a folder named after the URI where it runs
    fill(path)
    registry = MlflowRegistry(RegistryAddress(uri=f"sqlite:///file:{path}?mode=ro&uri=true"))
    champion = registry.champion("clicks", "champion")
    with pytest.raises(Refused, match="read-only"):
        registry.tag(champion, "a", "b")


def test_a_server_that_is_down_is_said_soon_and_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("TRIAGE_TEST_URI", f"http://me:hunter2@127.0.0.1:{silent.getsockname()[1]}")
        address = RegistryAddress.model_validate({"uri": {"env": "TRIAGE_TEST_URI"}, "timeout": timedelta(seconds=1)})
        with pytest.raises(SourceUnavailable, match="check that the server runs") as raised:
            MlflowRegistry(address).check()
    assert "hunter2" not in str(raised.value)


def test_credentials_are_lent_to_mlflow_and_taken_back(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIAGE_TEST_TOKEN", "hunter2")
    monkeypatch.delenv("MLFLOW_TRACKING_TOKEN", raising=False)
    auth = {"bearer": {"env": "TRIAGE_TEST_TOKEN"}}
    registry = MlflowRegistry(RegistryAddress.model_validate({"uri": f"sqlite:///{filled}", "auth": auth}))
    with registry._at("looking"):
        assert os.environ["MLFLOW_TRACKING_TOKEN"] == "hunter2"
    assert "MLFLOW_TRACKING_TOKEN" not in os.environ


def test_what_is_started_later_does_not_inherit_the_address_of_a_registry(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    monkeypatch.setattr("mlflow.tracking._tracking_service.utils._tracking_uri", None)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://the.engineers.own")
    monkeypatch.delenv("MLFLOW_REGISTRY_URI", raising=False)
    mlflow_registry(filled).champion("clicks", "champion")
    assert mlflow.get_tracking_uri().endswith("mlflow.db")
    assert os.environ["MLFLOW_TRACKING_URI"] == "http://the.engineers.own"
    assert "MLFLOW_REGISTRY_URI" not in os.environ
