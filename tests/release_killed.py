"""The whole story of an incident by the shipped playbook, killed at every event of its journal.

MLflow on SQLite, the training job (a process of its own) and Envoy are real. Traffic, metrics and time are made up, and
kept in files, so that a process that is killed and the one that resumes see one world. ``python -m
tests.release_killed FOLDER`` prints one JSON document.
"""

import importlib
import json
import os
import pickle
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pyarrow.parquet as pq

from tests.killed import FatalJournal, in_a_fork
from tests.light_world import ALERT, ALERT_AT, CATALOG
from tests.release_world import RELEASE, Offers, World, believed
from tests.routed import Envoyed, envoyed
from triage import step
from triage.adapters.envoy import EnvoyRouter
from triage.adapters.memory import MemoryPredictor
from triage.adapters.mlflow_registry import MlflowRegistry
from triage.adapters.trainer_command import CommandTrainer
from triage.catalog import RegistryAddress
from triage.desk import Desk
from triage.incident import State
from triage.lab.traffic.simulation import Pace, Simulation
from triage.ports import ModelVersion, Predictor, Rollout, TrainingJob

NAME, MODEL = "shop-1", "shop"
ROOT = Path(__file__).parent.parent
TRAINING = "[python, -m, triage.lab.worlds.train, --trees, '40', --rare, '2']"
HEAVY = ("mlflow.pyfunc", "mlflow.sklearn", "skops.io", "sklearn.ensemble", "scipy.stats", "statsmodels.api")


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
    """MLflow itself, except that the champion's scores are those of a function, for nobody ever trained it."""

    def trained(self) -> int:
        """Runs of the experiment: the champion's, and one for each training that ever got so far."""
        uri = mlflow.get_tracking_uri()
        client = mlflow.MlflowClient(uri, uri)
        return len(client.search_runs([one.experiment_id for one in client.search_experiments()]))

    def predictor(self, version: ModelVersion) -> Predictor:  # type: ignore[override]
        return MemoryPredictor(version, believed) if version.version == "1" else super().predictor(version)


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


class Trainer(CommandTrainer):
    """Jobs as they are; while there is a ``trap``, the first one to be started outlives who started it."""

    trap: Path | None = None

    def start(self, job: TrainingJob) -> None:
        super().start(job)
        if self.trap is not None and self.trap.exists():
            self.trap.unlink()
            os.kill(os.getpid(), signal.SIGKILL)


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
        for name, rows in self.world.tables.items():
            (self.home / name).mkdir()
            pq.write_table(rows, self.home / name / "rows.parquet")
        self.wire()
        self.desk().receive(replace(ALERT, requested_by="bob"), self.world.catalog(self.home))

    def wire(self) -> None:
        """Let the world's ports be those of this run."""
        world, home = self.world, self.home
        uri = f"sqlite:///{home / 'mlflow.db'}"
        clock = KeptClock(home / "clock", ALERT_AT + world.after)
        router = Router(MODEL, self.envoy.routing)
        world.clock, world.router = clock, router  # type: ignore[assignment]
        world.registry = Registry(RegistryAddress(uri=uri))  # type: ignore[assignment]
        trainer = Trainer(home / "jobs", {"PYTHONPATH": str(ROOT), "MLFLOW_DISABLE_TELEMETRY": "true"})
        trainer.trap, world.trainer = home / "trap", trainer
        simulation = KeptSimulation(
            Offers(),
            Pace(240, world.requests_per_hour, 1800, failing={"2": self._failing} if self._failing else {}),
            clock,
            lambda: router.current(MODEL),
            cache(lambda number: world.registry.predictor(world.registry.version(MODEL, number)).predict),
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

    def lasting(self) -> list[tuple[str, str]]:
        """Kind and step of the events so far, but for those that say that a step began: each attempt writes one."""
        events = self.desk().events(NAME)
        return [(event.kind, event.data.get("step", "")) for event in events if event.kind != "step_started"]

    def last_step(self) -> str:
        """The step that the newest event is of."""
        events = self.desk().events(NAME)
        return next((str(event.data["step"]) for event in reversed(events) if "step" in event.data), "the beginning")

    def settle(self) -> bool:
        """Approve what waits for it; False where nothing does."""
        incident = self.desk().incident(NAME)
        if incident.state is State.WAITING_FOR_APPROVAL and incident.plan is not None:
            self.desk().approve(NAME, incident.plan.digest, "ann")
            return True
        return False

    def reach_the_release(self) -> None:
        """Up to the gate of the canary, and through it."""
        for _ in range(2):
            if self.advance() or not self.settle():
                raise SystemExit("the story did not come as far as its release")

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
                "jobs": len(list((self.home / "jobs").iterdir())),
                "runs": registry.trained(),  # type: ignore[attr-defined]
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
                        "events": [kind for kind, _ in self.lasting()],
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
    """Kill before an append and resume, kill after it and resume, and so on to the end; counts by step.

    A resumed process first writes again that a step began; so the kill moves on by one append until one stays. One more
    kill hits while the training job runs, where that is to come.
    """
    if not (story.home / "jobs").exists():
        (story.home / "trap").touch()
    killed: dict[str, int] = {}
    place, before = 1, True
    while True:
        length = len(story.lasting())
        caught = (story.home / "trap").exists()
        status = story.advance(place, before=before)
        if status == 0:
            if not story.settle():
                return killed
            place, before = 1, True
            continue
        if status != signal.SIGKILL:
            raise SystemExit(f"after {sum(killed.values())} kills a run ended with {status}")
        kept = story.lasting()
        if caught and not (story.home / "trap").exists():
            killed["amid the training"] = 1
            continue
        name = story.last_step()
        killed[name] = killed.get(name, 0) + 1
        if not before:
            place = 1 if len(kept) > length else place + 1
        before = not before


def shop() -> World:
    """The world of the story: a real training job, and limits that the few rows of a test can meet."""
    text = CATALOG + RELEASE.replace("[train]", TRAINING).replace("min_rows: 300", "min_rows: 100")
    return World(text=text.replace("deadline: 24h", "deadline: 24h, required_share: 0.3, min_points: 4"))


def stories(folder: Path) -> Iterator[Callable[[str, float], Story]]:
    for name in (*HEAVY, *(f"triage.steps.{name}" for name in step.names())):
        importlib.import_module(name)  # here, so that the forks find everything imported
    database, world = template(folder), shop()
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
            if failing:  # up to its release both are one story
                chain.reach_the_release()
            result[name] |= {"kills": everywhere(chain), "killed": chain.told()}
        print(json.dumps(result))


if __name__ == "__main__":
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    main(Path(sys.argv[1]))
