"""What an approval lets through, and when it is asked for again: a second yes, an alert that ends, a process killed."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.release_steps import BETWEEN, at_the_release, moves
from tests.release_world import STORY, World
from triage.codec import encode
from triage.desk import Desk
from triage.errors import ConfigError, Fault, Refused
from triage.incident import Approval, Incident, Outcome, ReleaseStage, State
from triage.journal import Entry
from triage.ports import Rollout, TrainingJob
from triage.step import Ports

ONE_CHANGE = STORY[: STORY.index("  - {id: comparison")]
READ_BETWEEN = ONE_CHANGE.replace("needs: [approval]", "needs: [look]").replace(
    "  - {id: retrain", "  - {id: look, uses: mark_stale, needs: [approval]}\n  - {id: retrain"
)


class Meanwhile:
    """A trainer beside which something happens as soon as it has a job."""

    def __init__(self, trainer: Any, happens: Callable[[], object]) -> None:
        self._trainer, self._happens = trainer, happens

    def start(self, job: TrainingJob) -> None:
        self._happens()
        self._trainer.start(job)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trainer, name)


def waits_for_training(world: World, home: Path, playbook: str = STORY) -> tuple[Desk, str, str]:
    """An incident at its first gate, and the digest of its plan."""
    desk, name = world.opened(home, playbook)
    waits = desk.advance(name)
    assert waits.state is State.WAITING_FOR_APPROVAL
    assert waits.plan is not None
    return desk, name, waits.plan.digest


def stopped_after(desk: Desk, name: str, step: str) -> Incident:
    """Advance, as far as the end of ``step``: as if the process had been killed there."""

    def over() -> bool:
        record = desk.incident(name).steps.get(step)
        return record is not None and record.settled

    return desk.advance(name, stop=over)


def test_an_incident_whose_gate_has_opened_is_open_and_a_second_yes_is_refused(home: Path) -> None:
    world = World()
    desk, name, digest = waits_for_training(world, home)
    seen: list[str] = []

    def again() -> None:
        other = world.desk(home)
        seen.extend([other.incident(name).state, other.incidents()[0].state])
        with pytest.raises(Refused, match="does not wait for an approval"):
            other.approve(name, digest, "eve")

    world.trainer = Meanwhile(world.trainer, again)  # type: ignore[assignment]
    desk.approve(name, digest, "ann")
    done = desk.advance(name)
    assert seen == ["open", "open"]
    assert done.steps["shadow"].outcome is Outcome.DONE
    told = [event.data["reason"] for event in desk.events(name) if event.kind == "state_changed"]
    assert "approved by ann" in told


def test_a_second_yes_that_arrives_while_the_first_is_carried_out_changes_nothing(home: Path) -> None:
    """Both were typed while the gate waited; the later one comes to the journal after the training has begun."""
    world = World()
    desk, name, digest = waits_for_training(world, home)
    now = world.clock.now()
    late = Entry("approved", {"approval": encode(Approval(digest, "eve", now, now + timedelta(hours=4)))})
    world.trainer = Meanwhile(world.trainer, lambda: world.desk(home).journal.append(name, [late]))  # type: ignore[assignment]
    desk.approve(name, digest, "ann")
    done = desk.advance(name)
    assert done.steps["shadow"].outcome is Outcome.DONE
    assert done.state is State.WAITING_FOR_APPROVAL
    assert "release shop version 2" in done.state_reason


def test_a_plan_that_is_approved_and_not_begun_is_not_approved_twice(home: Path) -> None:
    world = World()
    desk, name, digest = waits_for_training(world, home)
    desk.approve(name, digest, "ann", ttl=timedelta(minutes=5))
    with pytest.raises(Refused, match="approved by ann already"):
        desk.approve(name, digest, "eve")
    world.clock.sleep(301)
    approval = desk.approve(name, digest, "eve").approval
    assert approval is not None
    assert approval.by == "eve"


def test_a_second_gate_of_the_same_plan_is_opened_by_a_yes_of_its_own(home: Path) -> None:
    world = World()
    desk, name, waits = at_the_release(world, home, BETWEEN)
    digest = str(waits.plan and waits.plan.digest)
    desk.approve(name, digest, "ann")
    desk.advance(name, brief=True)
    for _ in range(400):
        if desk.incident(name).steps["canary"].settled:
            break
        world.clock.sleep(60)
        desk.advance(name, brief=True)
    again = desk.incident(name)
    assert again.state is State.WAITING_FOR_APPROVAL
    assert again.approval is not None
    assert again.approval.used_by == ("canary",)
    desk.approve(name, digest, "eve")
    desk.advance(name)
    assert moves(world) == [("1", "2")]


@pytest.mark.parametrize(
    ("playbook", "last"), [(ONE_CHANGE, "approval"), (READ_BETWEEN, "look")], ids=["at the gate", "after a read"]
)
@pytest.mark.parametrize("why", ["resolved", "expired"])
def test_an_approval_that_lapses_between_its_gate_and_the_change_is_asked_for_again(
    home: Path, playbook: str, last: str, why: str
) -> None:
    world = World()
    desk, name, digest = waits_for_training(world, home, playbook)
    desk.approve(name, digest, "ann", ttl=timedelta(minutes=5))
    stopped_after(desk, name, last)
    world.clock.sleep(1 if why == "resolved" else 301)
    if why == "resolved":
        desk.clear(name)
    waits = desk.advance(name)
    assert waits.state is State.WAITING_FOR_APPROVAL
    assert why in waits.state_reason
    assert "retrain" not in waits.steps
    assert desk.advance(name).length == waits.length
    world.clock.sleep(1)
    desk.approve(name, digest, "eve")
    done = desk.advance(name)
    assert done.steps["retrain"].outcome is Outcome.DONE
    assert done.approval is not None
    assert (done.approval.by, done.approval.used_by) == ("eve", ("retrain",))


def test_an_alert_that_is_resolved_in_the_moment_before_the_change_holds_it_up(home: Path) -> None:
    """It was chosen already, and is not begun yet."""
    world = World()
    desk, name, digest = waits_for_training(world, home, ONE_CHANGE)
    desk.approve(name, digest, "ann")
    world.clock.sleep(1)
    waits = desk.advance(name, lambda line: desk.clear(name) if line == "retrain" else None)  # type: ignore[func-returns-value]
    assert waits.state is State.WAITING_FOR_APPROVAL
    assert not waits.steps["retrain"].settled
    assert len(world.registry.versions("shop")) == 1
    world.clock.sleep(1)
    desk.approve(name, digest, "eve")
    assert desk.advance(name).steps["retrain"].outcome is Outcome.DONE
    assert len(world.registry.versions("shop")) == 2


def unreachable(catalog: object) -> Ports:
    raise ConfigError([Fault("triage.yaml", 1, "prometheus.auth", "no such variable")])


@pytest.mark.parametrize("way", ["abort", "rollback"])
def test_the_way_back_is_written_down_before_the_world_is_asked(home: Path, way: str) -> None:
    world = World()
    desk, name, waits = at_the_release(world, home)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    assert desk.advance(name, brief=True).release is not None
    assert world.router.current("shop").weight > 0
    with pytest.raises(ConfigError):
        getattr(Desk(home, world.clock, unreachable), way)(name, "it burns", "eve")
    release = desk.incident(name).release
    assert release is not None
    assert (release.stage, release.reached) == (ReleaseStage.WITHDRAWN, False)
    back = desk.advance(name)
    assert world.router.current("shop") == Rollout("1")
    assert back.state is (State.ABORTED if way == "abort" else State.NEEDS_PERSON)


def test_an_alert_that_fires_again_gives_the_approval_back(home: Path) -> None:
    world = World()
    desk, name, digest = waits_for_training(world, home, ONE_CHANGE)
    desk.approve(name, digest, "ann")
    stopped_after(desk, name, "approval")
    world.clock.sleep(1)
    desk.clear(name)
    desk.unclear(name)
    assert desk.advance(name).steps["retrain"].outcome is Outcome.DONE


def test_a_change_that_has_begun_goes_on_though_its_alert_is_resolved(home: Path) -> None:
    world = World()
    desk, name, digest = waits_for_training(world, home, ONE_CHANGE)
    world.trainer = Meanwhile(world.trainer, lambda: world.desk(home).clear(name))  # type: ignore[assignment]
    desk.approve(name, digest, "ann")
    world.clock.sleep(1)
    assert desk.advance(name).steps["retrain"].outcome is Outcome.DONE
