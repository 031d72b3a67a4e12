"""The contract of a step, and the registry of those that exist: one file each under ``triage/steps``.

A step is a module with a one-line docstring and

- ``about``: the kind of cause it gives evidence on (or None);
- ``effect``: ``Effect.READ`` or ``Effect.CHANGE``; with ``gated = False`` a change that can't touch what is served;
- ``Params``: a pydantic model, which gives YAML validation, JSON schema, help and forms;
- ``run(ctx) -> Findings``;
- for a change also ``preview(ctx)``, ``probe(ctx)`` (did my effect already happen?) and ``undo(ctx, done)``.
"""

import hashlib
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

from triage.errors import NotFound, Unmeasurable, near
from triage.incident import CauseKind, Diagnosis, Effect, Evidence, Incident, Plan
from triage.ports import Clock, Metrics, Registry, Router, Trainer, Windows

if TYPE_CHECKING:
    import numpy as np
    from pydantic import BaseModel

    from triage.catalog import Catalog, Model
    from triage.scope import Scope


LEFT_FOR_A_PERSON = "left_for_a_person"
"""The output of a step that says what remains to be done by hand."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The world, as one catalogue names it."""

    metrics: Metrics
    windows: Windows
    registry: Registry
    clock: Clock
    trainer: Trainer | None = None
    router: Router | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What a step is given. ``key`` is its idempotency key: the same for every attempt at the same step.

    ``stopped`` says whether the incident was aborted meanwhile; a step that takes long asks it often.
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


@dataclass(frozen=True, slots=True)
class Findings:
    """What a step found. ``outputs`` are small JSON values that checks and later steps may read."""

    evidence: tuple[Evidence, ...] = ()
    outputs: Mapping[str, Any] = field(default_factory=dict)
    diagnosis: Diagnosis | None = None
    plan: Plan | None = None


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

    def run(self, ctx: Context) -> Findings:
        return self.module.run(ctx)

    def preview(self, ctx: Context) -> str:
        """What `run` would change, in words; changes nothing."""
        return self.module.preview(ctx)

    def probe(self, ctx: Context) -> Findings | None:
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
