"""From an approved plan to a compared challenger, on a real registry, and every way round the gate that we know."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from triage.adapters.memory import MemoryClock
from triage.catalog import Catalog
from triage.desk import Desk
from triage.diagnosis.plan import plan
from triage.errors import Refused
from triage.incident import Alert, Cause, CauseKind, Diagnosis, Incident, Outcome, State
from triage.journal import Entry
from triage.ports import ModelVersion
from triage.reading.provenance import audit, family
from triage.step import Ports
from triage.wiring import connect

END = datetime(2026, 11, 4, tzinfo=UTC)
CATALOG = """
version: 1
prometheus: {recorded: metrics}
registry: {uri: sqlite:///mlflow.db}
datasets:
  log: {version: "1", path: log.parquet, time: served_at, key: id}
  truth: {version: "1", path: truth.parquet, time: labelled_at, key: id}
models:
  clicks:
    registered_model: clicks
    task: classification
    kpi: {name: rate, query: rate, direction: higher_is_better, target: 0.5}
    serving_log: {dataset: log, prediction: score}
    labels: {dataset: truth, column: label}
    baseline: {dataset: log}
    approval: {four_eyes: true}
    training: {command: [python, train.py], days: 5}
"""
PLAYBOOK = """
name: retraining
title: A gate, and what it guards
steps:
  - {id: approval, uses: request_approval}
  - {id: retrain, uses: retrain, needs: [approval], on_error: needs_person}
  - {id: comparison, uses: compare_challenger, needs: [retrain], on_error: needs_person}
"""
TRAIN = """
import json, os, pathlib, time
import mlflow, pandas as pd
from sklearn.linear_model import LogisticRegression
job = json.load(open(os.environ["TRIAGE_JOB"]))
pathlib.Path(f"begun-{os.getpid()}").touch()
while pathlib.Path("hold").exists():
    time.sleep(0.05)
uri = f"sqlite:///{pathlib.Path('mlflow.db').resolve()}"
mlflow.set_tracking_uri(uri)
mlflow.set_registry_uri(uri)
rows = pd.read_parquet("log.parquet").merge(pd.read_parquet("truth.parquet"), on="id")
start, end = (pd.Timestamp(job["window"][side]) for side in ("start", "end"))
rows = rows[(rows.served_at >= start) & (rows.served_at < end)]
model = LogisticRegression().fit(rows[["x"]], rows.label)
client = mlflow.MlflowClient(uri, uri)
signature = mlflow.models.infer_signature(rows[["x"]], model.predict_proba(rows[["x"]])[:, 1])
with mlflow.start_run(experiment_id=client.get_experiment_by_name("clicks").experiment_id) as run:
    mlflow.log_params({"C": 1.0, "seed": job["seed"]})
    mlflow.set_tag("triage.code", "train 1.0")
    info = mlflow.sklearn.log_model(model, name="model", signature=signature, pip_requirements=["scikit-learn==1.9.1"])
client.create_model_version("clicks", info.model_uri, run_id=run.info.run_id, tags=job["tags"], await_creation_for=0)
"""


def write_rows(folder: Path) -> None:
    rng = np.random.default_rng(7)
    n = 9_000
    served = pd.to_datetime(np.sort(rng.uniform((END - timedelta(days=9)).timestamp(), END.timestamp(), n)), unit="s")
    x = rng.normal(size=n)
    ids = np.arange(n)
    at = served.tz_localize("UTC").as_unit("us")
    pd.DataFrame({"id": ids, "served_at": at, "x": x, "score": 0.5}).to_parquet(folder / "log.parquet")
    label = (rng.random(n) < 1 / (1 + np.exp(-2 * x))).astype(int)
    pd.DataFrame({"id": ids, "labelled_at": at, "label": label}).to_parquet(folder / "truth.parquet")


def register_champion(folder: Path) -> None:
    """A champion that has the sign of ``x`` wrong."""
    import mlflow
    from sklearn.linear_model import LogisticRegression

    uri = f"sqlite:///{folder / 'mlflow.db'}"
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    client = mlflow.MlflowClient(uri, uri)
    rows = pd.DataFrame({"x": [-1.0, -0.5, 0.5, 1.0]})
    model = LogisticRegression().fit(rows, [1, 1, 0, 0])
    experiment = client.create_experiment("clicks", artifact_location=str(folder / "artifacts"))
    client.create_registered_model("clicks")
    signature = mlflow.models.infer_signature(rows, model.predict_proba(rows)[:, 1])
    with mlflow.start_run(experiment_id=experiment) as run:
        info = mlflow.sklearn.log_model(model, name="model", signature=signature, pip_requirements=[])
    client.create_model_version("clicks", info.model_uri, run_id=run.info.run_id, await_creation_for=0)
    client.set_registered_model_alias("clicks", "champion", "1")


def prepared(folder: Path) -> Catalog:
    write_rows(folder)
    (folder / "train.py").write_text(TRAIN)
    (folder / "playbooks").mkdir()
    (folder / "playbooks" / "retraining.yaml").write_text(PLAYBOOK)
    (folder / "triage.yaml").write_text(CATALOG)
    return Catalog.load(folder / "triage.yaml")


@pytest.fixture
def clock() -> MemoryClock:
    return MemoryClock(END)


@pytest.fixture
def catalog(tmp_path: Path, new_database: Callable[[], Path]) -> Catalog:
    new_database()
    register_champion(tmp_path)
    return prepared(tmp_path)


@pytest.fixture
def desk(tmp_path: Path, clock: MemoryClock, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("TRIAGE_HOME", str(tmp_path / "home"))
    return Desk(tmp_path / "home", clock, connect)


def opened(desk: Desk, catalog: Catalog) -> str:
    """An incident that stands before its gate, with a plan to retrain."""
    alert = Alert("Drop", "clicks", END, requested_by="bob")
    name = desk.receive(alert, catalog, playbook="retraining").incident
    replan(desk, name)
    return name


def replan(desk: Desk, name: str, why: str = "x moved") -> None:
    diagnosis = Diagnosis(why, (Cause(CauseKind.FEATURE_DRIFT, "x", 0.9, 1.0, why),))
    made = plan(diagnosis, "clicks", "1", ())
    desk.journal.append(name, [Entry("diagnosed", {"diagnosis": diagnosis}), Entry("planned", {"plan": made})])


def digest(desk: Desk, name: str) -> str:
    found = desk.incident(name).plan
    assert found is not None
    return found.digest


def versions(catalog: Catalog) -> tuple[ModelVersion, ...]:
    return connect(catalog).registry.versions("clicks")


def outcome(incident: Incident, step: str) -> Outcome | None:
    return incident.steps[step].outcome


def test_an_approved_retraining_ends_with_a_verdict_and_moves_no_alias(desk: Desk, catalog: Catalog) -> None:
    name = opened(desk, catalog)
    assert desk.advance(name).state is State.WAITING_FOR_APPROVAL
    assert len(versions(catalog)) == 1
    desk.approve(name, digest(desk, name)[:20], "ann")
    done = desk.advance(name)
    assert done.state is State.NEEDS_PERSON, done.state_reason
    assert "version 2 passed" in done.state_reason
    assert done.steps["comparison"].outputs["verdict"] == "pass"
    challenger, champion = versions(catalog)
    assert champion.aliases == ("champion",)
    assert challenger.aliases == ()
    registry = connect(catalog).registry
    assert registry.load_artifact(challenger, "pipeline.json")
    assert registry.load_artifact(challenger, "training.profile")
    assert desk.advance(name).length == done.length


def test_a_version_that_triage_had_trained_can_be_built_again_and_its_parent_is_known(
    desk: Desk, catalog: Catalog
) -> None:
    name = opened(desk, catalog)
    desk.advance(name)
    desk.approve(name, digest(desk, name), "ann")
    desk.advance(name)
    ports, model = connect(catalog), catalog.model("clicks")
    found = audit(catalog, model, ports, ports.registry.version("clicks", "2"), reread=True)
    assert found.rebuildable, found.gaps
    assert [item.found for item in found.items if item.what.startswith("data") and "read again" not in item.found] == []
    members = {member.version: member for member in family(ports.registry, "clicks")}
    assert (members["2"].parent, members["2"].incident) == ("1", name)
    assert [source.name for source in members["2"].data] == ["log", "truth"]
    (reign,) = desk.champions(model, ports.registry)
    assert (reign.version, reign.outside) == ("1", False)


def test_an_alias_that_somebody_moved_by_hand_shows_among_the_champions(
    tmp_path: Path, desk: Desk, catalog: Catalog
) -> None:
    import mlflow

    name = opened(desk, catalog)
    desk.advance(name)
    desk.approve(name, digest(desk, name), "ann")
    desk.advance(name)
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    mlflow.MlflowClient(uri, uri).set_registered_model_alias("clicks", "champion", "2")
    first, outside = desk.champions(catalog.model("clicks"), connect(catalog).registry)
    assert (first.version, outside.version, outside.outside, outside.by) == ("1", "2", True, "")


def killed_in_training(folder: Path, name: str) -> None:
    """An executor of its own process, killed once its job has begun; the job is held up until ``hold`` is gone."""
    (folder / "hold").touch()
    script = (
        "from pathlib import Path; from triage.adapters.memory import MemoryClock; from triage.desk import Desk\n"
        "from triage.wiring import connect, home; from datetime import datetime, UTC\n"
        f"Desk(home(), MemoryClock(datetime(2026, 11, 4, tzinfo=UTC)), connect).advance({name!r})"
    )
    executor = subprocess.Popen([sys.executable, "-c", script], cwd=Path(__file__).parents[1])
    for _ in range(1200):
        if list(folder.glob("begun-*")):
            break
        time.sleep(0.05)
    executor.kill()
    executor.wait()


def test_an_executor_killed_during_the_training_leaves_one_version_after_all(
    tmp_path: Path, desk: Desk, catalog: Catalog
) -> None:
    name = opened(desk, catalog)
    desk.advance(name)
    desk.approve(name, digest(desk, name), "ann")
    killed_in_training(tmp_path, name)
    (tmp_path / "hold").unlink()
    done = desk.advance(name)
    assert "version 2 passed" in done.state_reason
    assert done.steps["retrain"].attempts == 2
    assert len(list(tmp_path.glob("begun-*"))) == 1
    assert len(versions(catalog)) == 2


@pytest.mark.parametrize(("word", "ends"), [("abort", State.ABORTED), ("reject", State.NEEDS_PERSON)])
def test_a_no_ends_the_training_of_an_executor_that_was_killed(
    tmp_path: Path, desk: Desk, catalog: Catalog, word: str, ends: State
) -> None:
    name = opened(desk, catalog)
    desk.advance(name)
    desk.approve(name, digest(desk, name), "ann")
    killed_in_training(tmp_path, name)
    trainer = connect(catalog).trainer
    assert trainer is not None
    running = trainer.state(f"{name}/retrain")
    assert running is not None
    assert running.running
    assert getattr(desk, word)(name, "wrong model", "eve").state is ends
    ended = trainer.state(f"{name}/retrain")
    assert ended is not None
    assert not ended.running
    (tmp_path / "hold").unlink()
    assert desk.advance(name).state is ends
    assert len(versions(catalog)) == 1


class _Unreachable:
    """A trainer that must not be asked."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"the trainer was asked to {name}")


def test_the_gate_holds_against_every_approval_that_does_not_fit(
    desk: Desk, catalog: Catalog, clock: MemoryClock
) -> None:
    name = opened(desk, catalog)
    shut = Desk(desk.home, clock, lambda catalog: replace(connect(catalog), trainer=_Unreachable()))  # type: ignore[arg-type]
    assert shut.advance(name).state is State.WAITING_FOR_APPROVAL
    with pytest.raises(Refused, match="another person"):
        shut.approve(name, digest(desk, name), "Bob")
    with pytest.raises(Refused, match="the plan is"):
        shut.approve(name, "0" * 64, "ann")

    shut.approve(name, digest(desk, name), "ann", ttl=timedelta(minutes=5))
    clock.sleep(301)
    assert "expired" in shut.advance(name).state_reason

    before = digest(desk, name)
    shut.approve(name, before, "ann")
    replan(desk, name, "something else moved")
    assert shut.advance(name).state is State.WAITING_FOR_APPROVAL
    with pytest.raises(Refused, match="the plan is"):
        shut.approve(name, before, "ann")

    shut.reject(name, "not tonight", "eve")
    assert "not tonight" in shut.advance(name).state_reason
    with pytest.raises(Refused, match="rejected by eve"):
        shut.approve(name, digest(desk, name), "ann")
    assert len(versions(catalog)) == 1


def test_an_approval_is_void_once_the_champion_moved(desk: Desk, catalog: Catalog, tmp_path: Path) -> None:
    import mlflow

    name = opened(desk, catalog)
    desk.advance(name)
    desk.approve(name, digest(desk, name), "ann")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client = mlflow.MlflowClient(uri, uri)
    first = client.get_model_version("clicks", "1")
    client.create_model_version("clicks", first.source, run_id=first.run_id, await_creation_for=0)
    client.set_registered_model_alias("clicks", "champion", "2")
    done = desk.advance(name)
    assert outcome(done, "retrain") is Outcome.REFUSED
    assert "now 2 is" in done.state_reason
    assert len(versions(catalog)) == 2


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("pass", "has its tag"),
        ("raise SystemExit('out of memory')", "out of memory"),
        (TRAIN.replace('[["x"]]', '[["x", "score"]]'), "another signature"),
        (TRAIN + 'client.set_registered_model_alias("clicks", "champion", "2")', "serves already"),
    ],
)
def test_a_job_that_does_not_keep_its_promise_is_found_out(
    desk: Desk, catalog: Catalog, tmp_path: Path, script: str, words: str
) -> None:
    (tmp_path / "train.py").write_text(script)
    name = opened(desk, catalog)
    desk.advance(name)
    desk.approve(name, digest(desk, name), "ann")
    done = desk.advance(name)
    assert done.state is State.NEEDS_PERSON
    assert words in done.state_reason
    assert done.steps["comparison"].outcome is not Outcome.DONE if "comparison" in done.steps else True


def test_a_job_that_hangs_is_ended_said_and_tried_again_when_a_person_says_so(
    desk: Desk, catalog: Catalog, tmp_path: Path
) -> None:
    text = CATALOG.replace("days: 5}", "days: 5, timeout: 2s}")
    (tmp_path / "triage.yaml").write_text(text)
    (tmp_path / "train.py").write_text("import time; time.sleep(600)")
    name = opened(desk, Catalog.load(tmp_path / "triage.yaml"))
    desk.advance(name)
    desk.approve(name, digest(desk, name), "ann")
    stopped = desk.advance(name)
    assert stopped.state is State.NEEDS_PERSON
    assert "took longer than 2 s" in stopped.state_reason
    assert [one.version for one in versions(catalog) if "champion" in one.aliases] == ["1"]
    again = desk.advance(name, again=True)
    assert again.steps["retrain"].attempts == 2
    assert "took longer than 2 s" in again.state_reason


def test_a_comparison_without_a_labelled_row_in_its_window_passes_nobody(
    desk: Desk, catalog: Catalog, tmp_path: Path
) -> None:
    """The labels of the hold-out are gone when the comparison begins, in another process than the training's."""
    name = opened(desk, catalog)
    desk.advance(name)
    desk.approve(name, digest(desk, name), "ann")

    def trained() -> bool:
        record = desk.incident(name).steps.get("retrain")
        return record is not None and record.outcome is not None

    desk.advance(name, stop=trained)
    labels = pd.read_parquet(tmp_path / "truth.parquet")
    labels[labels.labelled_at < END - timedelta(days=4)].to_parquet(tmp_path / "truth.parquet")
    done = desk.advance(name)
    assert done.state is State.NEEDS_PERSON
    assert done.steps["comparison"].outputs.get("verdict") != "pass"
    assert "did not pass (no data)" in done.state_reason
    assert [one.version for one in versions(catalog) if "champion" in one.aliases] == ["1"]


@pytest.mark.parametrize(("word", "ends"), [("abort", State.ABORTED), ("reject", State.NEEDS_PERSON)])
def test_a_no_ends_the_training_that_runs(desk: Desk, catalog: Catalog, tmp_path: Path, word: str, ends: State) -> None:
    name = opened(desk, catalog)
    desk.advance(name)
    desk.approve(name, digest(desk, name), "ann")
    (tmp_path / "hold").touch()

    class Overruled:
        """The real trainer; somebody says no as soon as it has started a job."""

        def __init__(self, ports: Ports) -> None:
            self._trainer = ports.trainer

        def start(self, job: object) -> None:
            self._trainer.start(job)  # type: ignore[union-attr, arg-type]
            getattr(Desk(desk.home, MemoryClock(END), connect), word)(name, "wrong model", "eve")

        def __getattr__(self, called: str) -> object:
            return getattr(self._trainer, called)

    ports = connect(catalog)
    hurried = Desk(desk.home, MemoryClock(END), lambda _: replace(ports, trainer=Overruled(ports)))  # type: ignore[arg-type]
    done = hurried.advance(name)
    assert done.state is ends
    state = ports.trainer.state(f"{name}/retrain") if ports.trainer else None
    assert state is not None
    assert not state.running
    assert len(versions(catalog)) == 1
    with pytest.raises(Refused, match=r"aborted|rejected by eve"):
        desk.approve(name, digest(desk, name), "ann")
