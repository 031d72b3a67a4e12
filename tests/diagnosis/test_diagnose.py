from dataclasses import replace

import pytest

from triage.diagnosis.diagnose import LEAST_PROBABILITY, SHARE, diagnose
from triage.diagnosis.scorecard import STRENGTH, score, shipped
from triage.incident import CauseKind, Drop, Evidence, Measure, Verdict

DROP = Drop("conversion", "ratio", healthy=0.10, current=0.085, change=-0.015, low=-0.017, high=-0.013, worse=True)
RUNGS = (
    CauseKind.INFRASTRUCTURE,
    CauseKind.DATA_QUALITY,
    CauseKind.FEATURE_DRIFT,
    CauseKind.CONCEPT_DRIFT,
    CauseKind.BAD_DEPLOY,
)


def evidence(
    about: CauseKind, verdict: Verdict, subject: str = "", share: float | None = None, **rest: str
) -> Evidence:
    measures = (Measure(SHARE, share), Measure(STRENGTH, 1.0)) if share is not None else ()
    name = f"{about}.{subject}" if subject else about.value
    return Evidence(name, "step", about, verdict, f"{about} {verdict}", subject=subject, measures=measures, **rest)


def found(guilty: Evidence) -> tuple[Evidence, ...]:
    """One rung that supports, all others refuted."""
    return (guilty, *(evidence(kind, Verdict.REFUTES) for kind in RUNGS if kind is not guilty.about))


@pytest.mark.parametrize("kind", RUNGS)
def test_the_one_rung_that_supports_is_the_first_cause(kind: CauseKind) -> None:
    diagnosis = diagnose(found(evidence(kind, Verdict.SUPPORTS, "it", 0.9)), DROP, shipped())
    assert (diagnosis.causes[0].kind, diagnosis.causes[0].subject) == (kind, "it")
    assert diagnosis.causes[0].probability > 0.5
    assert {out.kind for out in diagnosis.ruled_out} == set(RUNGS) - {kind}


def test_probabilities_sum_to_one_and_every_term_is_told() -> None:
    scores = score(found(evidence(CauseKind.FEATURE_DRIFT, Verdict.SUPPORTS, "it", 0.9)), shipped())
    assert sum(scores.probabilities.values()) == pytest.approx(1)
    card = shipped()
    for kind in card.prior:
        assert any(term.kind is kind and term.evidence == "" for term in scores.terms)


def test_without_any_evidence_the_cause_is_not_known() -> None:
    diagnosis = diagnose((), DROP, shipped())
    assert diagnosis.causes[0].probability < 0.5 or diagnosis.causes[0].kind is CauseKind.UNKNOWN
    assert diagnosis.ruled_out == ()


def test_a_kpi_that_did_not_fall_needs_no_cause() -> None:
    steady = replace(DROP, change=-0.001, low=-0.005, high=0.003)
    diagnosis = diagnose(found(evidence(CauseKind.FEATURE_DRIFT, Verdict.SUPPORTS, "it", 0.9)), steady, shipped())
    assert diagnosis.causes == ()
    assert "has not got worse" in diagnosis.statement
    assert diagnosis.next_check == ""


def test_a_drop_that_the_interval_neither_proves_nor_excludes_is_no_all_clear() -> None:
    unsure = replace(DROP, change=-0.010, low=-0.024, high=0.002)
    diagnosis = diagnose(found(evidence(CauseKind.CONCEPT_DRIFT, Verdict.SUPPORTS)), unsure, shipped())
    assert diagnosis.causes == ()
    assert "can't be told yet" in diagnosis.statement
    assert "-24" in diagnosis.statement.replace("−", "-")
    assert "window" in diagnosis.next_check


def test_an_unmeasured_rung_is_not_ruled_out_and_is_named_with_its_hint() -> None:
    items = (
        evidence(CauseKind.INFRASTRUCTURE, Verdict.REFUTES),
        evidence(CauseKind.INFRASTRUCTURE, Verdict.UNMEASURED, "latency", hint="mend the query"),
    )
    diagnosis = diagnose(items, DROP, shipped())
    assert CauseKind.INFRASTRUCTURE not in {out.kind for out in diagnosis.ruled_out}
    assert [(one.what, one.hint) for one in diagnosis.unmeasured] == [("infrastructure", "mend the query")]


def test_an_unmeasured_rung_makes_the_rest_less_sure() -> None:
    everything = found(evidence(CauseKind.FEATURE_DRIFT, Verdict.SUPPORTS, "it", 0.9))
    blind = tuple(
        replace(item, verdict=Verdict.UNMEASURED) if item.about is CauseKind.BAD_DEPLOY else item for item in everything
    )
    sure, unsure = (diagnose(items, DROP, shipped()).causes[0].probability for items in (everything, blind))
    assert unsure < sure


def test_a_part_is_shown_and_not_weighed() -> None:
    whole = found(evidence(CauseKind.FEATURE_DRIFT, Verdict.SUPPORTS, "it", 0.9))
    part = evidence(CauseKind.INFRASTRUCTURE, Verdict.SUPPORTS, "latency", part_of="infrastructure")
    assert score(tuple(i for i in (*whole, part) if not i.part_of), shipped()) == score(whole, shipped())
    assert diagnose((*whole, part), DROP, shipped()).causes == diagnose(whole, DROP, shipped()).causes


def test_two_subjects_of_one_kind_divide_its_probability_by_what_they_explain() -> None:
    items = (
        *found(evidence(CauseKind.FEATURE_DRIFT, Verdict.SUPPORTS, "large", 0.6)),
        evidence(CauseKind.FEATURE_DRIFT, Verdict.SUPPORTS, "small", 0.2),
    )
    causes = {cause.subject: cause for cause in diagnose(items, DROP, shipped()).causes}
    assert causes["large"].probability == pytest.approx(3 * causes["small"].probability, rel=0.01)
    assert causes["large"].share_of_drop == 0.6


def test_a_cause_that_evidence_speaks_for_is_listed_however_unlikely_it_is_beside_another() -> None:
    items = (
        *(evidence(kind, Verdict.REFUTES) for kind in RUNGS if kind is not CauseKind.BAD_DEPLOY),
        evidence(CauseKind.BAD_DEPLOY, Verdict.SUPPORTS, "version 3", 1.0),
        evidence(CauseKind.DATA_QUALITY, Verdict.SUPPORTS, "feed", 0.05),
        *(evidence(CauseKind.DATA_QUALITY, Verdict.SUPPORTS, f"column {i}", 0.001) for i in range(9)),
    )
    causes = diagnose(items, DROP, shipped()).causes
    (broken,) = (cause for cause in causes if cause.kind is CauseKind.DATA_QUALITY)
    assert broken.subject == "feed"
    assert broken.probability < LEAST_PROBABILITY


def test_what_is_about_no_cause_speaks_for_none_and_goes_by_its_own_name() -> None:
    fell = evidence(CauseKind.UNKNOWN, Verdict.SUPPORTS, "segments")
    lost = evidence(CauseKind.UNKNOWN, Verdict.UNMEASURED)
    diagnosis = diagnose((*(evidence(kind, Verdict.REFUTES) for kind in RUNGS), fell, lost), DROP, shipped())
    (unknown,) = [cause for cause in diagnosis.causes if cause.kind is CauseKind.UNKNOWN]
    assert (unknown.subject, unknown.evidence) == ("", ())
    assert [one.what for one in diagnosis.unmeasured] == ["step"]
