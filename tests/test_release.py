"""From an approved plan to a recovered model, on traffic that goes on; and who may stop it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.release_steps import Meddling, approved, at_the_release, moves, tags
from tests.release_world import FAR, RELEASE, Offers, World, ports_of, truth
from triage.errors import Refused
from triage.incident import ReleaseStage, State
from triage.ports import Rollout
from triage.staleness import incidents


def test_the_whole_story_ends_recovered_with_one_alias_moved(home: Path) -> None:
    world = World()
    desk, name = world.opened(home)
    waits = approved(desk, name)
    assert waits.state is State.WAITING_FOR_APPROVAL, waits.state_reason
    assert world.served() == ("1", "1")
    assert waits.steps["shadow"].outputs["verdict"] == "pass"
    assert waits.release is not None
    assert waits.release.stage is ReleaseStage.IDLE
    assert world.router.current("shop") == Rollout("1")
    assert waits.plan is not None
    assert "hours at" in waits.plan.summary
    desk.approve(name, waits.plan.digest, "ann")
    done = desk.advance(name)
    assert done.state is State.CLOSED, done.state_reason
    assert done.state_reason.startswith("recovered: conversion")
    assert world.served() == ("2", "2")
    assert moves(world) == [("1", "2")]
    assert sorted({look["weight"] for look in done.steps["canary"].looks}) == [0.1, 0.5]
    assert done.steps["promotion"].outputs["served"] == ["2"]
    assert "triage.stale" in tags(world, "1")
    assert "triage.stale" not in tags(world, "2")
    assert desk.advance(name).length == done.length
    desk.verify(name)


def test_a_version_stays_stale_until_recent_data_says_otherwise(home: Path) -> None:
    world = World(text=World().text.replace("deadline: 24h", "deadline: 13h"))
    desk, name, waits = at_the_release(world, home)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    world.recorded = ()  # nobody can read the KPI any more
    done = desk.advance(name)
    assert done.state is State.NEEDS_PERSON
    assert "not known by the deadline" in done.state_reason
    assert world.served() == ("2", "2")
    assert incidents(tags(world, "2")) == (name,)


def worse_sales(rows: pd.DataFrame) -> np.ndarray:
    """Right on average and in the log, and yet it shows the offers that sell least."""
    return 0.6 - truth(rows)


def test_a_challenger_that_fails_more_requests_is_rolled_back_by_itself(home: Path) -> None:
    world = World(failing={"2": 0.05})
    desk, name, waits = at_the_release(world, home)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    done = desk.advance(name)
    assert done.state is State.NEEDS_PERSON
    assert "harm above 0 is shown" in done.state_reason
    assert world.served() == ("1", "1")
    assert moves(world) == []
    assert done.release is not None
    assert done.release.serves_nobody
    assert done.steps["promotion"].skipped
    assert world.router.current("shop") == Rollout("1")


def test_a_challenger_that_fails_its_comparison_gets_no_traffic(home: Path) -> None:
    world = World(challenger=worse_sales)
    desk, name = world.opened(home)
    done = approved(desk, name)
    assert done.state is State.NEEDS_PERSON
    assert "failed against version 1" in done.state_reason
    assert done.release is None
    assert done.steps["shadow"].skipped


@dataclass(frozen=True, slots=True)
class Fixed(Offers):
    """Whatever is shown sells with this chance."""

    chance: float = 0.0

    def serve(self, rng: np.random.Generator, seconds: np.ndarray, predict: Any) -> Any:
        return replace(Offers(FAR).serve(rng, seconds, predict), chances=np.full(len(seconds), self.chance))


def sells_afterwards(world: World, chance: float) -> None:
    """Once version 2 serves everybody."""
    shop = Fixed(chance=chance)

    def step(begin: float, rollout: Rollout) -> None:
        if rollout.champion == "2":
            world.simulation.shop = shop

    world.simulation.before.append(step)


def test_a_kpi_that_gets_worse_after_the_full_release_takes_it_back(home: Path) -> None:
    world = World()
    desk, name, waits = at_the_release(world, home)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    sells_afterwards(world, 0.02)
    done = desk.advance(name)
    assert done.state is State.NEEDS_PERSON
    assert done.steps["recovery"].outputs["verdict"] == "worse"
    assert world.served() == ("1", "1")
    assert moves(world) == [("1", "2"), ("2", "1")]
    assert "Version 1 serves again" in done.state_reason


def test_what_does_not_recover_is_left_to_a_person_with_what_was_learned(home: Path) -> None:
    world = World()
    desk, name, waits = at_the_release(world, home)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    sells_afterwards(world, 0.25)
    done = desk.advance(name)
    assert done.state is State.NEEDS_PERSON
    assert "not recovered" in done.state_reason
    assert "look at the causes after it" in done.state_reason
    assert world.served() == ("2", "2")
    assert "triage.stale" in tags(world, "2")


def test_an_undecided_canary_holds_its_share_watched_and_goes_back_when_nobody_decides(home: Path) -> None:
    world = World(text=World().text.replace("margin: 0.01\n", "margin: 0.0001\n").replace("hold: 2h", "hold: 1h"))
    desk, name, waits = at_the_release(world, home)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    done = desk.advance(name)
    assert done.state is State.NEEDS_PERSON
    assert "nobody decided" in done.state_reason
    states = [event.data["state"] for event in desk.events(name) if event.kind == "state_changed"]
    assert "needs_person" in states[:-1]
    assert world.served() == ("1", "1")


def test_a_canary_without_data_is_never_promoted(home: Path) -> None:
    world = World(text=World().text.replace("hold: 2h", "hold: 30m"), requests_per_hour=0)
    desk, name, waits = at_the_release(world, home)
    assert waits.plan is not None
    assert "how long it takes is not known" in waits.plan.summary
    desk.approve(name, waits.plan.digest, "ann")
    done = desk.advance(name)
    assert done.state is State.NEEDS_PERSON
    assert {look["verdict"] for look in done.steps["canary"].looks} == {"no_data"}
    assert world.served() == ("1", "1")


def test_a_rollback_reaches_a_release_that_was_closed_long_ago_once(home: Path) -> None:
    world = World()
    desk, name, waits = at_the_release(world, home)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    assert desk.advance(name).state is State.CLOSED
    back = desk.rollback(name, "customers complain", "eve")
    assert world.served() == ("1", "1")
    assert back.state is State.NEEDS_PERSON
    assert "rolled back by eve: customers complain" in desk.advance(name).state_reason
    assert moves(world) == [("1", "2"), ("2", "1")]
    with pytest.raises(Refused, match="already"):
        desk.rollback(name, "again", "eve")


def test_nothing_is_rolled_back_where_nothing_was_released(home: Path) -> None:
    desk, name = World().opened(home)
    with pytest.raises(Refused, match="released nothing"):
        desk.rollback(name, "just in case", "eve")


@pytest.mark.parametrize("weight", [0.1, 0.5])
@pytest.mark.parametrize("word", ["abort", "rollback"])
def test_a_word_spoken_in_the_middle_of_a_canary_wins(home: Path, weight: float, word: str) -> None:
    world = World()
    desk, name, waits = at_the_release(world, home)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    meddled = Meddling(world.router, weight, lambda: getattr(world.desk(home), word)(name, "not tonight", "eve"))
    hurried = world.desk(home, lambda ports: ports_of(ports, router=meddled))
    done = hurried.advance(name)
    assert done.state is (State.ABORTED if word == "abort" else State.NEEDS_PERSON)
    assert world.router.current("shop") == Rollout("1")
    assert world.served() == ("1", "1")
    assert moves(world) == []
    assert "promotion" not in done.steps or done.steps["promotion"].skipped


def test_a_challenger_is_taken_out_of_its_shadow_by_an_abort(home: Path) -> None:
    world = World()
    desk, name = world.opened(home)
    waits = desk.advance(name)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    meddled = Meddling(world.router, 0.0, lambda: world.desk(home).abort(name, "no", "eve"))
    done = world.desk(home, lambda ports: ports_of(ports, router=meddled)).advance(name)
    assert done.state is State.ABORTED
    assert world.router.current("shop") == Rollout("1")


def test_a_policy_lets_a_training_happen_without_a_person_and_says_so(home: Path) -> None:
    text = World().text.replace(
        "    release:\n", "    approval: {four_eyes: true, auto_approve: [retrain, shadow]}\n    release:\n"
    )
    world = World(text=text)
    desk, name = world.opened(home)
    waits = desk.advance(name)
    assert waits.state is State.WAITING_FOR_APPROVAL
    assert waits.plan is not None
    assert waits.plan.covers == ("canary", "promote")
    assert waits.steps["approval"].outputs["by"] == "the catalogue"
    assert "auto_approve" in waits.steps["approval"].outputs["account"]
    with pytest.raises(Refused, match="another person"):
        desk.approve(name, waits.plan.digest, "bob")


def test_a_policy_for_half_of_what_a_plan_covers_opens_nothing(home: Path) -> None:
    text = World().text.replace("    release:\n", "    approval: {auto_approve: [retrain]}\n    release:\n")
    desk, name = World(text=text).opened(home)
    assert desk.advance(name).plan is not None
    assert desk.advance(name).state is State.WAITING_FOR_APPROVAL


def test_without_a_router_the_release_is_left_to_a_person(home: Path) -> None:
    world = World()
    desk, name = world.opened(home)
    waits = desk.advance(name)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    done = world.desk(home, lambda ports: replace(ports, router=None)).advance(name)
    assert done.state is State.NEEDS_PERSON
    assert "what is left for a person: shadow it, canary it at 10%" in done.state_reason
    assert RELEASE in world.text
