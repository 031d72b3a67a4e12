from dataclasses import replace
from pathlib import Path

import pytest

from tests.light_world import ALERT, World, world
from triage.incident import Alert, Outcome, State
from triage.ports import ModelVersion
from triage.staleness import TAG, incidents

QUICK = """\
name: quick
title: Mark, and measure the KPI
steps:
  - {id: stale, uses: mark_stale}
  - {id: kpi, uses: measure_kpi}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "playbooks" / "quick.yaml").write_text(QUICK)
    return tmp_path


def named(made: World) -> tuple[str, ...]:
    return incidents(made.registry.champion("shop", "champion").tags)


def test_each_incident_adds_itself_to_the_tag(folder: Path) -> None:
    made = world(1)
    for _ in range(2):
        made.run(folder, "quick")
    assert named(made) == ("shop-1", "shop-2")


def test_a_tag_that_someone_else_wrote_is_kept() -> None:
    assert incidents({TAG: "by hand"}) == ("by hand",)
    assert incidents({TAG: "7"}) == ("7",)
    assert incidents({TAG: ""}) == incidents({}) == incidents(None) == ()


def test_a_registry_that_is_down_keeps_the_incident_open_and_says_so(folder: Path) -> None:
    made = world(1)
    made.registry.add(replace(made.registry.champion("shop", "champion"), aliases=()))  # type: ignore[attr-defined]
    incident = made.run(folder, "quick")
    assert incident.steps["stale"].outcome is Outcome.FAILED
    assert incident.state is State.NEEDS_PERSON
    assert "no alias 'champion'" in incident.state_reason


def test_a_model_name_with_a_space_is_one_name(folder: Path) -> None:
    made = world(1)
    made.text = made.text.replace("\n  shop:\n", "\n  my shop:\n")
    desk = made.desk(folder)
    alert: Alert = replace(ALERT, model="my shop")
    desk.advance(desk.receive(alert, made.catalog(folder), playbook="quick").incident)
    version: ModelVersion = made.registry.champion("shop", "champion")
    assert incidents(version.tags) == ("my shop-1",)
