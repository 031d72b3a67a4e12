"""The whole story of a release, killed at every event of its journal: MLflow on SQLite, and Envoy, are real.

``python -m tests.release_killed FOLDER`` prints one JSON document. Traffic, metrics and time are made up, and kept in
files, so that a process that is killed and the one that resumes see one world.
"""

import json
import os
import pickle
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd

from tests.killed import FatalJournal, in_a_fork
from tests.light_world import ALERT_AT
from tests.release_world import Offers, Predict, World, believed, truth
from tests.routed import Envoyed, envoyed
from triage.adapters.envoy import EnvoyRouter
from triage.adapters.memory import MemoryPredictor
from triage.adapters.mlflow_registry import MlflowRegistry
from triage.catalog import RegistryAddress
from triage.desk import Desk
from triage.incident import State
from triage.lab.traffic.simulation import Pace, Simulation
from triage.ports import ModelVersion, Rollout, TrainingJob, TrainingState

NAME, MODEL = "shop-1", "shop"
PREDICTS: dict[str, Predict] = {"1": believed, "2": truth}


class KeptClock:
    """Stands still until someone sleeps, in whichever process."""

    def __init__(self, path: Path, start: datetime) -> None:
        self._path, self._start = path, start

    def now(self) -> datetime:
        try:
            return datetime.fromtimestamp(float(self._path.read_text()), UTC)
        except FileNotFoundError:
            return self._start

    def sleep(self, seconds: float) -> None:
        self._path.with_suffix(".part").write_text(repr(self.now().timestamp() + seconds))
        self._path.with_suffix(".part").replace(self._path)


class KeptSimulation(Simulation):
    """What was made of the traffic so far lies in a file."""

    path: Path

    def advance(self) -> None:
        if self.path.exists():
            self.counters, self.logged, self._rng, self._reached, self._next_key = pickle.loads(self.path.read_bytes())
        before = self._reached
        super().advance()
        if self._reached > before:
            made = (self.counters, self.logged, self._rng, self._reached, self._next_key)
            self.path.with_suffix(".part").write_bytes(pickle.dumps(made))
            self.path.with_suffix(".part").replace(self.path)


class Registry(MlflowRegistry):
    """MLflow itself, except that a version's scores are those of a function: loading models would take minutes."""

    def predictor(self, version: ModelVersion) -> MemoryPredictor:  # type: ignore[override]
        return MemoryPredictor(version, PREDICTS[version.version])


class Router(EnvoyRouter):
    """Envoy itself; the traffic before each change is made as it was routed then, and every change is counted."""

    simulation: KeptSimulation
    changes: Path

    def apply(self, model: str, rollout: Rollout, key: str) -> None:
        self.simulation.advance()
        before = self._admin.routes_name()
        super().apply(model, rollout, key)
        if self._admin.routes_name() != before:
            with self.changes.open("a") as file:
                file.write(f"{rollout.champion} {rollout.challenger} {rollout.weight:g} {rollout.shadow:g}\n")


class Trainer:
    """Registers version 2 in MLflow, once for each job, as any training job would."""

    def __init__(self, folder: Path, uri: str) -> None:
        self._folder, self._uri = folder, uri

    def start(self, job: TrainingJob) -> None:
        self._folder.mkdir(exist_ok=True)
        client = mlflow.MlflowClient(self._uri, self._uri)
        first = client.get_model_version(MODEL, "1")
        run = client.create_run(client.get_run(first.run_id).info.experiment_id)
        client.create_model_version(
            MODEL, first.source, run_id=run.info.run_id, tags=dict(job.document["tags"]), await_creation_for=0
        )
        self._file(job.key).touch()

    def state(self, key: str) -> TrainingState | None:
        return TrainingState(running=False, exit_code=0) if self._file(key).exists() else None

    def cancel(self, key: str) -> None:
        return

    def _file(self, key: str) -> Path:
        return self._folder / key.replace("/", "-")


def template(folder: Path) -> Path:
    """A registry with version 1 of the shop's model, the champion, in ``folder``; its artifacts are beside it."""
    path = folder / "template.db"
    uri = f"sqlite:///{path}"
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    client = mlflow.MlflowClient(uri, uri)
    experiment = client.create_experiment("shop", artifact_location=str(folder / "artifacts"))
    rows = pd.DataFrame({"place": ["BE"], "bargain": [0.5], "age": [40.0]})
    signature = mlflow.models.infer_signature(rows, [0.5])
    with mlflow.start_run(experiment_id=experiment) as run:
        info = mlflow.pyfunc.log_model(
            name="model", python_model=_Constant(), signature=signature, pip_requirements=[], infer_code_paths=False
        )
    client.create_registered_model(MODEL)
    client.create_model_version(MODEL, info.model_uri, run_id=run.info.run_id, await_creation_for=0)
    client.set_registered_model_alias(MODEL, "champion", "1")
    return path


class _Constant(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def] # hints would be its signature
        return [0.5] * len(model_input)


class Story:
    """One run of the story, in ``home``, against an Envoy of its own; version 2 fails the share ``failing``."""

    def __init__(self, world: World, home: Path, database: Path, envoy: Envoyed, failing: float) -> None:
        self.world, self.home, self.envoy, self._failing = world, home, envoy, failing
        self._database = database

    def begin(self) -> None:
        self.home.mkdir(parents=True)
        shutil.copy(self._database, self.home / "mlflow.db")
        self.wire()
        self.world.opened(self.home)

    def wire(self) -> None:
        """Let the world's ports be those of this run."""
        world, home = self.world, self.home
        uri = f"sqlite:///{home / 'mlflow.db'}"
        clock = KeptClock(home / "clock", ALERT_AT + world.after)
        router = Router(MODEL, self.envoy.routing)
        world.clock, world.router = clock, router  # type: ignore[assignment]
        world.registry = Registry(RegistryAddress(uri=uri))  # type: ignore[assignment]
        world.trainer = Trainer(home / "jobs", uri)
        simulation = KeptSimulation(
            Offers(),
            Pace(240, world.requests_per_hour, 1800, failing={"2": self._failing} if self._failing else {}),
            clock,
            lambda: router.current(MODEL),
            PREDICTS.__getitem__,
            _rng(),
            ALERT_AT,
            first_key=10**7,
        )
        simulation.path = home / "traffic.pickle"
        router.simulation, router.changes = simulation, home / "changes.txt"
        world.simulation = simulation

    def advance(self, fatal: int = 0, *, before: bool = True) -> int:
        """The wait status of a process that goes on until the story settles, or is killed at an append."""

        def go_on() -> None:
            desk = self.desk()
            if fatal:
                desk.journal = FatalJournal(desk.journal.path, self.world.clock)
                desk.journal.fatal, desk.journal.before = fatal, before
            desk.advance(NAME)

        return in_a_fork(go_on)

    def desk(self) -> Desk:
        return self.world.desk(self.home)

    def lasting(self) -> list[str]:
        """The kinds of the events so far, but for those that say that a step began: each attempt writes one."""
        return [event.kind for event in self.desk().events(NAME) if event.kind != "step_started"]

    def settle(self) -> bool:
        """Approve what waits for it; False where nothing does."""
        incident = self.desk().incident(NAME)
        if incident.state is State.WAITING_FOR_APPROVAL and incident.plan is not None:
            self.desk().approve(NAME, incident.plan.digest, "ann")
            return True
        return False

    def finish(self) -> None:
        while True:
            status = self.advance()
            if status:
                raise SystemExit(f"a run that nobody killed ended with {status}")
            if not self.settle():
                return

    def told(self) -> dict[str, Any]:
        """How it ended, and what was done to the world; not the figures, which are the made-up traffic's."""
        path = self.home / "told.json"

        def tell() -> None:
            desk, registry = self.desk(), self.world.registry
            incident = desk.incident(NAME)
            versions, release = registry.versions(MODEL), incident.release
            assert release is not None
            registry_says = {
                "versions": [[one.version, sorted(one.aliases), sorted(one.tags or ())] for one in versions],
                "moves": [[move.previous, move.version] for move in registry.moves(MODEL)],
                "training": len(list((self.home / "jobs").iterdir())),
            }
            path.write_text(
                json.dumps(
                    {
                        "end": {
                            "state": incident.state.value,
                            "steps": {name: record.outcome for name, record in incident.steps.items()},
                            "release": [release.champion, release.challenger, release.stage.value, release.weight],
                        },
                        "reason": incident.state_reason,
                        "registry": registry_says,
                        "serving": [[one.role, one.version] for one in self.world.router.serving(MODEL)],
                        "changes": self.world.router.changes.read_text().splitlines(),  # type: ignore[attr-defined]
                        "events": self.lasting(),
                        "chain": desk.verify(NAME).length == len(desk.events(NAME)),
                    }
                )
            )

        if in_a_fork(tell):
            raise SystemExit("the story can't be told")
        found: dict[str, Any] = json.loads(path.read_text())
        return {**found, "loads": [*self.envoy.blue.loads, *self.envoy.green.loads]}


def _rng() -> Any:
    import numpy as np

    return np.random.default_rng(11)


def everywhere(story: Story) -> dict[str, int]:
    """Kill before an append and resume, kill after it and resume, and so on to the end; counts by event.

    A resumed process first writes again that a step began; so the kill moves on by one append until one stays.
    """
    killed: dict[str, int] = {}
    place, before = 1, True
    while True:
        length = len(story.lasting())
        status = story.advance(place, before=before)
        if status == 0:
            if not story.settle():
                return killed
            place, before = 1, True
            continue
        if status != signal.SIGKILL:
            raise SystemExit(f"after {sum(killed.values())} kills a run ended with {status}")
        kept = story.lasting()
        name = f"{'before' if before else 'after'} {kept[-1] if not before else 'the next'}"
        killed[name] = killed.get(name, 0) + 1
        if not before:
            place = 1 if len(kept) > length else place + 1
        before = not before


def stories(folder: Path) -> Iterator[Callable[[str, float], Story]]:
    database, world = template(folder), World()
    opened: list[Envoyed] = []

    def make(name: str, failing: float) -> Story:
        envoy = envoyed(folder / name / "envoy")
        opened.append(envoy)
        story = Story(world, folder / name / "home", database, envoy, failing)
        story.begin()
        return story

    try:
        yield make
    finally:
        for envoy in opened:
            envoy.stop()


def main(folder: Path) -> None:
    for make in stories(folder):
        result: dict[str, Any] = {}
        for name, failing in (("better", 0.0), ("worse", 0.05)):
            whole = make(f"{name}-whole", failing)
            whole.finish()
            result[name] = {"whole": whole.told()}
            chain = make(f"{name}-killed", failing)
            result[name] |= {"kills": everywhere(chain), "killed": chain.told()}
        print(json.dumps(result))


if __name__ == "__main__":
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    main(Path(sys.argv[1]))
