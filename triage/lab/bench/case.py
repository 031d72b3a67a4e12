"""A scenario of the benchmark: its recipe (a few words and a seed), and the case with its truth that comes of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import NamedTuple

import numpy as np

from triage.incident import CauseKind
from triage.lab.bench.customer import customer
from triage.lab.bench.model import MODELS
from triage.lab.bench.plant import PLANTS, Planted, decoy
from triage.lab.bench.situation import HEALTHY, INCIDENT, Situation, drawn

SEVERITIES = (0.35, 0.65, 1.0)
HEALTHY_FAMILY, HARMLESS_FAMILY = "healthy", "harmless"
PAIRS = (
    "data_fault+population",
    "data_fault+concept",
    "population+concept",
    "data_fault+bad_version",
    "outage+data_fault",
    "skew+concept",
    "prior+data_fault",
)
FAMILIES = (*PLANTS, HEALTHY_FAMILY, HARMLESS_FAMILY, *PAIRS, HEALTHY_FAMILY, HARMLESS_FAMILY)
"""One round. Windows in which nothing is wrong come twice: false alarms are rare, and must be counted on many."""
ON_LABELS = ("population", "prior", "concept", "outage", "label_fault", "hidden", "healthy", "population+concept")
"""Families that are also planted where the KPI is the mean label itself."""
ATTEMPTS = 12
LEAST_RELATIVE_DROP, LEAST_STANDARD_ERRORS, LEAST_PART = 0.08, 6.0, 0.15


class Recipe(NamedTuple):
    dataset: str
    model: str
    family: str
    severity: float
    seed: int

    @property
    def name(self) -> str:
        return f"{self.dataset}/{self.model}/{self.family}/{self.severity:g}/{self.seed}"


@dataclass(frozen=True, slots=True)
class Truth:
    """One planted cause: the names that are right answers, its ``share`` of the KPI's drop, and since when."""

    kind: CauseKind
    fault: str
    subjects: tuple[str, ...]
    share: float
    onset: datetime


@dataclass(frozen=True, slots=True)
class Case:
    """``truths`` are empty where nothing is wrong, else by share, largest first."""

    recipe: Recipe
    healthy: Situation
    incident: Situation
    truths: tuple[Truth, ...]
    with_reference: bool


def recipes(datasets: tuple[str, ...], *, rounds: int, seed: int) -> Iterator[Recipe]:
    """``rounds`` recipes of each family, on one data set after the other, spread over models and severities."""
    turn = count(seed)
    for index in range(rounds):
        for row, family in enumerate(FAMILIES):
            place = next(turn)
            rng = np.random.default_rng([seed, place])
            yield Recipe(
                datasets[(seed + row + index) % len(datasets)],
                MODELS[int(rng.integers(len(MODELS)))],
                family,
                float(rng.choice(SEVERITIES)),
                seed * 1_000_003 + place,
            )


def make(recipe: Recipe) -> Case | None:
    """The case of ``recipe``; None where this family can't make the KPI of this customer fall."""
    pool = customer(recipe.dataset, recipe.model)
    for attempt in range(ATTEMPTS):
        rng = np.random.default_rng([recipe.seed, attempt])
        by_label = recipe.family in ON_LABELS and rng.random() < 0.4
        healthy = drawn(pool, HEALTHY, rng, kpi_is_label=by_label)
        now = drawn(pool, INCIDENT, rng, kpi_is_label=by_label)
        with_reference = bool(rng.random() < 0.6) or "skew" in recipe.family
        severity = min(1.0, recipe.severity * (1 + attempt / 6))
        if recipe.family == HARMLESS_FAMILY or rng.random() < 0.4:
            now = decoy(now, rng)
        if recipe.family in (HEALTHY_FAMILY, HARMLESS_FAMILY):
            return Case(recipe, healthy, now, (), with_reference)
        planted = _plant(now, recipe, attempt, severity, healthy)
        if planted is not None:
            return Case(recipe, healthy, planted[0], planted[1], with_reference)
    return None


def _plant(
    now: Situation, recipe: Recipe, attempt: int, severity: float, healthy: Situation
) -> tuple[Situation, tuple[Truth, ...]] | None:
    """Plant the causes of the family, one after the other. None unless the KPI falls, and each is felt.

    Of two, each one's cost is its Shapley value: the mean of what it costs by itself, and on top of the other.
    """
    rng = np.random.default_rng([recipe.seed, attempt, 0])
    span = INCIDENT.length.total_seconds()
    onset = INCIDENT.start.timestamp() + (float(rng.uniform(0, 0.25)) * span if rng.random() < 0.5 else 0.0)

    def plant(family: str, into: Situation) -> Planted | None:
        dice = np.random.default_rng([recipe.seed, attempt, 1 + list(PLANTS).index(family)])
        return PLANTS[family](into, dice, severity, onset)

    base, found, costs = now, list[Planted](), list[float]()
    for family in sorted(recipe.family.split("+"), key=list(PLANTS).index):
        planted, alone = plant(family, now), plant(family, base)
        if planted is None or alone is None:
            return None
        found.append(planted)
        costs.append(alone.situation.level - base.level)
        now = planted.situation
    drop, total = now.level - healthy.level, now.level - base.level
    if len(costs) == 2:
        costs = [(cost + total - other) / 2 for cost, other in (costs, costs[::-1])]
    spread = float(np.nanstd(healthy.badness)) / np.sqrt(max(np.isfinite(now.badness).sum(), 1))
    enough = max(LEAST_STANDARD_ERRORS * spread, LEAST_RELATIVE_DROP * abs(healthy.level))
    if drop < enough or any(cost < LEAST_PART * total for cost in costs):
        return None
    at = datetime.fromtimestamp(onset, tz=UTC)
    truths = [
        Truth(one.kind, one.fault, one.subjects, cost / total, at) for one, cost in zip(found, costs, strict=True)
    ]
    return now, tuple(sorted(truths, key=lambda truth: -truth.share))
