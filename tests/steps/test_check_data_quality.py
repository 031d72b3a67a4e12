from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tests.light_world import START, World, world
from triage.incident import Evidence, Incident, Verdict
from triage.ports import Series

LEVELS = "      - {name: traffic, kind: throughput, query: traffic, direction: higher_is_better, target: 0.001}\n"


def counted(made: World) -> World:
    """The same world, whose service counts 60 requests an hour."""
    hours = START.timestamp() + 3600.0 * np.arange(-28 * 24, 49)
    text = made.text.replace("    serving_log:", LEVELS + "    serving_log:")
    answers = {**made.answers, "traffic": (Series({}, hours, np.full(hours.size, 1 / 60)),)}
    return replace(made, answers=answers, text=text)


def served(made: World, change: str) -> World:
    """``lost``: half of the incident's hours are not in the log; ``doubled``: a third of its rows are there twice."""
    rows = made.tables["log"].to_pandas()
    hour = (rows["at"] - pd.Timestamp(START)) / pd.Timedelta(hours=1)
    if change == "lost":
        rows = rows[~hour.between(6, 18)]
    else:
        rows = pd.concat([rows, rows[(hour >= 0) & (np.arange(len(rows)) % 3 == 0)]])
    made.tables["log"] = pa.Table.from_pandas(rows, preserve_index=False)
    return made


def of_rows(incident: Incident) -> list[Evidence]:
    return [item for item in incident.evidence if item.id.startswith("data_quality.rows")]


def whole(incident: Incident) -> Evidence:
    return next(item for item in incident.evidence if item.id == "data_quality")


@pytest.fixture
def shop() -> World:
    return counted(world(per_hour=60))


def test_a_whole_log_has_no_fault_of_rows(shop: World, tmp_path: Path) -> None:
    incident = shop.run(tmp_path)
    assert of_rows(incident) == []
    assert whole(incident).verdict is Verdict.REFUTES


def test_lost_rows_leave_the_quality_of_the_data_open_and_say_what_to_look_at(shop: World, tmp_path: Path) -> None:
    incident = served(shop, "lost").run(tmp_path)
    (found,) = of_rows(incident)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "rows are missing from 2026-11-02 06:00 to 2026-11-02 18:00" in found.statement
    assert found.hint
    assert found.measure("rows") == pytest.approx(0.25, abs=0.01)
    assert whole(incident).verdict is Verdict.INCONCLUSIVE


def test_rows_that_came_twice_support_a_fault_where_they_are_much_of_the_drop(shop: World, tmp_path: Path) -> None:
    (found,) = of_rows(served(shop, "doubled").run(tmp_path))
    assert found.id == "data_quality.rows.duplicated_rows"
    assert found.verdict is Verdict.SUPPORTS
    assert found.measure("rows") == pytest.approx(0.25, abs=0.01)
