"""Diagnose cases as the product does: alert, desk, the shipped playbook, journal."""

import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path

from triage.desk import Desk
from triage.incident import Alert, Diagnosis, Drop, Evidence, Incident, Outcome, Plan
from triage.lab.bench.baselines import Ranking, rankings
from triage.lab.bench.case import Case, Recipe, Truth, make
from triage.lab.bench.situation import ALERT, INCIDENT
from triage.lab.bench.world import MODEL, world_of

PLAYBOOK = "model_quality_drop"


@dataclass(frozen=True, slots=True)
class Result:
    """What a diagnosis found beside what is true. ``failed`` names the steps that did not run to their end."""

    name: str
    dataset: str
    family: str
    truths: tuple[Truth, ...]
    diagnosis: Diagnosis | None
    plan: Plan | None
    evidence: tuple[Evidence, ...]
    seconds: float
    failed: tuple[str, ...]
    baselines: dict[str, Ranking]

    @property
    def drop(self) -> Drop | None:
        return self.diagnosis.drop if self.diagnosis else None

    @property
    def onset(self) -> datetime | None:
        return self.drop.onset if self.drop else None


def diagnose_case(case: Case) -> Result:
    """The diagnosis of ``case`` by the whole playbook, and what the baselines say of the same rows."""
    catalog, ports = world_of(case)
    with tempfile.TemporaryDirectory(prefix="triage-bench-") as home:
        desk = Desk(Path(home), ports.clock, lambda _: ports)
        alert = Alert("ModelQualityDrop", MODEL, ALERT, origin="triage bench")
        receipt = desk.receive(alert, catalog, playbook=PLAYBOOK, window=INCIDENT)
        started = time.process_time()
        incident = desk.advance(receipt.incident)
        seconds = time.process_time() - started
        desk.journal.close()
    recipe = case.recipe
    return result_of(
        recipe.name,
        recipe.dataset,
        recipe.family,
        case.truths,
        incident,
        seconds,
        rankings(case.healthy, case.incident),
    )


def result_of(
    name: str,
    dataset: str,
    family: str,
    truths: tuple[Truth, ...],
    incident: Incident,
    seconds: float,
    baselines: dict[str, Ranking],
) -> Result:
    """What ``incident`` came to, as the benchmark keeps it."""
    ended = incident.steps.values()
    failed = tuple(f"{step.id}: {step.reason}" for step in ended if step.outcome is Outcome.FAILED)
    return Result(
        name, dataset, family, truths, incident.diagnosis, incident.plan, incident.evidence, seconds, failed, baselines
    )


def run_all(recipes: Iterable[Recipe], progress: Callable[[str], None], *, jobs: int) -> list[Result]:
    """The results of ``recipes``, in their order; those that can't be made are left out."""
    wanted, results = list(recipes), []
    for place, (recipe, result) in enumerate(zip(wanted, _results(wanted, jobs), strict=True), start=1):
        progress(f"{place} of {len(wanted)}: {recipe.name}")
        if result is not None:
            results.append(result)
    return results


def _results(recipes: list[Recipe], jobs: int) -> Iterator[Result | None]:
    if jobs <= 1:
        yield from map(_one, recipes)
        return
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as workers:
        yield from workers.map(_one, recipes)


def _one(recipe: Recipe) -> Result | None:
    case = make(recipe)
    return diagnose_case(case) if case is not None else None
