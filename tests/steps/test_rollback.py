"""Back from a bad deploy: the plan names the version, the traffic goes first, and nothing moves without an approval."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.light_world import ALERT, version
from tests.release_steps import approved
from tests.release_world import World, believed
from triage.desk import Desk
from triage.diagnosis.plan import plan
from triage.errors import Refused
from triage.incident import Cause, CauseKind, Diagnosis, Outcome, State
from triage.journal import Entry
from triage.ports import Rollout
from triage.staleness import incidents, mark

BOOK = """\
name: story
title: A deploy was bad
steps:
  - {id: rollback_approval, uses: request_approval}
  - {id: rollback, uses: rollback, needs: [rollback_approval], retries: {times: 1}, on_error: needs_person}
  - id: rollback_recovery
    uses: watch_recovery
    needs: [rollback]
    when: [{check: output_is, step: rollback, name: done, at_least: 1}]
"""


def deployed(world: World, home: Path, *, previous: str = "1", arrived: str = "2") -> tuple[Desk, str]:
    """Version 2 became the champion, and was a bad one."""
    world.registry.add(version("2"), believed)
    world.router.apply("shop", Rollout("2"), "the deploy")
    (home / "playbooks").mkdir(parents=True)
    (home / "playbooks" / "story.yaml").write_text(BOOK)
    desk = world.desk(home)
    name = desk.receive(replace(ALERT, requested_by="bob"), world.catalog(home), playbook="story").incident
    cause = Cause(CauseKind.BAD_DEPLOY, f"version {arrived}", 0.9, 1.0, f"version {arrived} answers worse")
    diagnosis = Diagnosis("a bad deploy", (cause,))
    made = plan(diagnosis, "shop", "2", (), previous=previous)
    desk.journal.append(name, [Entry("diagnosed", {"diagnosis": diagnosis}), Entry("planned", {"plan": made})])
    return desk, name


def test_an_approved_rollback_moves_traffic_and_alias_and_is_followed(tmp_path: Path) -> None:
    world = World()
    world.simulation.shop = replace(world.shop, far=0.1)  # with the old version conversions are as they were
    desk, name = deployed(world, tmp_path)
    done = approved(desk, name)
    assert world.served() == ("1", "1")
    assert done.steps["rollback"].outputs["champion"] == "1"
    assert done.state is State.CLOSED, done.state_reason
    assert done.state_reason.startswith("recovered: conversion with version 1")


def test_who_called_the_bad_version_stale_says_so_of_the_one_that_serves_again(tmp_path: Path) -> None:
    world = World()
    desk, name = deployed(world, tmp_path)
    mark(world.registry, world.registry.version("shop", "1"), "shop-0", world.clock.now())
    mark(world.registry, world.registry.version("shop", "2"), name, world.clock.now())
    approved(desk, name)
    assert world.served() == ("1", "1")
    assert set(incidents(world.registry.version("shop", "1").tags)) == {"shop-0", name}


def test_a_plan_that_knows_no_version_before_can_not_be_approved_into_a_rollback(tmp_path: Path) -> None:
    world = World()
    desk, name = deployed(world, tmp_path, previous="")
    done = desk.advance(name)
    assert done.state is State.NEEDS_PERSON
    assert "nothing of this plan can be done from here" in done.state_reason
    assert world.served() == ("2", "2")


def test_a_version_that_is_gone_is_not_gone_back_to(tmp_path: Path) -> None:
    world = World()
    desk, name = deployed(world, tmp_path, previous="7")
    done = approved(desk, name)
    assert done.state is State.NEEDS_PERSON
    assert "nothing to go back to" in done.state_reason
    assert world.served() == ("2", "2")


def test_a_router_that_is_away_stops_the_rollback_to_be_resumed(tmp_path: Path) -> None:
    world = World()
    world.simulation.shop = replace(world.shop, far=0.1)
    desk, name = deployed(world, tmp_path)
    waits = desk.advance(name)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    world.router.broken.add("1")
    stopped = desk.advance(name)
    assert stopped.state is State.NEEDS_PERSON
    assert "can't be loaded" in stopped.state_reason
    assert world.served() == ("2", "2")
    world.router.broken.clear()
    assert desk.advance(name, again=True).state is State.CLOSED
    assert world.served() == ("1", "1")


def test_without_a_router_it_is_said_what_is_left(tmp_path: Path) -> None:
    world = World()
    desk, name = deployed(world, tmp_path)
    waits = desk.advance(name)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    done = world.desk(tmp_path, lambda ports: replace(ports, router=None)).advance(name)
    assert done.state is State.NEEDS_PERSON
    assert "send the traffic of shop to version 1" in done.state_reason
    assert world.served() == ("2", "2")


def test_what_was_rolled_back_is_not_rolled_back_again(tmp_path: Path) -> None:
    world = World()
    world.simulation.shop = replace(world.shop, far=0.1)
    desk, name = deployed(world, tmp_path)
    approved(desk, name)
    with pytest.raises(Refused, match="already"):
        desk.rollback(name, "again", "eve")


class Elsewhere:
    """A router that refuses every word, as KServe's does while its work tree has another branch checked out."""

    def __getattr__(self, name: str) -> Any:
        def refuse(*_: Any) -> Any:
            raise Refused("the tree has 'topic' checked out, not 'main'", hint="git switch main")

        return refuse


def test_a_router_that_refuses_is_not_taken_for_none_and_the_approval_holds_for_the_retry(tmp_path: Path) -> None:
    world = World()
    world.simulation.shop = replace(world.shop, far=0.1)
    desk, name = deployed(world, tmp_path)
    waits = desk.advance(name)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    elsewhere = world.desk(tmp_path, lambda ports: replace(ports, router=Elsewhere()))  # type: ignore[arg-type]
    stopped = elsewhere.advance(name)
    assert stopped.steps["rollback"].outcome is Outcome.FAILED
    assert "the router refused: the tree has 'topic' checked out" in stopped.state_reason
    assert desk.advance(name, again=True).state is State.CLOSED
    assert world.served() == ("1", "1")
