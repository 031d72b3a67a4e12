from dataclasses import replace

import pytest

from tests.report.sample import DIAGNOSIS, EVIDENCE, incident
from triage.incident import Cause, CauseKind, RuledOut, Verdict
from triage.report.ladder import RUNGS, Standing, ladder


def rung(kind, **changes):
    return next((item for item in ladder(incident(**changes)[0]) if item.kind is kind), None)


def test_the_seven_rungs_stand_in_causal_order_even_without_evidence():
    rungs = ladder(incident(evidence=(), diagnosis=None, plan=None)[0])
    assert tuple(item.kind for item in rungs) == RUNGS
    assert {item.standing for item in rungs} == {Standing.UNCHECKED}


def test_the_top_cause_is_the_cause_and_the_ruled_out_are_ruled_out():
    assert rung(CauseKind.FEATURE_DRIFT).standing is Standing.CAUSE
    assert rung(CauseKind.DATA_QUALITY).standing is Standing.RULED_OUT
    assert rung(CauseKind.SERVING_SKEW).standing is Standing.UNCHECKED


def test_a_rung_says_how_many_of_its_checks_were_unmeasured():
    assert "(1 of 2 checks unmeasured)" in rung(CauseKind.INFRASTRUCTURE).note


def test_a_kind_whose_every_check_was_unmeasured_is_never_shown_as_ruled_out():
    evidence = tuple(replace(item, verdict=Verdict.UNMEASURED) for item in EVIDENCE)
    assert rung(CauseKind.DATA_QUALITY, evidence=evidence).standing is Standing.UNMEASURED


def test_refuting_evidence_rules_nothing_out_before_there_is_a_diagnosis():
    assert rung(CauseKind.DATA_QUALITY, diagnosis=None, plan=None).standing is Standing.UNCLEAR
    assert rung(CauseKind.FEATURE_DRIFT, diagnosis=None, plan=None).standing is Standing.POSSIBLE


def test_an_unknown_cause_at_the_top_is_not_called_the_cause():
    unknown = Cause(CauseKind.UNKNOWN, "", 0.6, None, "nothing measured explains it")
    assert rung(CauseKind.UNKNOWN, diagnosis=replace(DIAGNOSIS, causes=(unknown,))).standing is Standing.POSSIBLE


def test_evidence_that_the_kpi_fell_makes_no_rung_of_its_own():
    assert rung(CauseKind.UNKNOWN) is None


@pytest.mark.parametrize("kind", [CauseKind.SEASONAL, CauseKind.LABEL_FAULT])
def test_other_kinds_appear_once_something_is_known_of_them(kind):
    assert rung(kind) is None
    diagnosis = replace(DIAGNOSIS, ruled_out=(RuledOut(kind, "same as last week"),))
    assert rung(kind, diagnosis=diagnosis).standing is Standing.RULED_OUT


def test_a_kind_that_was_ranked_without_evidence_stays_unchecked():
    guess = Cause(CauseKind.SERVING_SKEW, "", 0.05, None, "no evidence for it, and not ruled out")
    diagnosis = replace(DIAGNOSIS, causes=(*DIAGNOSIS.causes, guess))
    assert rung(CauseKind.SERVING_SKEW, diagnosis=diagnosis).standing is Standing.UNCHECKED
