"""The story goes on: its desk with simulated traffic after the alert, so that the remedy can be carried to its end."""

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np

from triage.adapters.memory import MemoryClock
from triage.catalog import Catalog
from triage.desk import Desk
from triage.lab.traffic.ports import SimulatedMetrics, SimulatedRouter, SimulatedWindows
from triage.lab.traffic.simulation import Pace, Predict, Simulation
from triage.lab.worlds.registered import DATABASE
from triage.lab.worlds.signals import CONVERSION_SECONDS
from triage.lab.worlds.story import REQUESTS_PER_SECOND
from triage.lab.worlds.story_rows import traffic
from triage.lab.worlds.story_visitors import StoryVisitors
from triage.lab.worlds.world import World
from triage.ports import Rollout
from triage.step import Ports
from triage.wiring import connect

LOGGED_PER_HOUR = 240_000 / 30 / 24
_AT_FIRST = "mlflow.first.db"
_SEED = 3


def released_desk(world: World, home: Path) -> Desk:
    """A desk whose clock starts at the alert, and whose router and visitors are in memory; the registry is the world's.

    The registry is put back to what it was when the world was made: each rehearsal starts with the same champion.
    """
    _back_to_the_beginning(world.folder)
    clock = MemoryClock(world.alert_starts_at + timedelta(minutes=5))
    router = SimulatedRouter({})
    return Desk(home, clock, lambda catalog: _ports(catalog, world, clock, router))


def _back_to_the_beginning(folder: Path) -> None:
    """Artifacts are only ever added, so the database is all there is to put back."""
    first = folder / _AT_FIRST
    if not first.exists():
        shutil.copyfile(folder / DATABASE, first)
    beside = folder / f"{DATABASE}.part"
    shutil.copyfile(first, beside)
    beside.replace(folder / DATABASE)


def _ports(catalog: Catalog, world: World, clock: MemoryClock, router: SimulatedRouter) -> Ports:
    real, model = connect(catalog), catalog.model(world.model)
    champion = real.registry.champion(model.registered_model, model.alias).version
    predict_of = _predictors(real, model.registered_model)
    if router.simulation is None:
        router.apply(model.registered_model, Rollout(champion), "the world as it was")
        rng = np.random.default_rng(_SEED)
        rate = float(world.truth()["conversion"]["incident_in_new_region"])
        visitors = StoryVisitors(world.folder, predict_of(champion), rate, world.alert_starts_at.timestamp(), rng)
        router.simulation = Simulation(
            visitors,
            Pace(LOGGED_PER_HOUR, REQUESTS_PER_SECOND * 3600, 2 * 3600, step_seconds=900, profile=_profile),
            clock,
            lambda: router.current(model.registered_model),
            predict_of,
            rng,
            world.alert_starts_at,
            first_key=10**9,
        )
    simulation = router.simulation
    return Ports(
        metrics=SimulatedMetrics(
            real.metrics, simulation, model, world.alert_starts_at.timestamp(), kpi_delay_seconds=CONVERSION_SECONDS
        ),
        windows=SimulatedWindows(real.windows, simulation, catalog, model),
        registry=real.registry,
        clock=clock,
        trainer=real.trainer,
        router=router,
    )


def _profile(at: float) -> float:
    return float(traffic(np.array([at]))[0])


def _predictors(ports: Ports, model: str) -> Callable[[str], Predict]:
    loaded: dict[str, Predict] = {}

    def predict_of(version: str) -> Predict:
        if version not in loaded:
            loaded[version] = ports.registry.predictor(ports.registry.version(model, version)).predict
        return loaded[version]

    return predict_of
