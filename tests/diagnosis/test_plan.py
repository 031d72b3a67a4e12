from dataclasses import replace

import pytest

from triage.diagnosis.plan import plan
from triage.incident import Cause, CauseKind, Diagnosis, Effect, Evidence, Verdict


def diagnosed(kind: CauseKind, probability: float = 0.9) -> Diagnosis:
    return Diagnosis("said", (Cause(kind, "it", probability, 0.8, "it moved"),), next_check="look there")


EVIDENCE = (Evidence("e", "step", CauseKind.FEATURE_DRIFT, Verdict.SUPPORTS, "it moved"),)


@pytest.mark.parametrize("kind", list(CauseKind))
def test_every_kind_of_cause_has_a_plan_with_reasons(kind: CauseKind) -> None:
    proposed = plan(diagnosed(kind), "recommender", "2", EVIDENCE)
    assert proposed.actions
    assert proposed.digest.startswith("sha256:")
    assert all(alternative.reason for alternative in proposed.not_chosen)
    for action in proposed.actions:
        if action.effect is Effect.CHANGE:
            assert action.before
            assert action.after
            assert action.undo
            assert action.blast_radius


@pytest.mark.parametrize(
    "kind",
    [
        CauseKind.INFRASTRUCTURE,
        CauseKind.DATA_QUALITY,
        CauseKind.SERVING_SKEW,
        CauseKind.LABEL_FAULT,
        CauseKind.SEASONAL,
    ],
)
def test_a_fault_that_retraining_would_learn_is_not_retrained(kind: CauseKind) -> None:
    proposed = plan(diagnosed(kind), "recommender", "2", EVIDENCE)
    assert "retrain" not in {action.step for action in proposed.actions}
    assert any(alternative.title == "retrain" for alternative in proposed.not_chosen)


def test_drift_is_retrained_and_a_bad_deploy_rolled_back() -> None:
    assert plan(diagnosed(CauseKind.FEATURE_DRIFT), "m", "2", EVIDENCE).actions[0].step == "retrain"
    assert plan(diagnosed(CauseKind.BAD_DEPLOY), "m", "2", EVIDENCE).actions[0].step == "rollback"


def test_too_little_confidence_changes_nothing_and_names_the_next_check() -> None:
    proposed = plan(diagnosed(CauseKind.FEATURE_DRIFT, 0.4), "m", "2", EVIDENCE)
    assert all(action.effect is Effect.READ for action in proposed.actions)
    assert "look there" in proposed.summary


def test_where_it_is_not_known_whether_the_model_got_worse_nothing_is_changed_and_nothing_is_called_well() -> None:
    proposed = plan(Diagnosis("can't be told yet", (), next_check="a longer window"), "m", "2", EVIDENCE)
    assert [action.effect for action in proposed.actions] == [Effect.READ]
    assert "a longer window" in proposed.summary
    assert "do nothing" not in proposed.summary


def test_the_digest_changes_with_the_evidence_the_plan_and_the_champion() -> None:
    usual = plan(diagnosed(CauseKind.FEATURE_DRIFT), "m", "2", EVIDENCE).digest
    other = (replace(EVIDENCE[0], statement="it moved more"),)
    assert plan(diagnosed(CauseKind.FEATURE_DRIFT), "m", "2", EVIDENCE).digest == usual
    assert plan(diagnosed(CauseKind.FEATURE_DRIFT), "m", "2", other).digest != usual
    assert plan(diagnosed(CauseKind.FEATURE_DRIFT), "m", "3", EVIDENCE).digest != usual
    assert plan(diagnosed(CauseKind.CONCEPT_DRIFT), "m", "2", EVIDENCE).digest != usual


@pytest.mark.parametrize("kind", [CauseKind.FEATURE_DRIFT, CauseKind.BAD_DEPLOY])
def test_where_the_registry_knows_no_champion_nothing_is_proposed_that_changes_one(kind: CauseKind) -> None:
    said = "no registered model 'nosuch'"
    proposed = plan(diagnosed(kind), "nosuch", "", EVIDENCE, previous="1", no_champion=said)
    assert proposed.covers == ()
    assert all(action.effect is Effect.READ for action in proposed.actions)
    assert said in proposed.summary
