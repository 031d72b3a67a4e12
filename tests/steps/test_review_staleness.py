"""The stale tag comes off only where a run measured recent data and found nothing wrong with it."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from tests.light_world import ALERT_AT, World, version, world
from triage.adapters.memory import MemoryClock
from triage.incident import Incident, State
from triage.ports import ModelVersion
from triage.staleness import TAG, incidents, mark
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


def _beside(made: World, calls: str, happens: Callable[[], object]) -> None:
    """``happens`` in another process, once, right after the registry was told to write the tag ``calls``."""
    tag, left = made.registry.tag, [happens]

    def told(version: ModelVersion, key: str, value: str) -> None:
        tag(version, key, value)
        if key == calls and left:
            left.pop()()

    made.registry.tag = told  # type: ignore[method-assign]


def test_a_drift_that_began_after_the_data_that_was_measured_keeps_its_mark(tmp_path: Path) -> None:
    made = world(far=0.1)
    champion = made.registry.champion("shop", "champion")
    mark(made.registry, champion, "shop-0", ALERT_AT - timedelta(days=1))
    mark(made.registry, made.registry.champion("shop", "champion"), "shop-9", ALERT_AT + timedelta(hours=3))
    incident = made.run(tmp_path)
    assert incidents(tags(made)) == ("shop-9",)
    assert incident.steps["review"].outputs["before"] == ["shop-0", incident.id]
    assert incident.steps["review"].outputs["cleared"] is False
    assert why(incident) == "not answered by this data: shop-9"


def test_a_mark_that_comes_while_the_tag_is_taken_off_stays(tmp_path: Path) -> None:
    made = world(far=0.1)

    def another() -> None:
        mark(made.registry, made.registry.champion("shop", "champion"), "shop-9", ALERT_AT)

    _beside(made, REVIEWED, another)
    incident = made.run(tmp_path)
    assert incidents(tags(made)) == ("shop-9",)
    assert incident.steps["review"].outputs["before"] == [incident.id]


def test_data_of_one_champion_do_not_speak_for_the_next(tmp_path: Path) -> None:
    made = world(far=0.1)

    def another() -> None:
        made.registry.add(version("2", tags={TAG: '["shop-9"]'}))

    _beside(made, TAG, another)
    incident = made.run(tmp_path)
    assert made.registry.champion("shop", "champion").version == "2"
    assert incidents(tags(made)) == ("shop-9",)
    assert why(incident) == "version 2 serves, and version 1 was measured"
