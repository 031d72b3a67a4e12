"""From an approved plan to a recovered model, on traffic that goes on; and every way round the gates that we know."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from tests.light_world import ALERT, version
from tests.release_world import COMPARED, FAR, RELEASE, Offers, World, believed, forged, ports_of, truth
from triage.adapters.memory import MemoryClock
from triage.desk import Desk
from triage.engine import Run, context, perform
from triage.errors import ConfigError, JournalError, LeaseHeld, NotFound, Refused, SourceUnavailable
from triage.incident import Incident, Outcome, ReleaseStage, State, fold
from triage.journal import Entry, Journal
from triage.playbook import Playbook
from triage.ports import Rollout
from triage.reading.serving import canary_stops, shadow_stops
from triage.scope import Scope
from triage.step import Ports

BETWEEN = COMPARED.replace(
    "  - id: promotion\n    uses: promote\n    needs: [canary]",
    "  - {id: second, uses: request_approval, needs: [canary]}\n"
    "  - id: promotion\n    uses: promote\n    needs: [second]",
)
"""A second gate, between canary and full release."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def approved(desk: Desk, name: str) -> Incident:
    """Advance, approve what waits, and advance once more."""
    waits = desk.advance(name)
    assert waits.state is State.WAITING_FOR_APPROVAL, waits.state_reason
    assert waits.plan is not None
    desk.approve(name, waits.plan.digest, "ann")
    return desk.advance(name)


def at_the_release(world: World, home: Path, playbook: str = COMPARED) -> tuple[Desk, str, Incident]:
    """A challenger passed its comparison, and its release waits for an approval."""
    desk, name = world.compared(home, playbook)
    waits = desk.advance(name)
    assert waits.state is State.WAITING_FOR_APPROVAL, waits.state_reason
    assert waits.plan is not None
    assert waits.plan.covers == ("canary", "promote")
    return desk, name, waits


def tags(world: World, number: str) -> dict[str, str]:
    return {key: value for key, value in (world.registry.version("shop", number).tags or {}).items() if value}


def moves(world: World) -> list[tuple[str, str]]:
    return [(move.previous, move.version) for move in world.registry.moves("shop")]


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
    assert tags(world, "2")["triage.stale"] == '["shop-1"]'


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


def test_a_kpi_that_gets_worse_after_the_full_release_takes_it_back(home: Path) -> None:
    world = World()
    desk, name, waits = at_the_release(world, home)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    advance = world.simulation._step

    def slump(begin: float, rollout: Rollout) -> None:
        if rollout.champion == "2":
            world.simulation.shop = _Unsold()
        advance(begin, rollout)

    world.simulation._step = slump  # type: ignore[method-assign]
    done = desk.advance(name)
    assert done.state is State.NEEDS_PERSON
    assert done.steps["recovery"].outputs["verdict"] == "worse"
    assert world.served() == ("1", "1")
    assert moves(world) == [("1", "2"), ("2", "1")]
    assert "Version 1 serves again" in done.state_reason


class _Unsold(Offers):
    def serve(self, rng: np.random.Generator, seconds: np.ndarray, predict: Any) -> Any:
        return replace(Offers(FAR).serve(rng, seconds, predict), chances=np.full(len(seconds), 0.02))


def test_what_does_not_recover_is_left_to_a_person_with_what_was_learned(home: Path) -> None:
    world = World()
    desk, name, waits = at_the_release(world, home)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    advance = world.simulation._step

    def same(begin: float, rollout: Rollout) -> None:
        if rollout.champion == "2":
            world.simulation.shop = _AsBefore()
        advance(begin, rollout)

    world.simulation._step = same  # type: ignore[method-assign]
    done = desk.advance(name)
    assert done.state is State.NEEDS_PERSON
    assert "not recovered" in done.state_reason
    assert "look at the causes after it" in done.state_reason
    assert world.served() == ("2", "2")
    assert "triage.stale" in tags(world, "2")


class _AsBefore(Offers):
    def serve(self, rng: np.random.Generator, seconds: np.ndarray, predict: Any) -> Any:
        return replace(Offers(FAR).serve(rng, seconds, predict), chances=np.full(len(seconds), 0.25))


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


class Meddling:
    """A router beside which something happens as soon as it is told to give the challenger its share."""

    def __init__(self, router: Any, weight: float, happens: Callable[[], object]) -> None:
        self._router, self._weight, self._happens = router, weight, happens

    def apply(self, model: str, rollout: Rollout, key: str) -> None:
        self._router.apply(model, rollout, key)
        if rollout.weight == self._weight:
            self._happens()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._router, name)


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


def overloaded(world: World, share: float, when: Callable[[Rollout], bool]) -> None:
    """Every version fails ``share`` of its requests while the router does as ``when`` says."""
    advance, failing = world.simulation._step, world.simulation.pace.failing

    def step(begin: float, rollout: Rollout) -> None:
        failing.update(dict.fromkeys("12", share if when(rollout) else 0.0009))  # type: ignore[attr-defined]
        advance(begin, rollout)

    world.simulation._step = step  # type: ignore[method-assign]


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
    assert world.router.current("shop") == Rollout("1")


def test_the_plan_says_of_the_shadow_and_the_canary_what_really_ends_them(home: Path) -> None:
    made = World().catalog(home).model("shop")
    assert shadow_stops(made) == (
        "the copying raises errors of the champion by more than 1.00% over the hour before it; errors burns its error"
        " budget 14.4 times as fast as allowed over 5m and 1h, and did not before; latency is beyond its target over"
        " 5m and 1h, and did not before"
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
    told = [one["verdict"] for look in looks for one in look["results"] if one["name"] == "errors"]
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


# The three laws, attacked.


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
    assert tags(world, "1")["triage.stale"] == '["shop-1"]'


# What may go wrong in the middle.


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
    assert desk.advance(name, again=True).state is State.CLOSED
    assert world.served() == ("2", "2")


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


def test_guardrails_go_on_while_a_second_gate_waits_and_roll_back_alone(home: Path) -> None:
    """A gate between canary and promotion: harm that shows while a person thinks it over ends the canary."""
    world = World()
    desk, name, waits = at_the_release(world, home, BETWEEN)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    failing = world.simulation.pace.failing
    begun = world.clock.now()

    advance = world.simulation._step

    def later(begin: float, rollout: Rollout) -> None:
        if begin > begun.timestamp() + 4 * 3600:
            failing["2"] = 0.2  # type: ignore[index]
        advance(begin, rollout)

    world.simulation._step = later  # type: ignore[method-assign]
    done = desk.advance(name)
    states = [event.data["state"] for event in desk.events(name) if event.kind == "state_changed"]
    assert states.count("waiting_for_approval") == 2
    assert done.state is State.NEEDS_PERSON
    assert "version 2 was withdrawn" in done.state_reason
    assert done.steps["canary"].outputs["passed"] == 0.0
    assert done.release is not None
    assert done.release.stage is ReleaseStage.WITHDRAWN
    assert world.router.current("shop") == Rollout("1")
