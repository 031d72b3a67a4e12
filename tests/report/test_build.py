from dataclasses import replace

from tests.report.sample import DIAGNOSIS, DROP, EVIDENCE, incident
from triage.incident import CauseKind, Evidence, Verdict
from triage.report import RENDERERS
from triage.report.build import build
from triage.report.terminal import render_terminal


def report(**changes):
    return build(*incident(**changes))


def test_the_impact_is_told_in_the_kpis_unit_and_relative_to_healthy_with_its_interval():
    impact = report().impact
    assert impact.sentence == "conversion fell from 9.52% to 8.09%: −15.0% (−17.1% to −12.9%)"
    assert impact.difference == "−1.43 percent points"


def test_a_healthy_level_of_zero_gives_no_relative_change():
    impact = report(diagnosis=replace(DIAGNOSIS, drop=replace(DROP, healthy=0.0))).impact
    assert (impact.change, impact.change_interval) == ("—", "")


def test_evidence_is_numbered_in_the_order_in_which_the_causes_cite_it():
    found = report()
    assert [item.evidence.id for item in found.evidence][:3] == ["drift.user_location", "kpi.drop", "drift.user_age"]
    assert [str(citation) for citation in found.causes[0].citations] == ["E1", "E2"]


def test_a_citation_of_evidence_that_is_not_there_says_so():
    assert str(report().cite(("nowhere",))[0]) == "nowhere (not in the journal)"


def test_unmeasured_evidence_is_listed_also_before_there_is_a_diagnosis():
    listed = report(diagnosis=None, plan=None).unmeasured
    assert [item.what for item in listed] == ["infrastructure: error_rate"]


def test_unmeasured_evidence_that_the_diagnosis_does_not_speak_of_is_not_lost():
    silent = replace(DIAGNOSIS, unmeasured=())
    told = {item.reason for item in report(diagnosis=silent).unmeasured}
    assert told == {item.statement for item in EVIDENCE if item.verdict is Verdict.UNMEASURED}


def test_segments_that_lost_most_stand_beside_the_impact_and_cite_their_evidence():
    lost = Evidence(
        "segments.1", "segments", CauseKind.UNKNOWN, Verdict.SUPPORTS, "place = <GE> lost 0.2 a row", part_of="segments"
    )
    told = incident(evidence=(*EVIDENCE, lost))
    (item,) = build(*told).lost_most
    assert item.statement == lost.statement
    assert item.citations[0].number is not None
    assert "place = &lt;GE&gt; lost 0.2 a row" in RENDERERS["html"](*told)
    assert "Lost most:" in RENDERERS["md"](*told)
    assert "Lost most\n  – place = <GE> lost 0.2 a row [E" in render_terminal(*told)
