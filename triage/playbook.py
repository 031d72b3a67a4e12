"""YAML to a checked playbook: typed steps, a graph without cycles, changes only behind a gate."""

import copy
import graphlib
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, ValidationError

from triage import step as registry
from triage.catalog import Duration
from triage.checks import Check, OutputIs, PlanHas
from triage.document import Document
from triage.errors import ConfigError, Fault, NotFound, near
from triage.faults import faults_of

GATE = "request_approval"


class Retries(BaseModel):
    """How often a failed step is tried again, and the wait before the first retry; each later wait is twice as long."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    times: int = Field(0, ge=0, le=10)
    wait: Duration = timedelta(seconds=2)


class StepSpec(BaseModel):
    """One node of the graph: which step, with what, after which others, and what happens when it fails."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    uses: str
    title: str = ""
    params: dict[str, JsonValue] = Field(default_factory=dict, alias="with")
    needs: list[str] = []
    when: list[Check] = []
    timeout: Duration = timedelta(minutes=2)
    retries: Retries = Retries()
    on_error: Literal["continue", "stop", "needs_person"] = "continue"


class Spec(BaseModel):
    """The shape of a playbook file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    description: str = ""
    alerts: Annotated[list[str], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)] = []
    steps: list[StepSpec] = Field(min_length=1)


class Playbook:
    """A playbook that passed every check; its steps in an order that respects their needs."""

    def __init__(self, spec: Spec, document: Document) -> None:
        self.name = spec.name
        self.spec = spec
        self.document = document

    @staticmethod
    def outline(path: Path) -> Spec:
        """The shape of a file alone: its steps are not looked up. Raises ConfigError."""
        return Document.load(path).validate(Spec)

    @classmethod
    def load(cls, path: Path) -> "Playbook":
        """Read and check a file. Raises ConfigError with every fault."""
        return cls._checked(Document.load(path))

    @classmethod
    def parse(cls, text: str, name: str) -> "Playbook":
        """Check a text, such as the snapshot that a run carries. Raises ConfigError with every fault."""
        return cls._checked(Document.parse(text, name))

    @classmethod
    def _checked(cls, document: Document) -> "Playbook":
        spec = document.validate(Spec)
        faults = sorted(lint(spec, document))
        if faults:
            raise ConfigError(faults)
        return cls(spec, document)

    @cached_property
    def steps(self) -> tuple[StepSpec, ...]:
        """The steps, each after those it needs; otherwise as written."""
        place = {step.id: index for index, step in enumerate(self.spec.steps)}
        sorter = graphlib.TopologicalSorter({step.id: step.needs for step in self.spec.steps})
        sorter.prepare()
        ordered: list[StepSpec] = []
        ready: list[str] = []
        while sorter.is_active():
            ready.extend(sorter.get_ready())
            ready.sort(key=place.__getitem__)
            ordered.append(self.spec.steps[place[ready[0]]])
            sorter.done(ready.pop(0))
        return tuple(ordered)

    def ancestors(self, step: StepSpec) -> set[str]:
        """The ids of all steps that run before ``step``."""
        return _ancestors(step, {one.id: one for one in self.spec.steps})

    def adjusted(self, settings: Mapping[str, Mapping[str, JsonValue]]) -> "Playbook":
        """The same playbook with some parameters of some steps set otherwise, checked anew.

        ``settings`` maps step ids to parameters. Raises NotFound for a step that is not there, ConfigError for a fault.
        """
        if not any(settings.values()):
            return self
        data = copy.deepcopy(self.document.data)
        known = {step["id"]: step for step in data["steps"]}
        for name, params in settings.items():
            if name not in known:
                raise NotFound(f"playbook '{self.name}' has no step '{name}'", hint=near(name, known))
            known[name]["with"] = {**(known[name].get("with") or {}), **params}
        import yaml

        return self.parse(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), self.document.name)

    def params(self, step: StepSpec) -> BaseModel:
        """The validated parameters of ``step``."""
        return registry.load(step.uses).params.model_validate(step.params)


def shipped() -> Path:
    """The folder of the playbooks that come with the product."""
    checkout = Path(__file__).parent.parent / "playbooks"
    return checkout if checkout.is_dir() else Path(str(files("triage") / "playbooks"))


def every(folders: tuple[Path, ...] = ()) -> dict[str, Path]:
    """All playbooks by name: the shipped ones, and those of the person's ``folders``, which come before them."""
    return {path.stem: path for folder in (shipped(), *reversed(folders)) for path in sorted(folder.glob("*.yaml"))}


def find(name: str, folders: tuple[Path, ...] = ()) -> Path:
    """The file of the playbook called ``name``, the person's ``folders`` before the shipped one. Raises NotFound."""
    candidates = every(folders)
    if name not in candidates:
        raise NotFound(
            f"no playbook '{name}'", hint=near(name, candidates, listing="'triage playbook list' lists them")
        )
    return candidates[name]


def lint(spec: Spec, document: Document) -> Iterator[Fault]:
    """Every fault of a playbook that its shape alone does not show."""
    by_id: dict[str, StepSpec] = {}
    for index, step in enumerate(spec.steps):
        where = ("steps", index)
        if step.id in by_id:
            yield document.fault((*where, "id"), f"a second step with the id '{step.id}'", "give each step its own id")
        by_id[step.id] = step
    for index, step in enumerate(spec.steps):
        yield from _lint_step(step, ("steps", index), by_id, document)
    yield from _lint_graph(spec, by_id, document)


def _lint_step(
    step: StepSpec, where: tuple[Any, ...], by_id: dict[str, StepSpec], document: Document
) -> Iterator[Fault]:
    try:
        known = registry.load(step.uses)
    except NotFound as error:
        yield document.fault((*where, "uses"), error.message, error.hint)
    else:
        paths = [name for name, value in step.params.items() if _is_path(value)]
        for name in paths:
            yield document.fault(
                (*where, "with", name),
                f"a bare path to data, '{step.params[name]}'",
                "name it, with its version, under datasets in triage.yaml: playbooks hold no path",
            )
        try:
            known.params.model_validate({name: value for name, value in step.params.items() if name not in paths})
        except ValidationError as error:
            yield from faults_of(document, known.params, (*where, "with"), error)
    for position, need in enumerate(step.needs):
        if need not in by_id:
            yield document.fault((*where, "needs", position), f"no step with the id '{need}'", near(need, by_id))
    above = _ancestors(step, by_id)
    for position, check in enumerate(step.when):
        if isinstance(check, OutputIs) and check.step not in by_id:
            message = f"no step with the id '{check.step}'"
            yield document.fault((*where, "when", position, "step"), message, near(check.step, by_id))
        elif isinstance(check, OutputIs) and check.step not in above:
            after = step.id == check.step or step.id in _ancestors(by_id[check.step], by_id)
            hint = "name one that it needs" if after else f"add '{check.step}' to the needs of '{step.id}'"
            message = f"'{check.step}' does not run before this step"
            yield document.fault((*where, "when", position, "step"), message, hint)
        if isinstance(check, PlanHas) and check.action not in registry.names():
            yield document.fault(
                (*where, "when", position, "action"), f"no step '{check.action}'", near(check.action, registry.names())
            )


def _is_path(value: Any) -> bool:
    """Whether ``value`` names files or an address rather than a dataset of the catalogue."""
    if isinstance(value, list):
        return any(map(_is_path, value))
    return (
        isinstance(value, str)
        and re.search(r"^[/~.]*/|\w/\w|^[a-z]+\d?://|\.(parquet|csv|json|arrow)$", value) is not None
    )


def _lint_graph(spec: Spec, by_id: dict[str, StepSpec], document: Document) -> Iterator[Fault]:
    try:
        tuple(graphlib.TopologicalSorter({step.id: step.needs for step in by_id.values()}).static_order())
    except graphlib.CycleError as error:
        cycle = error.args[1]
        index = next(index for index, step in enumerate(spec.steps) if step.id == cycle[0])
        yield document.fault(
            ("steps", index, "needs"), f"a cycle: {' needs '.join(reversed(cycle))}", "remove one of these needs"
        )
        return
    for index, step in enumerate(spec.steps):
        above = _ancestors(step, by_id)
        if (
            step.uses in registry.names()
            and registry.load(step.uses).needs_approval
            and not any(by_id[name].uses == GATE for name in above)
        ):
            yield document.fault(
                ("steps", index, "uses"),
                f"'{step.uses}' changes what is served and no gate stands before it",
                f"let it need a step that uses '{GATE}'",
            )
        doomed = [name for name in above if by_id[name].on_error == "stop" and _never(by_id[name])]
        if _never(step) or doomed:
            yield document.fault(
                ("steps", index, "when"),
                f"'{step.id}' can never be reached: its checks exclude each other",
                "correct the checks",
            )


def _never(step: StepSpec) -> bool:
    """Whether the checks of ``step`` contradict each other, so that it can't ever run."""
    kinds = [set(check.kinds) for check in step.when if check.check == "cause_is"]
    if kinds and not set.intersection(*kinds):
        return True
    return any(
        check.check == "output_is"
        and check.at_least is not None
        and check.at_most is not None
        and check.at_least > check.at_most
        for check in step.when
    )


def _ancestors(step: StepSpec, by_id: dict[str, StepSpec]) -> set[str]:
    """The ids of all steps that run before ``step``."""
    found: set[str] = set()
    waiting = list(step.needs)
    while waiting:
        name = waiting.pop()
        if name in by_id and name not in found:
            found.add(name)
            waiting.extend(by_id[name].needs)
    return found
