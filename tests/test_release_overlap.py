"""Two changes of one model: none undoes what the other released, and a no that comes too late says what to do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.release_steps import Meddling, approved, at_the_release, closed, moves
from tests.release_world import World, believed, old, ports_of
from tests.test_release import sells_afterwards
from triage.desk import Desk
from triage.errors import Refused, SourceUnavailable
from triage.incident import Incident, Outcome, Rejection, ReleaseStage, State
from triage.journal import Entry
from triage.ports import Rollout


def others_release(world: World, number: str, after: str) -> None:
    """Another incident makes ``number`` the champion, by the registry and the router."""
    if number not in {one.version for one in world.registry.versions("shop")}:
        world.registry.add(old(number), believed)
    world.registry.move_alias("shop", "champion", number, expected=after, key=f"other/{number}")
    world.router._rollouts["shop"] = Rollout(number)


def once(world: World, due: Callable[[float, Rollout], bool], happens: Callable[[], object]) -> None:
    """``happens`` beside everything else, the first time that the traffic is ``due``."""
    left = [happens]

    def step(begin: float, rollout: Rollout) -> None:
        if left and due(begin, rollout):
            left.pop()()

    world.simulation.before.append(step)


def test_a_rollback_leaves_what_another_incident_released_since_and_works_once_that_is_gone(home: Path) -> None:
    world = World()
    desk, name = closed(world, home)
    others_release(world, "3", after="2")
    before = desk.incident(name)
    with pytest.raises(Refused, match="version 3 serves 'shop' meanwhile, released by another change") as refused:
        desk.rollback(name, "customers complain", "eve")
    assert refused.value.hint == "roll that one back first, by its own incident where it has one"
    assert world.served() == ("3", "3")
    assert desk.incident(name) == before
    others_release(world, "2", after="3")
    desk.rollback(name, "customers complain", "eve")
    assert world.served() == ("1", "1")


def kept_rollback(world: World, home: Path) -> tuple[Desk, str]:
    """A rollback of a closed incident was asked for while the router was away; now it is there."""
    desk, name = closed(world, home)
    world.router.away = True
    with pytest.raises(SourceUnavailable):
        desk.rollback(name, "customers complain", "eve")
    world.router.away = False
    return desk, name


def test_a_rollback_of_who_can_not_be_asked_is_kept_and_done_later(home: Path) -> None:
    world = World()
    desk, name = kept_rollback(world, home)
    desk.advance(name)
    assert world.served() == ("1", "1")


def test_a_rollback_that_was_kept_and_overtaken_ends_and_touches_nothing(home: Path) -> None:
    world = World()
    desk, name = kept_rollback(world, home)
    others_release(world, "3", after="2")
    done = desk.advance(name)
    assert world.served() == ("3", "3")
    assert done.state is State.NEEDS_PERSON
    assert "version 3 serves 'shop' meanwhile" in done.state_reason
    assert desk.advance(name).release == done.release


def test_a_kpi_that_got_worse_takes_nothing_back_that_another_incident_released(home: Path) -> None:
    world = World()
    desk, name, waits = at_the_release(world, home)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    sells_afterwards(world, 0.02)
    begun = world.clock.now().timestamp()
    served: list[float] = []

    def due(begin: float, rollout: Rollout) -> bool:
        served.extend([begin] if rollout.champion == "2" else [])
        return bool(served) and begin > served[0] + 1200 > begun

    once(world, due, lambda: others_release(world, "3", after="2"))
    done = desk.advance(name)
    assert done.steps["recovery"].outputs["verdict"] == "worse"
    assert world.served() == ("3", "3")
    assert moves(world) == [("1", "2"), ("2", "3")]
    assert done.state is State.NEEDS_PERSON
    assert "Nothing is taken back: version 3 serves 'shop' meanwhile" in done.state_reason
    assert done.release is not None
    assert done.release.stage is ReleaseStage.FULL


@pytest.mark.parametrize("minutes", [1, 25])
def test_a_canary_that_ends_does_not_put_back_the_version_that_another_incident_removed(
    home: Path, minutes: int
) -> None:
    """The other incident found the champion itself to be bad, and went back to the version before it."""
    world = World()
    desk, name, waits = at_the_release(world, home)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    begun = world.clock.now().timestamp()
    once(world, lambda begin, _: begin > begun + 60 * minutes, lambda: others_release(world, "7", after="1"))
    done = desk.advance(name)
    assert world.served() == ("7", "7")
    assert done.state is State.NEEDS_PERSON
    assert done.release is not None
    assert done.release.serves_nobody
    assert "version 7 serves 'shop' meanwhile" in done.release.reason
    assert desk.advance(name).state is State.NEEDS_PERSON
    assert world.served() == ("7", "7")


def test_an_abort_of_a_canary_that_was_overtaken_touches_nothing(home: Path) -> None:
    world = World()
    desk, name, waits = at_the_release(world, home)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")

    def meddle() -> None:
        others_release(world, "7", after="1")
        world.desk(home).abort(name, "not tonight", "eve")

    meddled = Meddling(world.router, 0.5, meddle)
    done = world.desk(home, lambda ports: ports_of(ports, router=meddled)).advance(name)
    assert done.state is State.ABORTED
    assert world.served() == ("7", "7")
    assert done.release is not None
    assert done.release.serves_nobody


BESIDE = Rollout("1", "9", weight=0.1)
"""Another incident's canary."""


def test_a_canary_does_not_begin_beside_another(home: Path) -> None:
    world = World()
    desk, name, waits = at_the_release(world, home)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    world.registry.add(old("9"), believed)
    world.router._rollouts["shop"] = BESIDE
    done = desk.advance(name)
    assert done.steps["canary"].outcome is Outcome.REFUSED
    assert "another release of 'shop' is under way: version 9 beside version 1" in done.state_reason
    assert world.router.current("shop") == BESIDE
    assert done.release is not None
    assert done.release.serves_nobody


def test_a_shadow_does_not_begin_beside_another_release(home: Path) -> None:
    world = World()
    desk, name = world.opened(home)
    waits = desk.advance(name)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    world.registry.add(old("9"), believed)
    world.router._rollouts["shop"] = BESIDE
    done = desk.advance(name)
    assert done.steps["shadow"].outcome is Outcome.REFUSED
    assert world.router.current("shop") == BESIDE


def test_a_shadow_that_was_overtaken_ends_and_touches_nothing(home: Path) -> None:
    world = World()
    desk, name = world.opened(home)
    once(world, lambda _, rollout: rollout.shadow > 0, lambda: others_release(world, "7", after="1"))
    done = approved(desk, name)
    assert world.served() == ("7", "7")
    assert done.state is State.NEEDS_PERSON
    assert done.release is not None
    assert done.release.serves_nobody


@pytest.mark.parametrize("weight", [0.1, 0.5])
def test_a_plan_whose_canary_is_under_way_can_not_be_rejected_and_it_is_said_how_to_end_it(
    home: Path, weight: float
) -> None:
    world = World()
    desk, name, waits = at_the_release(world, home)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    said: list[Refused] = []

    def meddle() -> None:
        with pytest.raises(Refused, match="version 2 is asked") as refused:
            world.desk(home).reject(name, "not tonight", "eve")
        said.append(refused.value)

    meddled = Meddling(world.router, weight, meddle)
    done = world.desk(home, lambda ports: ports_of(ports, router=meddled)).advance(name)
    assert f"'triage rollback {name}'" in said[0].hint
    assert done.rejection is None
    assert done.state is State.CLOSED


def test_a_no_that_came_just_before_the_canary_was_written_down_ends_it(home: Path) -> None:
    world = World()
    desk, name, waits = at_the_release(world, home)
    digest = str(waits.plan and waits.plan.digest)
    desk.approve(name, digest, "ann")

    def meddle() -> None:
        no = Rejection(digest, "eve", world.clock.now(), "not tonight")
        world.desk(home).journal.append(name, [Entry("rejected", {"rejection": no})])

    meddled = Meddling(world.router, 0.1, meddle)
    done = world.desk(home, lambda ports: ports_of(ports, router=meddled)).advance(name)
    assert done.steps["canary"].outputs["passed"] == 0.0
    assert world.router.current("shop") == Rollout("1")
    assert {look["weight"] for look in done.steps["canary"].looks} <= {0.1}


def test_a_closed_incident_can_not_be_rejected(home: Path) -> None:
    world = World()
    desk, name = closed(world, home)
    before: Incident = desk.incident(name)
    with pytest.raises(Refused, match="closed already"):
        desk.reject(name, "too late", "eve")
    assert desk.incident(name) == before


class Elsewhere:
    """A router that refuses every word, as KServe's does while its work tree has another branch checked out."""

    def __getattr__(self, name: str) -> Any:
        def refuse(*_: Any) -> Any:
            raise Refused("the tree has 'topic' checked out, not 'main'", hint="git switch main")

        return refuse


def test_a_router_that_refuses_stops_a_canary_to_be_resumed(home: Path) -> None:
    world = World()
    desk, name, waits = at_the_release(world, home)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    stopped = world.desk(home, lambda ports: ports_of(ports, router=Elsewhere())).advance(name)  # type: ignore[arg-type]
    assert "has 'topic' checked out" in stopped.state_reason
    assert stopped.state is State.NEEDS_PERSON
    assert desk.advance(name, again=True).state is State.CLOSED
    assert world.served() == ("2", "2")
