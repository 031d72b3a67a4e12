"""The three laws, attacked: every way round the gates that we know."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.light_world import version
from tests.release_steps import Meddling, approved, at_the_release, moves, tags
from tests.release_world import COMPARED, World, believed, forged, ports_of, truth
from triage.adapters.memory import MemoryClock
from triage.desk import Desk
from triage.engine import Run
from triage.errors import ConfigError, LeaseHeld
from triage.incident import Incident, Outcome, State
from triage.journal import Entry
from triage.performing import context, perform
from triage.playbook import Playbook
from triage.ports import Rollout
from triage.scope import Scope
from triage.staleness import incidents


def promoting(steps: str) -> str:
    gate = "  - {id: gate, uses: request_approval}\n"
    return (
        f"name: story\ntitle: A short cut\nsteps:\n{gate}{steps}  - {{id: promotion, uses: promote, needs: [gate]}}\n"
    )


def replanned(desk: Desk, name: str, **changes: Any) -> Incident:
    """A forged plan of a release, approved."""
    found = desk.incident(name)
    assert found.plan is not None
    made = replace(found.plan, covers=("canary", "promote"), challenger="2", digest="sha256:" + "f" * 64, **changes)
    desk.journal.append(name, [Entry("planned", {"plan": made})])
    desk.advance(name)
    desk.approve(name, made.digest, "ann")
    return desk.advance(name)


def test_a_playbook_that_promotes_without_any_evidence_is_refused_at_run_time(home: Path) -> None:
    world = World()
    world.registry.add(version("2", aliases=()), truth)
    desk, name = world.opened(home, promoting(""))
    done = replanned(desk, name)
    assert done.steps["promotion"].outcome is Outcome.REFUSED
    assert "no challenger was compared" in done.steps["promotion"].reason
    assert world.served() == ("1", "1")


@pytest.mark.parametrize("verdict", ["fail", "inconclusive", "no_data"])
def test_a_comparison_that_was_not_passed_releases_nothing(home: Path, verdict: str) -> None:
    world = World()
    world.registry.add(version("2", aliases=()), truth)
    desk, name = world.opened(home, promoting(""))
    entries = forged("c", "compare_challenger", champion="1", challenger="2", verdict=verdict)
    desk.journal.append(name, entries)
    done = replanned(desk, name)
    assert "did not pass the comparison" in done.steps["promotion"].reason
    assert world.served() == ("1", "1")


def test_a_version_without_lineage_is_not_released(home: Path) -> None:
    world = World()
    world.registry.add(version("2", aliases=()), truth)
    desk, name = world.opened(home, promoting(""))
    desk.journal.append(name, forged("c", "compare_challenger", champion="1", challenger="2", verdict="pass"))
    done = replanned(desk, name)
    assert "lineage of version 2 is incomplete: triage.job" in done.steps["promotion"].reason
    assert world.served() == ("1", "1")


def without(book: str, *steps: str) -> str:
    """``book`` without ``steps``; what needed one of them needs what stands before it."""
    document = yaml.safe_load(book)
    for gone in steps:
        removed = next(step for step in document["steps"] if step["id"] == gone)
        document["steps"].remove(removed)
        for step in document["steps"]:
            needs = step.get("needs", [])
            step["needs"] = [name for need in needs for name in (removed["needs"] if need == gone else [need])]
            step["when"] = [check for check in step.get("when", []) if check.get("step") != gone]
    return yaml.safe_dump(document, sort_keys=False)


def test_a_promotion_without_its_canary_is_refused(home: Path) -> None:
    world = World()
    desk, name, waits = at_the_release(world, home, without(COMPARED, "canary"))
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    done = desk.advance(name)
    assert "no canary of version 2 beside version 1 has passed" in done.steps["promotion"].reason
    assert world.served() == ("1", "1")


def test_an_approval_of_the_training_does_not_let_a_release_through(home: Path) -> None:
    """A canary that hangs on the first gate: the plan that was approved there does not cover it."""
    world = World()
    desk, name = world.compared(home, without(COMPARED, "release_plan"))
    done = approved(desk, name)
    assert done.steps["canary"].outcome is Outcome.REFUSED
    assert "does not cover 'canary'" in done.steps["canary"].reason
    assert world.router.current("shop") == Rollout("1")


def test_a_release_without_any_gate_is_refused_by_the_linter_and_at_run_time(home: Path) -> None:
    world = World()
    with pytest.raises(ConfigError, match="no gate stands before it"):
        world.compared(home, without(COMPARED, "release_approval"))
    book = Playbook.parse(COMPARED, "story.yaml")
    _, _, waits = at_the_release(world, home / "other")
    spec = next(step for step in book.steps if step.id == "canary")
    catalog = world.catalog(home)
    ctx = context(Run(spec, 1), waits, book, catalog, world.connect(catalog), Scope(), print)
    (entry, *_) = perform(Run(spec, 1), ctx, now=world.clock.now)
    assert entry.data["outcome"] is Outcome.REFUSED
    assert "is not approved" in entry.data["reason"]


def test_a_stale_approval_opens_nothing(home: Path) -> None:
    world = World()
    desk, name, waits = at_the_release(world, home)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann", ttl=timedelta(minutes=5))
    world.clock.sleep(301)
    late = desk.advance(name)
    assert late.state is State.WAITING_FOR_APPROVAL
    assert "expired" in late.state_reason
    assert "canary" not in late.steps


def test_an_alias_moved_outside_before_the_canary_voids_the_approval(home: Path) -> None:
    world = World()
    desk, name, waits = at_the_release(world, home)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    world.registry.add(version("9"), believed)
    done = desk.advance(name)
    assert "now 9 is" in done.steps["canary"].reason
    assert world.served() == ("9", "1")


def test_an_alias_moved_outside_during_the_canary_ends_it_and_is_said(home: Path) -> None:
    world = World()
    desk, name, waits = at_the_release(world, home)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    meddled = Meddling(world.router, 0.5, lambda: world.registry.add(version("9"), believed))
    done = world.desk(home, lambda ports: ports_of(ports, router=meddled)).advance(name)
    assert done.state is State.NEEDS_PERSON
    assert "was moved outside, from version 1 to 9" in done.state_reason
    assert world.served() == ("9", "1")
    assert world.router.current("shop") == Rollout("1")


def test_two_executors_never_work_on_one_release(home: Path) -> None:
    world = World()
    desk, name, waits = at_the_release(world, home)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    refused: list[str] = []
    moment = MemoryClock(world.clock.now())  # the world's own leaps, faster than any lease is renewed

    def interfere() -> None:
        with pytest.raises(LeaseHeld) as held:
            Desk(home, moment, world.connect).advance(name)
        refused.append(str(held.value))

    meddled = Meddling(world.router, 0.1, interfere)
    done = world.desk(home, lambda ports: ports_of(ports, router=meddled)).advance(name)
    assert refused
    assert done.state is State.CLOSED
    assert moves(world) == [("1", "2")]


def test_a_dismissed_drift_alert_leaves_the_model_stale(home: Path) -> None:
    world = World()
    desk, name = world.opened(home)
    desk.advance(name)
    desk.reject(name, "it is nothing", "eve")
    desk.advance(name)
    desk.abort(name, "I said it is nothing", "eve")
    assert incidents(tags(world, "1")) == (name,)
