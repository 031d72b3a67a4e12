"""What ends a shadow or a canary by itself: the champion, the service levels, the guardrails; also at a gate."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.light_world import ALERT
from tests.release_steps import BETWEEN, approved, at_the_release, moves, overloaded
from tests.release_world import COMPARED, World
from triage.errors import SourceUnavailable
from triage.incident import ReleaseStage, State, fold
from triage.journal import Entry, Journal
from triage.ports import Rollout
from triage.reading.serving import UNWATCHED, canary_stops, shadow_stops


def test_a_shadow_ends_where_the_champion_suffers_from_the_copying(home: Path) -> None:
    world = World()
    desk, name = world.opened(home)
    overloaded(world, 0.04, lambda rollout: rollout.shadow > 0)
    done = approved(desk, name)
    assert done.state is State.NEEDS_PERSON
    assert "what serves users suffers: errors of the champion" in done.state_reason
    assert world.router.current("shop") == Rollout("1")
    assert world.served() == ("1", "1")
    assert len(done.steps["shadow"].looks) <= 4
    assert done.steps["release_plan"].skipped


def test_a_shadow_that_nobody_can_watch_never_passes(home: Path) -> None:
    world = World()
    desk, name = world.opened(home)
    blind = world.catalog(home).model("shop").service_levels[0].query

    class Blind:
        def __init__(self, metrics: Any) -> None:
            self._metrics = metrics

        def range(self, query: str, *arguments: Any) -> Any:
            if query == blind:
                raise SourceUnavailable("Prometheus does not answer")
            return self._metrics.range(query, *arguments)

    waits = desk.advance(name)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    done = world.desk(home, lambda ports: replace(ports, metrics=Blind(ports.metrics))).advance(name)  # type: ignore[arg-type]
    assert done.state is State.NEEDS_PERSON
    assert "what serves users can't be watched: service level latency: Prometheus does not answer" in done.state_reason
    assert len(done.steps["shadow"].looks) == UNWATCHED
    assert world.router.current("shop") == Rollout("1")


def test_a_shadow_whose_failures_nothing_counts_never_passes(home: Path) -> None:
    world = World()
    desk, name = world.opened(home)

    class Mistyped:
        def __init__(self, metrics: Any) -> None:
            self._metrics = metrics

        def range(self, query: str, *arguments: Any) -> Any:
            found = self._metrics.range(query, *arguments)
            return replace(found, series=()) if query.startswith("errors{") else found

    waits = desk.advance(name)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    done = world.desk(home, lambda ports: replace(ports, metrics=Mistyped(ports.metrics))).advance(name)  # type: ignore[arg-type]
    assert done.state is State.NEEDS_PERSON
    assert "can't be watched: errors: the query of the events returned nothing" in done.state_reason


def test_a_shadow_waits_for_its_first_interval_however_often_it_is_looked_at(home: Path) -> None:
    world = World(text=World().text.replace("interval: 10m", "interval: 3h"))
    desk, name = world.opened(home)
    waits = approved(desk, name)
    assert waits.steps["shadow"].outputs["verdict"] == "pass", waits.state_reason
    assert len(waits.steps["shadow"].looks) > UNWATCHED
    assert not any(look["unwatched"] for look in waits.steps["shadow"].looks)


def test_the_plan_says_of_the_shadow_and_the_canary_what_really_ends_them(home: Path) -> None:
    made = World().catalog(home).model("shop")
    assert shadow_stops(made) == (
        "the copying raises errors of the champion by more than 1.00% over the hour before it; errors burns its error"
        " budget 14.4 times as fast as allowed over 5m and 1h, and did not before; latency is beyond its target over"
        " 5m and 1h, and did not before; that can't be measured 5 times in a row"
    )
    assert "conversion falls by 5.00%; errors burns its error budget 14.4 times" in canary_stops(made)
    _, _, waits = at_the_release(World(), home)
    assert waits.plan is not None
    assert waits.plan.actions[0].stops_if == canary_stops(made)


def test_a_budget_that_burns_under_both_versions_rolls_the_canary_back(home: Path) -> None:
    """No guardrail sees it, for the champion beside it is as bad."""
    world = World()
    desk, name, waits = at_the_release(world, home)
    overloaded(world, 0.3, lambda rollout: rollout.weight > 0)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    done = desk.advance(name)
    assert done.state is State.NEEDS_PERSON
    assert "service level errors" in done.state_reason
    assert "times the budget" in done.state_reason
    assert world.served() == ("1", "1")
    assert moves(world) == []


def test_a_budget_that_burnt_before_the_canary_as_well_ends_nothing(home: Path) -> None:
    world = World(text=World().text.replace("margin: 0.01\n", "margin: 0.05\n"))
    desk, name, waits = at_the_release(world, home)
    overloaded(world, 0.3, lambda rollout: rollout.weight > 0 or rollout.champion == "1")
    world.clock.sleep(2 * 3600)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    done = desk.advance(name)
    looks = done.steps["canary"].looks
    told = [one["verdict"] for look in looks for one in look["results"] if one["name"] == "service level errors"]
    assert "inconclusive" in told
    assert world.served() == ("2", "2"), done.state_reason


def test_a_budget_that_burns_while_a_second_gate_waits_rolls_back_alone(home: Path) -> None:
    world = World()
    desk, name, waits = at_the_release(world, home, BETWEEN)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    begun = world.clock.now().timestamp()
    overloaded(world, 0.3, lambda rollout: world.simulation._reached > begun + 4 * 3600)
    done = desk.advance(name)
    assert done.state is State.NEEDS_PERSON
    assert "version 2 was withdrawn" in done.state_reason
    assert "service level errors" in done.state_reason
    assert world.router.current("shop") == Rollout("1")


def test_where_it_stands_is_what_it_does_now_and_the_list_says_the_same(home: Path) -> None:
    """After the full release nobody reads of the canary any more."""
    world = World()
    desk, name, waits = at_the_release(world, home)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    desk.advance(name)
    events = desk.events(name)
    at = next(
        place for place, one in enumerate(events) if one.kind == "step_progressed" and one.data["step"] == "recovery"
    )
    incident = fold(events[: at + 1])
    assert incident is not None
    assert incident.state is State.OPEN
    assert incident.state_reason.startswith("recovery: ")
    copy = Journal(home / "copy.db", world.clock)
    again, _ = copy.receive(ALERT, incident.window, "story", COMPARED, "", None)
    for event in events[1:]:
        copy.append(again, [Entry(event.kind, event.data)])
        assert copy.summaries()[0].reason == copy.read(again).state_reason, event.kind


def test_guardrails_go_on_while_a_second_gate_waits_and_roll_back_alone(home: Path) -> None:
    """A gate between canary and promotion: harm that shows while a person thinks it over ends the canary."""
    world = World()
    desk, name, waits = at_the_release(world, home, BETWEEN)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    failing = world.simulation.pace.failing
    begun = world.clock.now()

    def later(begin: float, rollout: Rollout) -> None:
        if begin > begun.timestamp() + 4 * 3600:
            failing["2"] = 0.2  # type: ignore[index]

    world.simulation.before.append(later)
    done = desk.advance(name)
    states = [event.data["state"] for event in desk.events(name) if event.kind == "state_changed"]
    assert states.count("waiting_for_approval") == 2
    assert done.state is State.NEEDS_PERSON
    assert "version 2 was withdrawn" in done.state_reason
    assert done.steps["canary"].outputs["passed"] == 0.0
    assert done.release is not None
    assert done.release.stage is ReleaseStage.WITHDRAWN
    assert world.router.current("shop") == Rollout("1")
