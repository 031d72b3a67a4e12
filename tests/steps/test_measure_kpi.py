from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.light_world import START, World, world
from triage.incident import Evidence
from triage.ports import Series

LEVELS = "      - {name: traffic, kind: throughput, query: traffic, direction: higher_is_better, target: 1}\n"


def measured(made: World, home: Path) -> Evidence:
    incident = made.run(home)
    return next(item for item in incident.evidence if item.id == "kpi")


def weighed(made: World) -> World:
    hours = made.answers["kpi"][0].times
    busy = 1 + 0.9 * np.sin(2 * np.pi * hours / 86_400)
    text = made.text.replace("    serving_log:", LEVELS + "    serving_log:")
    return replace(made, answers={**made.answers, "traffic": (Series({}, hours, busy),)}, text=text)


def test_a_sample_tells_of_the_step_that_ends_with_it(tmp_path: Path) -> None:
    made = world()
    hours = START.timestamp() + 3600.0 * np.arange(-28 * 24, 49)
    inside = (hours > START.timestamp()) & (hours <= (START + timedelta(hours=48)).timestamp())
    made.answers["kpi"] = (Series({}, hours, np.where(inside, 0.2, 0.3)),)
    found = measured(made, tmp_path)
    assert found.measure("current") == pytest.approx(0.2)
    assert found.measure("expected") == pytest.approx(0.3)


def test_points_weigh_what_their_traffic_is_and_the_evidence_names_its_query(tmp_path: Path) -> None:
    found = measured(weighed(world()), tmp_path)
    assert "each point weighed by its traffic" in found.statement
    assert [source.name for source in found.sources] == ["kpi", "traffic"]


def test_without_an_answer_about_traffic_the_kpi_is_measured_all_the_same(tmp_path: Path) -> None:
    made = weighed(world())
    del made.answers["traffic"]
    found = measured(made, tmp_path)
    assert "weighed" not in found.statement
    assert len(found.sources) == 1


def test_what_lies_in_the_gap_is_no_history(tmp_path: Path) -> None:
    made = world()
    hours = START.timestamp() + 3600.0 * np.arange(-60 * 24, 49)
    days = (hours - START.timestamp()) / 86_400
    level = np.where(days > 0, 0.2, np.where(days > -17, 0.9, 0.3))
    made.answers["kpi"] = (Series({}, hours, level),)
    apart = replace(made, text=made.text.replace("    labels:", "    windows: {gap: 17d}\n    labels:"))
    found = measured(apart, tmp_path)
    assert found.measure("expected") == pytest.approx(0.3)
    assert found.measure("current") == pytest.approx(0.2)
    assert "14 days before" in found.statement
    assert found.chart is not None
    assert min(found.chart["times"]) == pytest.approx(found.chart["windows"][0]["start"], abs=7200)
