"""The fitted scorecard."""

from datetime import UTC, datetime

from triage.diagnosis.scorecard import score, shipped
from triage.incident import Cause, CauseKind, Diagnosis, Evidence, Verdict
from triage.lab.bench.case import Truth
from triage.lab.bench.fit import BY_HAND, fit, write
from triage.lab.bench.run import Result

ONSET = datetime(2026, 11, 18, tzinfo=UTC)


def _case(dataset, kind, *evidence):
    diagnosis = Diagnosis("", (Cause(CauseKind.UNKNOWN, "", 1.0, None, ""),))
    truth = Truth(kind, "fault", (), 1.0, ONSET)
    return Result("case", dataset, "family", (truth,), diagnosis, None, evidence, 1.0, (), {})


def _evidence(about, verdict=Verdict.SUPPORTS):
    return Evidence(f"{about}-{verdict}", "step", about, verdict, "")


def test_a_card_learns_that_evidence_speaks_for_another_kind_than_its_own():
    drift = _evidence(CauseKind.FEATURE_DRIFT)
    cases = [_case(name, CauseKind.LABEL_SHIFT, drift) for name in ("a", "b") for _ in range(40)]
    before = score([drift], shipped(BY_HAND)).probabilities[CauseKind.LABEL_SHIFT]
    assert before < 0.1
    assert score([drift], fit(cases)).probabilities[CauseKind.LABEL_SHIFT] > 0.8


def test_rungs_without_cases_keep_the_points_written_by_hand():
    cases = [_case("a", CauseKind.FEATURE_DRIFT, _evidence(CauseKind.FEATURE_DRIFT))] * 20
    card, by_hand = fit(cases), shipped(BY_HAND)
    assert card.supports[CauseKind.BAD_DEPLOY] == by_hand.supports[CauseKind.BAD_DEPLOY]


def test_a_card_is_written_and_read_again(tmp_path):
    card = shipped(BY_HAND)
    write(card, tmp_path / "card.yaml", "two\nlines")
    assert shipped(tmp_path / "card.yaml") == card
