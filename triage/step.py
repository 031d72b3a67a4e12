"""The contract of a step, and the registry of those that exist: one file each under ``triage/steps``.

A step is a module with a one-line docstring and

- ``about``: the kind of cause it gives evidence on (or None);
- ``effect``: ``Effect.READ`` or ``Effect.CHANGE``; with ``gated = False`` a change that can't touch what is served;
- ``Params``: a pydantic model, which gives YAML validation, JSON schema, help and forms;
- ``run(ctx) -> Findings``;
- for a change also ``preview(ctx)``, ``probe(ctx)`` (did my effect already happen?) and ``undo(ctx, done)``;
- for a step that takes hours also ``tick(ctx)``: `run` and `tick` may answer `UnderWay` in place of `Findings`.
"""

import hashlib
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

from triage.errors import NotFound, Unmeasurable, near
from triage.incident import CauseKind, Diagnosis, Effect, Evidence, Incident, Plan, Release, StepRecord
from triage.ports import Clock, Metrics, Registry, Router, RuleStore, RuleTester, Trainer, Windows

if TYPE_CHECKING:
    import numpy as np
    from pydantic import BaseModel

    from triage.catalog import Catalog, Model
    from triage.scope import Scope


LEFT_FOR_A_PERSON = "left_for_a_person"
"""The output of a step that says what remains to be done by hand."""
CONCLUDED = "concluded"
"""The output of a step that says how the incident ended well."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The world, as one catalogue names it."""

    metrics: Metrics
    windows: Windows
    registry: Registry
    clock: Clock
    trainer: Trainer | None = None
    router: Router | None = None
    rules: RuleStore | None = None
    rule_tester: RuleTester | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What a step is given. ``key`` is its idempotency key: the same for every attempt at the same step.

    ``stopped`` says whether the incident was aborted, its plan rejected, or its release withdrawn meanwhile; a step
    that takes long asks it often, and one that changes what is served asks it before and after.
    """

    incident: Incident
    step: str
    params: Any
    key: str
    catalog: "Catalog"
    model: "Model"
    ports: Ports
    scope: "Scope"
    rng: "np.random.Generator"
    progress: Callable[[str], None]
    stopped: Callable[[], bool] = lambda: False

    @property
    def record(self) -> StepRecord:
        """How far this step came before, as the journal tells it."""
        return self.incident.steps.get(self.step) or StepRecord(self.step, self.step)


@dataclass(frozen=True, slots=True)
class Findings:
    """What a step found. ``outputs`` are small JSON values that checks and later steps may read."""

    evidence: tuple[Evidence, ...] = ()
    outputs: Mapping[str, Any] = field(default_factory=dict)
    diagnosis: Diagnosis | None = None
    plan: Plan | None = None
    release: Release | None = None
    """One that is to be withdrawn and has not been yet is withdrawn by the engine, before anything else."""
    due: datetime | None = None
    """A step that is done and wants to look again then, for as long as others wait on a person."""


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A step that goes on at ``due``: the engine writes this down, and calls its `tick` then.

    ``state`` (small JSON values) replaces what the step said before and is all that its next tick may rely on;
    ``look`` is added to those before. What is decided is written down by one tick and done by the next, so that a
    process that was killed anywhere goes on from what is on disk. A tick may be repeated; it has its effect once.
    """

    state: Mapping[str, Any]
    due: datetime
    statement: str = ""
    look: Mapping[str, Any] | None = None
    release: Release | None = None
    for_a_person: bool = False
    """It holds: a person should look, and meanwhile it goes on watching."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step as the engine and the linter see it."""

    name: str
    summary: str
    about: CauseKind | None
    effect: Effect
    gated: bool
    params: "type[BaseModel]"
    module: ModuleType

    @property
    def needs_approval(self) -> bool:
        """Whether it is a change that could touch what is served."""
        return self.effect is Effect.CHANGE and self.gated

    def run(self, ctx: Context) -> Findings | UnderWay:
        return self.module.run(ctx)

    def tick(self, ctx: Context) -> Findings | UnderWay:
        """Go on with what is under way, by ``ctx.record``."""
        return self.module.tick(ctx)

    def preview(self, ctx: Context) -> str:
        """What `run` would change, in words; changes nothing."""
        return self.module.preview(ctx)

    def probe(self, ctx: Context) -> Findings | UnderWay | None:
        """The findings of an effect that already happened, or None. Raises Unmeasurable when it can't be known."""
        return self.module.probe(ctx)

    def undo(self, ctx: Context, done: Findings) -> None:
        self.module.undo(ctx, done)


@cache
def names() -> tuple[str, ...]:
    """The names of all steps, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules([str(Path(__file__).parent / "steps")])))


@cache
def load(name: str) -> Step:
    """The step called ``name``. Raises NotFound with the nearest name there is."""
    if name not in names():
        raise NotFound(f"no step '{name}'", hint=near(name, names(), listing="'triage steps' lists them all"))
    module = importlib.import_module(f"triage.steps.{name}")
    return Step(
        name=name,
        summary=(module.__doc__ or "").strip().splitlines()[0],
        about=module.about,
        effect=module.effect,
        gated=getattr(module, "gated", module.effect is Effect.CHANGE),
        params=module.Params,
        module=module,
    )


def seeded(name: str) -> "np.random.Generator":
    """Random numbers that follow from ``name`` alone: a resumed run, which reads again, draws what the first one drew.

    What is read once for several steps has a name of its own; the generator of a context is its step's.
    """
    import numpy as np

    return np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]))


def unmeasured(reason: str, *, hint: str = "") -> NoReturn:
    """Say that nothing could be measured; it becomes `unmeasured` evidence, which never passes for healthy."""
    raise Unmeasurable(reason, hint=hint)
