"""The stale tag comes off only where a run measured recent data and found nothing wrong with it."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from tests.light_world import ALERT_AT, World, world
from triage.adapters.memory import MemoryClock
from triage.incident import Incident, State
from triage.steps.mark_stale import TAG, incidents
from triage.steps.review_staleness import REVIEWED


def tags(made: World) -> dict[str, str]:
    return dict(made.registry.champion("shop", "champion").tags or {})


def why(incident: Incident) -> str:
    return str(incident.steps["review"].outputs.get("why", ""))


def test_recent_healthy_data_takes_the_tag_off_and_keeps_what_it_held(tmp_path: Path) -> None:
    made = world(far=0.1)
    champion = made.registry.champion("shop", "champion")
    made.registry.tag(champion, TAG, '["shop-0"]')
    incident = made.run(tmp_path)
    assert incident.state is State.CLOSED
    assert tags(made)[TAG] == ""
    assert incidents(tags(made), REVIEWED) == (incident.id, "shop-0", incident.id)
    assert incident.steps["review"].outputs["before"] == ["shop-0", incident.id]


def test_a_model_that_did_get_worse_stays_stale(tmp_path: Path) -> None:
    made = world()
    incident = made.run(tmp_path)
    assert incidents(tags(made)) == (incident.id,)
    assert why(incident).startswith("Most likely feature drift in place")


def test_old_data_takes_nothing_off(tmp_path: Path) -> None:
    made = world(far=0.1)
    made.clock = MemoryClock(ALERT_AT + timedelta(days=3))
    incident = made.run(tmp_path)
    assert incidents(tags(made)) == (incident.id,)
    assert "not recent" in why(incident)


def _no_log(made: World) -> None:
    made.tables["log"] = made.tables["log"].slice(0, 1)


def _no_kpi(made: World) -> None:
    made.answers["kpi"] = ()


def _a_feature_is_lost(made: World) -> None:
    log = made.tables["log"]
    made.tables["log"] = log.set_column(log.column_names.index("age"), "age", pa.nulls(log.num_rows, pa.float64()))


@pytest.mark.parametrize("spoil", [_no_log, _no_kpi, _a_feature_is_lost])
def test_what_was_not_measured_takes_nothing_off(spoil: Callable[[World], None], tmp_path: Path) -> None:
    made = world(far=0.1)
    spoil(made)
    incident = made.run(tmp_path)
    assert incidents(tags(made)) == (incident.id,)
    assert why(incident)
