"""Input that is missing, broken or of another kind: each rung says why it is unmeasured, the others are measured."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tests.light_world import START, World, answer, version, world
from triage.adapters.memory import MemoryRegistry
from triage.errors import Refused, SourceUnavailable
from triage.incident import CauseKind, Incident, Outcome, State, Verdict
from triage.ports import ModelVersion


def without(table: str, column: str) -> Callable[[World], None]:
    def spoil(made: World) -> None:
        made.tables[table] = made.tables[table].drop_columns([column])

    return spoil


def with_(table: str, column: str, make: Callable[[pd.DataFrame], object]) -> Callable[[World], None]:
    return lambda made: made.change(table, **{column: make})


def rows(keep: Callable[[pd.DataFrame], pd.Series]) -> Callable[[World], None]:
    def spoil(made: World) -> None:
        log = made.tables["log"].to_pandas()
        made.tables["log"] = pa.Table.from_pandas(log[keep(log)], preserve_index=False)

    return spoil


def unmeasured(incident: Incident) -> dict[CauseKind, tuple[str, str]]:
    return {item.about: (item.statement, item.hint) for item in incident.evidence if item.verdict is Verdict.UNMEASURED}


ROWS = {CauseKind.DATA_QUALITY, CauseKind.FEATURE_DRIFT, CauseKind.CONCEPT_DRIFT, CauseKind.BAD_DEPLOY}


@pytest.mark.parametrize(
    ("spoil", "lost", "why"),
    [
        (rows(lambda log: log["at"] < pd.Timestamp(START)), ROWS, "no rows from 2026-11-02"),
        (rows(lambda log: log["at"] >= pd.Timestamp(START)), ROWS, "no rows in the healthy span"),
        (without("log", "score"), {CauseKind.CONCEPT_DRIFT, CauseKind.BAD_DEPLOY}, "no column 'score'"),
        (without("log", "place"), {CauseKind.FEATURE_DRIFT, CauseKind.BAD_DEPLOY}, "place"),
        (without("log", "id"), {CauseKind.CONCEPT_DRIFT, CauseKind.LABEL_FAULT}, "can't be joined"),
        (without("truth", "bought"), {CauseKind.CONCEPT_DRIFT, CauseKind.LABEL_FAULT}, "no column 'bought'"),
        (with_("log", "score", lambda log: "x"), {CauseKind.CONCEPT_DRIFT, CauseKind.BAD_DEPLOY}, "holds no numbers"),
        (with_("truth", "id", lambda own: np.arange(len(own))), {CauseKind.LABEL_FAULT}, "keys of type"),
        (with_("log", "age", lambda log: np.nan), {CauseKind.FEATURE_DRIFT}, "no value at all"),
        (with_("log", "age", lambda log: "abc"), {CauseKind.FEATURE_DRIFT}, "can't be read as a number"),
        (without("training", "place"), {CauseKind.FEATURE_DRIFT}, "the training baseline could not be read"),
    ],
)
def test_what_is_broken_is_unmeasured_with_reason_and_hint_and_the_rest_is_measured(
    spoil: Callable[[World], None], lost: set[CauseKind], why: str, tmp_path: Path
) -> None:
    made = world(4)
    spoil(made)
    incident = made.run(tmp_path)
    assert incident.state in (State.NEEDS_PERSON, State.WAITING_FOR_APPROVAL)
    said = unmeasured(incident)
    assert lost <= set(said)
    for kind in lost:
        assert said[kind][1], f"{kind} has no hint"
    assert any(why in statement for statement, _ in said.values())
    assert not any("a defect in step" in statement for statement, _ in said.values())
    assert CauseKind.INFRASTRUCTURE in {ruled.kind for ruled in incident.diagnosis.ruled_out}  # type: ignore[union-attr]


@pytest.mark.parametrize("spoilt", [np.inf, -np.inf])
def test_infinities_do_not_stop_anything(spoilt: float, tmp_path: Path) -> None:
    made = world(4)
    made.change("log", age=lambda log: log["age"].where(log.index % 3 > 0, spoilt))
    incident = made.run(tmp_path)
    assert {record.outcome for record in incident.steps.values()} <= {Outcome.DONE, None}  # a gate may wait
    assert incident.state in (State.NEEDS_PERSON, State.WAITING_FOR_APPROVAL)


def test_a_rung_with_a_lost_feature_is_not_ruled_out(tmp_path: Path) -> None:
    made = world(4, far=0.1)
    made.change("log", age=lambda log: np.nan)
    incident = made.run(tmp_path)
    assert incident.diagnosis is not None
    assert CauseKind.FEATURE_DRIFT not in {ruled.kind for ruled in incident.diagnosis.ruled_out}


def test_a_kpi_with_most_of_its_points_missing_is_no_proof_of_health(tmp_path: Path) -> None:
    made = world(1, far=0.1)
    made.answers["kpi"][0].values[-40:] = np.nan
    incident = made.run(tmp_path)
    assert incident.state in (State.NEEDS_PERSON, State.WAITING_FOR_APPROVAL)
    assert "no proof" in next(item.statement for item in incident.evidence if item.step == "kpi")


class Broken(MemoryRegistry):
    """A registry whose files can't be had."""

    def load_artifact(self, version: ModelVersion, name: str) -> bytes | None:
        raise SourceUnavailable("the artifact store does not answer", hint="start it")

    def save_artifact(self, version: ModelVersion, name: str, body: bytes) -> None:
        raise SourceUnavailable("the artifact store does not answer", hint="start it")


class Strict(MemoryRegistry):
    def predictor(self, version: ModelVersion) -> object:  # type: ignore[override]
        raise Refused("pickled models are not loaded", hint="save it with skops")


class Damaged(MemoryRegistry):
    def load_artifact(self, version: ModelVersion, name: str) -> bytes | None:
        return b'{"kind": "dataset"}\nnot a profile'


@pytest.mark.parametrize("kind", [Broken, Damaged])
def test_a_profile_that_can_not_be_read_is_made_again(kind: type[MemoryRegistry], tmp_path: Path) -> None:
    made = world(4)
    made.registry = kind()
    made.registry.add(version(), answer)
    incident = made.run(tmp_path)
    assert incident.diagnosis is not None
    assert incident.diagnosis.causes[0].subject == "place"


def test_a_model_that_may_not_be_loaded_is_a_rung_that_is_unmeasured(tmp_path: Path) -> None:
    made = world(4)
    made.registry = Strict()
    made.registry.add(version(), answer)
    said = unmeasured(made.run(tmp_path))
    assert said[CauseKind.BAD_DEPLOY] == ("pickled models are not loaded", "save it with skops")


def _raises(frame: pd.DataFrame) -> np.ndarray:
    raise ValueError("\x1b[31mboom")


def _exits(frame: pd.DataFrame) -> np.ndarray:
    raise SystemExit(3)


@pytest.mark.parametrize("predict", [None, _raises, _exits, lambda frame: np.full(len(frame), np.nan)])
def test_a_model_that_fails_leaves_the_other_rungs_measured(
    predict: Callable[[pd.DataFrame], np.ndarray] | None, tmp_path: Path
) -> None:
    made = world(4)
    made.registry = MemoryRegistry()
    made.registry.add(version(), predict)
    incident = made.run(tmp_path)
    assert incident.state in (State.NEEDS_PERSON, State.WAITING_FOR_APPROVAL)
    assert CauseKind.BAD_DEPLOY in unmeasured(incident)
    assert CauseKind.LABEL_FAULT in {ruled.kind for ruled in incident.diagnosis.ruled_out}  # type: ignore[union-attr]


HOSTILE = "\x1b[31m<script>alert(1)</script>\u202e|`\n" + "A" * 10_000


def test_hostile_values_reach_no_page_and_no_terminal_as_they_are(tmp_path: Path) -> None:
    made = world(4)
    made.change("log", place=lambda log: log["place"].where(log["place"] != "ZH", HOSTILE))
    incident = made.run(tmp_path)
    desk = made.desk(tmp_path)
    page, words = desk.report(incident.id, "html"), desk.summary(incident.id, colour=False)
    assert "<script>alert(1)" not in page
    for text in (page, words, desk.report(incident.id, "md")):
        assert "\x1b" not in text
        assert "\u202e" not in text
