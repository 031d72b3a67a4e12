"""What may go wrong in the middle of a release: each stops in a named state that can be resumed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.release_steps import Meddling, at_the_release, moves
from tests.release_world import World, ports_of
from triage.errors import JournalError, NotFound, SourceUnavailable
from triage.incident import State
from triage.journal import Journal
from triage.ports import Rollout
from triage.step import Ports


class Failing:
    """A port of which one call fails, as often as ``times``; before or after it had its effect."""

    def __init__(self, port: Any, call: str, error: Exception, *, times: int = 99, after: bool = False) -> None:
        self._port, self._call, self._error, self._after = port, call, error, after
        self.left = times

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._port, name)
        if name != self._call:
            return real

        def call(*arguments: Any, **named: Any) -> Any:
            if self.left <= 0:
                return real(*arguments, **named)
            self.left -= 1
            if self._after:
                real(*arguments, **named)
            raise self._error

        return call


AWAY = SourceUnavailable("the registry does not answer", hint="start it")


@pytest.mark.parametrize("after", [False, True])
def test_a_registry_that_goes_down_in_the_promotion_leaves_what_served_and_is_resumed(home: Path, after: bool) -> None:
    world = World()
    desk, name, waits = at_the_release(world, home)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")

    def broken(ports: Ports) -> Ports:
        down = Failing(ports.registry, "move_alias", AWAY, times=2, after=after)
        return ports_of(ports, registry=down)  # type: ignore[arg-type]

    stopped = world.desk(home, broken).advance(name)
    assert stopped.state is State.NEEDS_PERSON
    assert "does not answer" in stopped.state_reason
    assert world.served() == ("1", "1")
    assert world.router.current("shop") == Rollout("1")
    done = desk.advance(name, again=True)
    assert done.state is State.CLOSED, done.state_reason
    assert world.served() == ("2", "2")
    assert done.steps["canary"].attempts == 2


def test_a_registry_that_is_back_for_the_retry_promotes_once(home: Path) -> None:
    world = World()
    desk, name, waits = at_the_release(world, home)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    flaky = world.desk(
        home,
        lambda ports: ports_of(ports, registry=Failing(ports.registry, "move_alias", AWAY, times=1, after=True)),  # type: ignore[arg-type]
    )
    done = flaky.advance(name)
    assert done.state is State.CLOSED
    assert moves(world) == [("1", "2")]


def test_a_challenger_that_was_deleted_is_not_promoted(home: Path) -> None:
    world = World()
    desk, name, waits = at_the_release(world, home)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")

    def delete(ports: Ports) -> Ports:
        gone = Failing(ports.registry, "version", NotFound("'shop' has no version 2"))
        return ports_of(ports, registry=gone)  # type: ignore[arg-type]

    done = world.desk(home, delete).advance(name)
    assert done.state is State.NEEDS_PERSON
    assert "the challenger is gone" in done.state_reason
    assert world.served() == ("1", "1")
    assert world.router.current("shop") == Rollout("1")


def test_a_router_that_refuses_the_canary_stops_it_in_a_state_to_be_resumed(home: Path) -> None:
    world = World()
    desk, name, waits = at_the_release(world, home)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    world.router.broken.add("2")
    stopped = desk.advance(name)
    assert stopped.state is State.NEEDS_PERSON
    assert "can't be loaded" in stopped.state_reason
    assert world.served() == ("1", "1")
    world.router.broken.clear()
    stood = []
    done = desk.advance(name, again=True, progress=lambda line: stood.append(desk.journal.read(name).state))
    assert done.state is State.CLOSED
    assert world.served() == ("2", "2")
    assert stood
    assert State.NEEDS_PERSON not in stood, "it is worked on again"


class Full:
    """A journal whose disk is full from a moment on, as long as it is."""

    def __init__(self, journal: Journal, when: Callable[[], bool]) -> None:
        self._journal, self._when = journal, when

    def append(self, *arguments: Any, **named: Any) -> Any:
        if self._when():
            raise JournalError("can't write the journal: database or disk is full")
        return self._journal.append(*arguments, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)


@pytest.mark.parametrize("stage", ["shadow", "canary"])
def test_a_full_disk_leaves_nobody_with_a_challenger_that_nobody_watches(home: Path, stage: str) -> None:
    world = World()
    if stage == "shadow":
        desk, name = world.opened(home)
        waits = desk.advance(name)
    else:
        desk, name, waits = at_the_release(world, home)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    hurried = world.desk(home)
    full = [True]

    def under_way() -> bool:
        release = desk.incident(name).release
        return full[0] and release is not None and release.under_way and release.reached

    hurried.journal = Full(hurried.journal, under_way)  # type: ignore[assignment]
    with pytest.raises(JournalError, match="disk is full"):
        hurried.advance(name)
    assert [one.role for one in world.router.serving("shop")] == ["champion", "standby"]
    assert world.served() == ("1", "1")
    full[0] = False
    done = world.desk(home).advance(name)
    assert done.state in (State.CLOSED, State.NEEDS_PERSON, State.WAITING_FOR_APPROVAL)
    desk.verify(name)


def test_servers_that_serve_another_version_than_they_were_told_undo_the_promotion(home: Path) -> None:
    world = World()
    desk, name, waits = at_the_release(world, home)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")

    class Stubborn(Meddling):
        def serving(self, model: str) -> Any:
            told = self._router.serving(model)
            return tuple(replace(one, version="1") if one.role == "champion" else one for one in told)

    done = world.desk(home, lambda ports: ports_of(ports, router=Stubborn(world.router, 2.0, list))).advance(name)
    assert done.state is State.NEEDS_PERSON
    assert "serves version 1, not 2" in done.state_reason
    assert world.served() == ("1", "1")
