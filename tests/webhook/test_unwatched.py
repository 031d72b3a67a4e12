"""Under the server no challenger is left asked and unwatched, whatever the state its incident came to."""

from pathlib import Path

import pytest

from tests.release_steps import at_the_release
from tests.release_world import World, ports_of
from tests.test_release_troubles import Failing
from tests.webhook.at_hand import Server
from triage.desk import Desk
from triage.errors import Refused, SourceUnavailable
from triage.incident import Rejection, ReleaseStage, State
from triage.journal import Entry
from triage.ports import Rollout

AWAY = SourceUnavailable("the router does not answer", hint="start it")


def in_the_canary(
    home: Path, monkeypatch: pytest.MonkeyPatch, world: World | None = None
) -> tuple[World, Desk, str, Server]:
    """The challenger answers a tenth of the requests."""
    world = world or World()
    desk, name, waits = at_the_release(world, home)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    server = Server(lambda: world.desk(home), world.clock, monkeypatch)
    server.goes_on(minutes=5, until=lambda: world.router.current("shop").weight > 0)
    assert world.router.current("shop") == Rollout("1", "2", weight=0.1)
    return world, desk, name, server


def test_a_canary_that_holds_is_looked_at_and_goes_back_when_nobody_decides(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(text=World().text.replace("margin: 0.01\n", "margin: 0.0001\n").replace("hold: 2h", "hold: 1h"))
    world.text = world.text.replace("horizon: 12", "horizon: 4")
    world, desk, name, server = in_the_canary(home, monkeypatch, world)
    server.goes_on(minutes=12 * 60, until=lambda: desk.incident(name).state is State.NEEDS_PERSON)
    assert "holds at" in desk.incident(name).state_reason
    assert world.router.current("shop").weight > 0
    held = len(desk.incident(name).steps["canary"].looks)
    server.goes_on(minutes=75)
    assert len(desk.incident(name).steps["canary"].looks) > held
    assert "nobody decided" in desk.incident(name).state_reason
    assert world.router.current("shop") == Rollout("1")


def test_a_router_that_was_away_when_harm_showed_is_told_as_soon_as_it_is_back(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(failing={"2": 0.2})
    desk, name, waits = at_the_release(world, home)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    away = Failing(world.router, "halt", AWAY, times=17)  # three times five tries, and two
    server = Server(
        lambda: world.desk(home, lambda ports: ports_of(ports, router=away)),  # type: ignore[arg-type]
        world.clock,
        monkeypatch,
    )
    server.goes_on(minutes=3 * 60, until=lambda: desk.incident(name).state is State.NEEDS_PERSON)
    assert "could not be brought back" in desk.incident(name).state_reason
    assert world.router.current("shop").weight > 0
    assert desk.incidents()[0].live
    server.goes_on(minutes=4)
    assert away.left == 0
    assert world.router.current("shop") == Rollout("1")
    assert not desk.incidents()[0].live
    given = server.given()
    server.goes_on(minutes=60)
    assert server.given() == given  # nothing is left to be done


@pytest.mark.parametrize("word", ["abort", "rollback"])
def test_a_word_that_the_router_did_not_hear_is_said_again(
    home: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    world, desk, name, server = in_the_canary(home, monkeypatch)
    world.router.away = True
    with pytest.raises(SourceUnavailable):
        getattr(desk, word)(name, "not tonight", "eve")
    before, given, at = len(desk.events(name)), server.given(), world.clock.now()
    server.goes_on(minutes=20)
    assert len(desk.events(name)) <= before + 1  # said once, however often it was tried
    tries = server.given() - given
    assert 5 <= tries <= (world.clock.now() - at).total_seconds() / 30 + 1
    world.router.away = False
    server.goes_on(minutes=1)
    done = desk.incident(name)
    assert done.state is (State.ABORTED if word == "abort" else State.NEEDS_PERSON)
    assert done.release is not None
    assert (done.release.stage, done.release.reached) == (ReleaseStage.WITHDRAWN, True)
    assert world.router.current("shop") == Rollout("1")


def test_a_closed_release_that_is_taken_back_while_the_router_is_away_goes_back(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()
    desk, name, waits = at_the_release(world, home)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    assert desk.advance(name).state is State.CLOSED
    server = Server(lambda: world.desk(home), world.clock, monkeypatch)
    server.goes_on(minutes=30)
    assert server.given() == 0
    world.router.away = True
    with pytest.raises(SourceUnavailable):
        desk.rollback(name, "customers complain", "eve")
    world.router.away = False
    server.goes_on(minutes=1)
    assert world.served() == ("1", "1")
    assert "rolled back by eve" in desk.incident(name).state_reason


def test_a_challenger_whose_plan_is_rejected_in_its_canary_ends_up_with_no_traffic(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, desk, name, server = in_the_canary(home, monkeypatch)
    with pytest.raises(Refused):
        desk.reject(name, "not this one", "eve")
    plan = desk.incident(name).plan  # a journal of before the desk refused it, or a word that came at the same time
    rejection = Rejection(plan.digest if plan else "", "eve", world.clock.now(), "not this one")
    state = {"state": "needs_person", "reason": "rejected by eve: not this one"}
    desk.journal.append(name, [Entry("rejected", {"rejection": rejection}), Entry("state_changed", state)])
    server.goes_on(minutes=6 * 60)
    assert world.served() == ("1", "1")
    assert world.router.current("shop") == Rollout("1")
    assert not desk.incidents()[0].live


def test_a_challenger_is_watched_while_every_worker_is_busy_with_other_models(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, desk, name, server = in_the_canary(home, monkeypatch)
    (busy,) = server.runs._workers
    busy.incident, busy.model = "other-1", "other"  # a training that takes hours
    looks = len(desk.incident(name).steps["canary"].looks)
    server.goes_on(minutes=25)
    assert len(desk.incident(name).steps["canary"].looks) > looks
    server.runs.tick()
    assert server.runs._workers == [busy]  # whoever came in addition is gone again
