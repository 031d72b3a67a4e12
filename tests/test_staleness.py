"""The stale tag follows whoever serves, and an incident takes off only what its own data answer."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.light_world import registry, version
from tests.release_steps import Meddling, at_the_release, closed, tags
from tests.release_world import World, ports_of
from tests.test_release_troubles import Failing
from triage.errors import Refused, SourceUnavailable
from triage.incident import State
from triage.ports import Rollout
from triage.staleness import TAG, answered, carry, incidents, mark, marks, unmark, written

AT = datetime(2026, 3, 1, 10, tzinfo=UTC)
names = st.text(max_size=8)


def test_a_mark_says_who_and_up_to_when_they_had_seen_the_data() -> None:
    made = registry()
    for seen in (AT, AT + timedelta(days=1), AT - timedelta(days=1)):
        mark(made, made.version("shop", "1"), "shop-1", seen)
    held = made.version("shop", "1").tags
    assert marks(held) == {"shop-1": "2026-03-02T10:00:00+00:00"}
    assert incidents(held) == ("shop-1",)


def test_what_is_no_mark_of_ours_counts_as_one_incident() -> None:
    for text in ("by hand", "7", "null", "true", '"quoted"'):
        assert incidents({TAG: text}) == (text,)
        assert marks({TAG: text}) == {text: ""}
    assert marks({TAG: '{"shop-1": 7}'}) == {"shop-1": ""}
    assert marks(None) == marks({TAG: ""}) == {}


@given(st.dictionaries(names, st.sampled_from(["", AT.isoformat()]), max_size=5))
def test_what_is_written_is_read_again(held: dict[str, str]) -> None:
    assert marks({TAG: written(held)}) == held
    assert incidents({TAG: written(held)}) == tuple(held)


@given(st.dictionaries(names, st.integers(-50, 50), max_size=6), st.integers(-50, 50), names)
def test_nobody_who_had_seen_newer_data_is_answered(ends: dict[str, int], until: int, own: str) -> None:
    held = {name: (AT + timedelta(hours=end)).isoformat() for name, end in ends.items()}
    gone = answered(held, AT + timedelta(hours=until), own)
    assert set(gone) == {name for name, end in ends.items() if name == own or end <= until}


def test_a_time_without_a_zone_or_none_at_all_is_answered_by_any_data() -> None:
    assert answered({"a": "2099-01-01T00:00:00", "b": "soon", "c": ""}, AT, "d") == ("a", "b", "c")


@given(
    st.dictionaries(names, st.sampled_from(["", AT.isoformat()]), max_size=4),
    st.dictionaries(names, st.sampled_from(["", AT.isoformat()]), max_size=4),
)
def test_whoever_called_either_version_stale_calls_the_one_that_serves_so(
    left: dict[str, str], kept: dict[str, str]
) -> None:
    made = registry()
    made.add(version("2", aliases=(), tags={TAG: written(left)}))
    made.tag(made.version("shop", "1"), TAG, written(kept))
    for _ in range(2):
        carry(made, "shop", "2", "1")
        assert marks(made.version("shop", "1").tags) == {**left, **kept}
    assert marks(made.version("shop", "2").tags) == left


def test_a_version_that_was_deleted_leaves_nothing_to_carry() -> None:
    made = registry()
    carry(made, "shop", "9", "1")
    assert not incidents(made.version("shop", "1").tags)


def test_what_is_taken_off_is_taken_off_the_tag_as_it_is_now() -> None:
    made = registry()
    seen = made.version("shop", "1")
    mark(made, seen, "shop-1", AT)
    mark(made, made.version("shop", "1"), "shop-2", AT)
    assert unmark(made, seen, ("shop-1",)) == ("shop-2",)
    assert incidents(made.version("shop", "1").tags) == ("shop-2",)


def test_a_rollback_keeps_who_called_the_withdrawn_version_stale(home: Path) -> None:
    world = World()
    desk, name = closed(world, home)
    mark(world.registry, world.registry.version("shop", "2"), "shop-8", world.clock.now())
    desk.rollback(name, "customers complain", "eve")
    assert world.served() == ("1", "1")
    assert set(incidents(tags(world, "1"))) == {name, "shop-8"}


def test_a_rollback_that_ended_before_the_mark_was_carried_carries_it_when_it_goes_on(home: Path) -> None:
    world = World()
    desk, name = closed(world, home)
    mark(world.registry, world.registry.version("shop", "2"), "shop-8", world.clock.now())
    away = SourceUnavailable("the registry does not answer")
    broken = Failing(world.registry, "tag", away)
    with pytest.raises(SourceUnavailable):
        world.desk(home, lambda ports: ports_of(ports, registry=broken)).rollback(name, "no", "eve")  # type: ignore[arg-type]
    assert world.served() == ("1", "1")
    desk.advance(name)
    assert set(incidents(tags(world, "1"))) == {name, "shop-8"}


def test_a_full_release_that_did_not_come_about_keeps_who_called_its_version_stale(home: Path) -> None:
    world = World()
    desk, name, waits = at_the_release(world, home)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")

    class Refusing(Meddling):
        def apply(self, model: str, rollout: Rollout, key: str) -> None:
            if rollout == Rollout("2"):
                mark(world.registry, world.registry.version("shop", "2"), "shop-8", world.clock.now())
                raise Refused("not tonight")
            self._router.apply(model, rollout, key)

    world.desk(home, lambda ports: ports_of(ports, router=Refusing(world.router, 2.0, list))).advance(name)
    assert world.served() == ("1", "1")
    assert set(incidents(tags(world, "1"))) == {name, "shop-8"}


def test_a_canary_that_is_withdrawn_marks_nothing_again_that_was_answered_meanwhile(home: Path) -> None:
    """The challenger has a mark of old, from when it served itself; the champion has none any more."""
    world = World(failing={"2": 0.05})
    desk, name, waits = at_the_release(world, home)
    mark(world.registry, world.registry.version("shop", "2"), "shop-0", world.clock.now())
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    assert desk.advance(name).state is State.NEEDS_PERSON
    assert incidents(tags(world, "1")) == (name,)


def test_a_recovery_answers_nobody_who_came_after_the_release(home: Path) -> None:
    world = World()
    desk, name, waits = at_the_release(world, home)
    mark(world.registry, world.registry.version("shop", "1"), "shop-7", world.clock.now())
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")

    class Told(Meddling):
        def apply(self, *arguments: object) -> None:
            self._router.apply(*arguments)
            if self._router.current("shop").champion == "2":
                world.clock.sleep(1800)
                mark(world.registry, world.registry.version("shop", "2"), "shop-8", world.clock.now())
                world.clock.sleep(-1800)

    done = world.desk(home, lambda ports: ports_of(ports, router=Told(world.router, 2.0, list))).advance(name)
    assert done.state is State.CLOSED
    assert incidents(tags(world, "2")) == ("shop-8",)
    assert done.steps["all_clear"].outputs["cleared"] is False
    assert "not answered by this data: shop-8" in done.steps["all_clear"].outputs["why"]
