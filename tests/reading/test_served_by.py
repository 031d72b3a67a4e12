"""Versions read from a log are those of the registry, whatever pandas makes of a column with nulls."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.light_world import START, world
from triage.incident import CauseKind, Verdict
from triage.reading.served_by import mostly_served_by, served_by


@pytest.mark.parametrize(
    ("column", "named"),
    [
        (pd.Series([2, 2, None]), ["2", "2", ""]),
        (pd.Series([2, 3], dtype="Int64"), ["2", "3"]),
        (pd.Series(["2", None], dtype="category"), ["2", ""]),
        (pd.Series([None, None]), ["", ""]),
    ],
)
def test_a_version_reads_as_the_registry_writes_it(column: pd.Series, named: list[str]) -> None:
    assert served_by(column).tolist() == named
    assert mostly_served_by(column) == next((one for one in named if one), "")


def numbers(rows: pd.DataFrame, missing: np.ndarray) -> pd.Series:
    return pd.Series(np.where(missing, np.nan, 1.0)).astype("Int64")


def test_versions_that_a_part_of_the_incident_does_not_name_are_no_deploy(tmp_path: Path) -> None:
    made = world()
    made.change("log", served_by=lambda rows: numbers(rows, (rows["at"] >= START).to_numpy() & (rows.index % 9 == 0)))
    found = next(item for item in made.run(tmp_path).evidence if item.about is CauseKind.BAD_DEPLOY)
    assert found.verdict is Verdict.REFUTES
    assert "1.0" not in found.statement


def test_a_log_that_names_versions_only_since_the_incident_tells_of_no_new_one(tmp_path: Path) -> None:
    made = world()
    made.change("log", served_by=lambda rows: numbers(rows, (rows["at"] < START).to_numpy()))
    incident = made.run(tmp_path)
    found = next(item for item in incident.evidence if item.about is CauseKind.BAD_DEPLOY)
    assert found.verdict is Verdict.REFUTES
    assert incident.plan is not None


def test_rows_without_a_logged_answer_do_not_hide_what_a_deploy_cost(tmp_path: Path) -> None:
    made = world(40)
    made.change(
        "log",
        served_by=lambda rows: np.where(rows["at"] >= START, "2", "1"),
        score=lambda rows: rows["score"].where(rows.index % 50 > 0),
    )
    from tests.light_world import answer, registry, version

    models = registry()
    models.add(version("2"), lambda rows: 1 - answer(rows))
    made.registry = models
    found = next(item for item in made.run(tmp_path).evidence if item.about is CauseKind.BAD_DEPLOY)
    assert "not finite" not in found.statement
    assert "is not known" not in found.statement
