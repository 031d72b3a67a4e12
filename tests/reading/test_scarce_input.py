"""Input that is scarce or excessive, through the desk: what is said rests on what is there, and no step breaks."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tests.light_world import START, World, answer, version, world
from triage.adapters.memory import MemoryRegistry
from triage.incident import CauseKind, Evidence, Incident, Outcome, Verdict


def ended(made: World, home: Path) -> Incident:
    """The incident of ``made``, all of whose steps ended without a defect."""
    incident = made.run(home)
    assert incident.diagnosis is not None
    assert not [step.reason for step in incident.steps.values() if step.outcome is Outcome.FAILED]
    assert not any("a defect in step" in item.statement for item in incident.evidence)
    return incident


def about(incident: Incident, kind: CauseKind) -> Evidence:
    return next(item for item in incident.evidence if item.about is kind and not item.part_of)


def labels(change: Callable[[pd.DataFrame], pd.DataFrame], per_hour: int = 60) -> World:
    made = world(per_hour=per_hour)
    made.tables["truth"] = pa.Table.from_pandas(change(made.tables["truth"].to_pandas()), preserve_index=False)
    return made


def test_labels_of_three_rows_in_a_hundred_say_how_few_they_are_and_when_they_are_due(tmp_path: Path) -> None:
    incident = ended(labels(lambda truth: truth.sample(frac=0.03, random_state=0)), tmp_path)
    concept = about(incident, CauseKind.CONCEPT_DRIFT)
    assert concept.verdict is Verdict.UNMEASURED
    assert "labels of the incident window have arrived, 100 are needed" in concept.statement
    assert "run again then" in concept.hint
    assert about(incident, CauseKind.FEATURE_DRIFT).verdict is not Verdict.REFUTES


@pytest.mark.parametrize("from_the_start", [True, False])
def test_labels_of_one_class_are_no_measurement_of_the_concept(from_the_start: bool, tmp_path: Path) -> None:
    def one_class(truth: pd.DataFrame) -> pd.DataFrame:
        spoilt = from_the_start | (truth["arrived"] > pd.Timestamp(START))
        return truth.assign(bought=truth["bought"].mask(spoilt, 0))

    incident = ended(labels(one_class), tmp_path)
    assert about(incident, CauseKind.CONCEPT_DRIFT).verdict is Verdict.UNMEASURED
    assert "every label of the" in about(incident, CauseKind.CONCEPT_DRIFT).statement
    if not from_the_start:
        assert "every label is 0" in about(incident, CauseKind.LABEL_FAULT).statement


def test_ten_thousand_categories_are_bounded_and_the_rest_is_still_found(tmp_path: Path) -> None:
    made = world(per_hour=60)
    for table in ("log", "training"):
        made.change(table, age=lambda rows: [f"visitor {place % 10_000}" for place in range(len(rows))])
    made.registry = MemoryRegistry()
    made.registry.add(version(inputs={"place": "string", "bargain": "double", "age": "string"}), answer)
    made.text = made.text.replace("age: {source", "age: {kind: categorical, source")
    incident = ended(made, tmp_path)
    assert incident.diagnosis is not None
    assert incident.diagnosis.causes[0].subject == "place"
    assert max(len(item.statement) for item in incident.evidence) < 2_000


def test_a_window_of_fifty_rows_claims_no_more_than_it_can_show(tmp_path: Path) -> None:
    incident = ended(world(per_hour=1), tmp_path)
    assert about(incident, CauseKind.FEATURE_DRIFT).verdict in (Verdict.UNMEASURED, Verdict.INCONCLUSIVE)
    assert about(incident, CauseKind.CONCEPT_DRIFT).verdict is Verdict.UNMEASURED


def test_rows_of_one_moment_are_rows_all_the_same(tmp_path: Path) -> None:
    made = world(per_hour=60)
    made.change("log", at=lambda rows: rows["at"].dt.floor("D"))
    incident = ended(made, tmp_path)
    assert incident.diagnosis is not None
    assert incident.diagnosis.causes[0].subject == "place"


def test_a_model_that_raises_on_one_row_of_the_incident_leaves_the_cost_open(tmp_path: Path) -> None:
    def picky(rows: pd.DataFrame) -> np.ndarray:
        if (rows["age"] == 999).any():
            raise ValueError("no such age")
        return answer(rows)

    made = world(per_hour=60)
    last = made.tables["log"].num_rows - 1
    made.change("log", age=lambda rows: rows["age"].where(rows.index != last, 999))
    made.registry = MemoryRegistry()
    made.registry.add(version(), picky)
    incident = ended(made, tmp_path)
    assert any("no such age" in item.statement for item in incident.evidence)
    assert about(incident, CauseKind.FEATURE_DRIFT).verdict in (Verdict.INCONCLUSIVE, Verdict.SUPPORTS)


def test_a_feature_of_the_signature_that_the_log_lacks_is_named(tmp_path: Path) -> None:
    made = world(per_hour=60)
    made.registry = MemoryRegistry()
    inputs = {"place": "string", "bargain": "double", "age": "double", "ghost": "double"}
    made.registry.add(version(inputs=inputs), answer)
    incident = ended(made, tmp_path)
    assert any("ghost" in item.statement for item in incident.evidence if item.verdict is not Verdict.REFUTES)


@pytest.mark.parametrize("then", [None, [5.0, 6.0]])
def test_a_feature_of_vectors_that_changed_in_the_incident_is_judged_and_breaks_no_step(
    tmp_path: Path, then: list[float] | None
) -> None:
    made = world()
    made.change(
        "log",
        taste=lambda rows: [
            then if at >= START and row % 3 == 0 else [float(row % 4), 1.0] for row, at in enumerate(rows["at"])
        ],
    )
    made.registry = MemoryRegistry()
    made.registry.add(
        version(inputs={"place": "string", "bargain": "double", "age": "double", "taste": "array"}), answer
    )
    ended(made, tmp_path)
