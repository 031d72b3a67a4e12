"""Whether the world changed, where what was served was wrong."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.light_world import ALERT_AT, START, World, answer, world
from triage.drift.concept.stream import Detector, StreamChange
from triage.incident import CauseKind, Evidence, Verdict, Window
from triage.steps.check_concept_drift import moved_by, unless_skewed, unless_spoiled, with_onset


def skewed_world(feature: str) -> World:
    """Bargains sell no longer; since the incident ``feature`` is served from other rows than its own."""
    made = world(8, far=0.1)
    log, truth = made.tables["log"].to_pandas(), made.tables["truth"].to_pandas()
    rng, late = np.random.default_rng(3), (log["at"] >= START).to_numpy()
    made.keep_pipeline(log)
    log = log.copy()  # Arrow shares its memory
    lost = late & (log["bargain"] > 0.5).to_numpy()
    log.loc[late, feature] = rng.permutation(log.loc[late, feature].to_numpy())
    made.tables["log"] = pa.Table.from_pandas(log.assign(score=answer(log)), preserve_index=False)
    truth["bought"] = truth["bought"].where(~lost, 0)
    made.tables["truth"] = pa.Table.from_pandas(truth, preserve_index=False)
    return made


def concept(made: World, folder: Path) -> Evidence:
    (found,) = [item for item in made.run(folder).evidence if item.id == "concept_drift"]
    return found


def test_a_feature_that_the_model_does_not_heed_hides_no_concept_drift(tmp_path: Path) -> None:
    assert concept(skewed_world("age"), tmp_path).verdict is Verdict.SUPPORTS


def test_inputs_that_were_served_wrong_are_not_equal_where_the_model_heeds_them(tmp_path: Path) -> None:
    assert concept(skewed_world("bargain"), tmp_path).verdict is Verdict.INCONCLUSIVE


def test_what_was_served_wrong_is_named() -> None:
    worse = Evidence("concept_drift", "s", CauseKind.CONCEPT_DRIFT, Verdict.SUPPORTS, "the outcome is worse")
    assert unless_skewed(worse, []) is worse
    found = unless_skewed(worse, ["affinity", "price"])
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.statement.endswith("but affinity, price were served wrong, so inputs were not equal")


def test_answers_made_from_broken_inputs_are_no_proof_of_a_changed_world() -> None:
    worse = Evidence("concept_drift", "s", CauseKind.CONCEPT_DRIFT, Verdict.SUPPORTS, "the outcome is worse")
    assert unless_spoiled(worse, ()) is worse
    found = unless_spoiled(worse, ("price",))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "price arrived broken" in found.statement


def test_how_far_answers_moved_is_told_in_their_own_standard_deviations() -> None:
    said = np.array([0.1, 0.3, np.nan])
    assert moved_by(said, said) == 0
    assert moved_by(said, said + 0.05) == pytest.approx(0.5)
    assert moved_by(np.array([0.1, 0.1]), np.array([0.5, 0.5])) == 0


@pytest.mark.parametrize(("hours", "told"), [(-120, False), (-3, True), (5, True)])
def test_a_rise_of_the_loss_is_told_where_it_is_of_the_incident(hours: int, told: bool) -> None:
    worse = Evidence("concept_drift", "s", CauseKind.CONCEPT_DRIFT, Verdict.SUPPORTS, "the outcome is worse")
    began = START + timedelta(hours=hours)
    rise = StreamChange(Detector.ADWIN, 7, 9, began, began, 0.1, 0.2, 1)
    found = with_onset(worse, rise, Window(START, ALERT_AT))
    assert (f"rose most at about {began:%Y-%m-%d %H:%M}" in found.statement) is told
    assert (found.measure("onset") == began.timestamp()) is told
