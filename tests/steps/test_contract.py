"""What every step promises, whatever it measures."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from tests.light_world import ALERT, World, registry, world
from triage.codec import canonical, decode, encode
from triage.engine import Run
from triage.errors import SourceUnavailable
from triage.incident import Effect, Evidence, Incident, Outcome, Verdict
from triage.performing import context, perform
from triage.playbook import Playbook, StepSpec
from triage.scope import Scope
from triage.step import Context, load, names

STEPS = [load(name) for name in names()]
CHANGES = [step for step in STEPS if step.effect is Effect.CHANGE and not step.gated]
RUNGS = [step for step in STEPS if step.about is not None]
each_step = pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
each_change = pytest.mark.parametrize("step", CHANGES, ids=lambda step: step.name)
each_rung = pytest.mark.parametrize("step", RUNGS, ids=lambda step: step.name)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Path, Incident]:
    """A healthy model whose alert was a false one: every step ran, also those that only follow an all-clear."""
    made, home = world(far=0.1), tmp_path_factory.mktemp("home")
    return made, home, made.run(home)


@pytest.fixture
def given(finished: tuple[World, Path, Incident]) -> Callable[..., Context]:
    """A maker of contexts over the finished incident, with a registry of their own."""
    made, home, incident = finished

    def make(name: str, **ports: Any) -> Context:
        spec = StepSpec(id=name, uses=name)
        gated = f"{{id: gate, uses: request_approval}}, {{id: {name}, uses: {name}, needs: [gate]}}"
        book = Playbook.parse(f"name: one\ntitle: x\nsteps: [{gated}]", "one.yaml")
        catalog = made.catalog(home)
        connected = replace(made.connect(catalog), **{"registry": registry(), **ports})
        return context(Run(spec, 1), incident, book, catalog, connected, Scope(), lambda line: None)

    return make


def tags(ctx: Context) -> dict[str, str]:
    found = ctx.ports.registry.champion("shop", "champion").tags or {}
    return {name: value for name, value in found.items() if value}


@each_step
def test_it_says_in_one_line_what_it_does(step: Any) -> None:
    assert step.summary.endswith((".", "?"))
    assert step.params.__doc__


@each_step
def test_a_parameter_that_does_not_exist_is_refused(step: Any) -> None:
    with pytest.raises(ValidationError):
        step.params.model_validate({"no_such": 1})


@each_step
def test_a_misspelt_parameter_is_refused_at_its_line(step: Any) -> None:
    book = f"name: one\ntitle: x\nsteps:\n  - {{id: a, uses: {step.name}, with: {{no_such: 1}}}}\n"
    with pytest.raises(Exception, match=r"one\.yaml:4 .*no such key 'no_such'. Hint: allowed: "):
        Playbook.parse(book, "one.yaml")


@each_step
def test_it_gives_the_same_findings_twice(step: Any, given: Callable[..., Context]) -> None:
    def said() -> str:
        ctx = given(step.name)
        return canonical(perform(Run(StepSpec(id=step.name, uses=step.name), 1), ctx, now=ctx.ports.clock.now))

    assert said() == said()


@each_step
def test_a_read_changes_nothing(step: Any, given: Callable[..., Context]) -> None:
    if step.effect is Effect.CHANGE:
        return
    ctx = given(step.name)
    before = tags(ctx)
    perform(Run(StepSpec(id=step.name, uses=step.name), 1), ctx, now=ctx.ports.clock.now)
    assert tags(ctx) == before


@each_change
def test_a_preview_changes_nothing(step: Any, given: Callable[..., Context]) -> None:
    ctx = given(step.name)
    before = tags(ctx)
    assert step.preview(ctx)
    assert tags(ctx) == before


@each_change
def test_running_twice_has_one_effect(step: Any, given: Callable[..., Context]) -> None:
    ctx = given(step.name)
    load("mark_stale").run(ctx)
    step.run(ctx)
    once = tags(ctx)
    again = Run(StepSpec(id=step.name, uses=step.name), 2, probe=True)
    perform(again, ctx, now=ctx.ports.clock.now)
    assert tags(ctx) == once


@each_change
def test_what_has_not_happened_is_not_found(step: Any, given: Callable[..., Context]) -> None:
    assert step.probe(given(step.name)) is None


@each_change
def test_undo_restores_what_was_there(step: Any, given: Callable[..., Context]) -> None:
    ctx = given(step.name)
    champion = ctx.ports.registry.champion("shop", "champion")
    ctx.ports.registry.tag(champion, "triage.stale", '["other-3"]')
    before = tags(ctx)
    done = step.run(ctx)
    assert tags(ctx) != before
    step.undo(ctx, done)
    assert tags(ctx) == before


@each_change
def test_undo_after_a_probe_restores_as_well(step: Any, given: Callable[..., Context]) -> None:
    ctx = given(step.name)
    champion = ctx.ports.registry.champion("shop", "champion")
    ctx.ports.registry.tag(champion, "triage.stale", '["other-3"]')
    before = tags(ctx)
    step.run(ctx)
    found = step.probe(ctx)
    assert found is not None
    step.undo(ctx, found)
    assert tags(ctx) == before


class Down:
    """A source that never answers."""

    def __getattr__(self, name: str) -> Any:
        def refuse(*_: Any, **__: Any) -> Any:
            raise SourceUnavailable("nothing answers", hint="start it")

        return refuse


@each_rung
def test_without_its_sources_a_rung_is_unmeasured_with_a_reason_and_a_hint(
    step: Any, given: Callable[..., Context]
) -> None:
    ctx = given(step.name, metrics=Down(), windows=Down(), registry=Down())
    entries = perform(Run(StepSpec(id=step.name, uses=step.name), 1), ctx, now=ctx.ports.clock.now)
    found = [decode(Evidence, encode(item)) for item in entries[0].data["evidence"]]
    assert [item.verdict for item in found if item.about is step.about and not item.part_of] == [Verdict.UNMEASURED]
    assert all(item.statement and item.hint for item in found if item.verdict is Verdict.UNMEASURED)


def test_every_figure_names_its_source_with_version_and_digest(finished: tuple[World, Path, Incident]) -> None:
    _, _, incident = finished
    measured = [item for item in incident.evidence if item.verdict is not Verdict.UNMEASURED]
    assert measured
    for item in measured:
        assert any(source.name and source.digest for source in item.sources), item.id
        for source in item.sources:
            assert source.version or source.kind == "query", (item.id, source)


def test_the_shipped_playbook_ran_every_step_of_it(finished: tuple[World, Path, Incident]) -> None:
    _, _, incident = finished
    assert {record.outcome for record in incident.steps.values() if not record.skipped} == {Outcome.DONE}
    remedies = {record.id for record in incident.steps.values() if record.skipped}
    assert {"approval", "retrain", "comparison", "canary", "promotion", "rollback", "recovery"} <= remedies
    assert not remedies & {"stale", "kpi", "diagnosis", "plan", "review"}
    assert incident.alert == ALERT
    assert np.isfinite(
        [measure.value for item in incident.evidence for measure in item.measures if measure.value]
    ).all()
