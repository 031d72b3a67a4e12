"""Runs that no alert asks for."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.light_world import world
from tests.webhook.hub import Hub, hub
from triage.catalog import Trigger
from triage.errors import SourceUnavailable
from triage.incident import State
from triage.ports import RangeResult, Series, Source
from triage.webhook.log import Log
from triage.webhook.triggers import Triggers, slot

SERVE = """\
serve:
  triggers:
    - {name: daily, model: shop, on: schedule, every: 1d, since: "2026-01-01T03:00:00Z"}
    - {name: drifted, model: shop, on: drift, every: 1m, query: psi > 0.2, lasts: 10m}
"""


class Answering:
    """Metrics whose query has a series while ``so`` is true; None: the server is away."""

    so: bool | None = False

    def range(self, query: str, window: object, step_seconds: float) -> RangeResult:
        import numpy as np

        if self.so is None:
            raise SourceUnavailable("away")
        found = (Series({}, np.array([1.0, 2.0]), np.array([0.3, 0.3])),) if self.so else ()
        return RangeResult(found, Source("query", query))

    def check(self) -> str:
        return "answers"


def triggers(at: Hub, metrics: Answering) -> Triggers:
    return Triggers(at.catalog.serve.triggers, metrics, at.inbox, at.clock, Log(at.log))


def test_a_schedule_falls_on_its_moments() -> None:
    daily = Trigger(name="daily", model="shop", on="schedule", every="1d", since="2026-01-01T03:00:00Z")  # type: ignore[arg-type]
    assert slot(daily, datetime(2026, 11, 4, 2, 59, tzinfo=UTC)) == datetime(2026, 11, 3, 3, tzinfo=UTC)
    assert slot(daily, datetime(2026, 11, 4, 3, 0, tzinfo=UTC)) == datetime(2026, 11, 4, 3, tzinfo=UTC)


def test_a_schedule_runs_once_at_its_next_moment_whoever_asks(tmp_path: Path) -> None:
    at = hub(tmp_path, SERVE)
    asked = [triggers(at, Answering()), triggers(at, Answering())]
    for one in asked:
        one.tick()
    at.work()
    assert at.desk.incidents() == ()
    at.clock.sleep(3 * 3600)
    for one in (*asked, triggers(at, Answering())):
        one.tick()
    at.work()
    (found,) = at.desk.incidents()
    incident = at.desk.incident(found.id)
    assert (incident.alert.name, incident.alert.origin, incident.playbook) == (
        "ScheduledRetraining", "schedule", "scheduled_retraining",
    )  # fmt: skip


def test_drift_starts_a_run_once_it_has_lasted_and_ends_as_resolved(tmp_path: Path) -> None:
    at, metrics = hub(tmp_path, SERVE), Answering()
    asking = triggers(at, metrics)

    def minutes(count: int) -> None:
        for _ in range(count):
            asking.tick()
            at.work()
            at.clock.sleep(60)

    metrics.so = True
    minutes(5)
    metrics.so = False
    minutes(1)
    metrics.so = True
    minutes(8)
    metrics.so = None  # not measured is neither so nor not so
    minutes(2)
    assert at.desk.incidents() == ()
    metrics.so = True
    asking = triggers(at, metrics)  # a restart forgets nothing
    minutes(3)
    (found,) = at.desk.incidents()
    assert at.desk.incident(found.id).playbook == "model_quality_drop"
    metrics.so = False
    minutes(2)
    assert at.desk.incident(found.id).cleared_at is not None
    assert len(at.desk.incidents()) == 1


def test_nobody_outside_can_pretend_to_be_a_trigger(tmp_path: Path) -> None:
    from triage.webhook.triggers import delivery_of

    at = hub(tmp_path, SERVE)
    body = delivery_of(at.catalog.serve.triggers[0], at.clock.now(), firing=True)
    at.deliver(body)
    assert at.desk.incidents() == ()
    assert "no label 'model'" in next(iter(at.alerts().values())).reason


@pytest.mark.parametrize(("far", "routine"), [(0.1, True), (0.7, False)])
def test_a_scheduled_run_proposes_a_routine_retrain_only_where_nothing_got_worse(
    tmp_path: Path, far: float, routine: bool
) -> None:
    lived = world(far=far)
    incident = lived.run(tmp_path, "scheduled_retraining")
    assert incident.plan is not None
    assert incident.plan.summary.startswith("routine: ") is routine
    assert "retrain" in incident.plan.covers
    assert incident.state is State.WAITING_FOR_APPROVAL
