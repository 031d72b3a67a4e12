"""What was carried out, as the report tells it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import jsonschema
import pytest

from tests.report import sample
from triage.codec import encode
from triage.incident import Approval, Event, Incident, Moment, Note, Section, SetMoment, Source, fold
from triage.report import json_schema, render_html, render_json, render_markdown, render_pdf
from triage.report.lessons import action_items, detection, lessons
from triage.report.remediation import remediation
from triage.report.timeline import milestones, timeline

LATER = sample.NOW + timedelta(hours=1)
ROWS = Source("dataset", "impressions", "2026-11", "xxh3:ab", sample.WINDOW, 61_234)
MANIFEST = {
    "incident": "recommender-1",
    "plan": "sha256:" + "ab" * 32,
    "stages": [
        {"id": "ingestion", "needs": [], "reads": [{"rows": encode(ROWS), "columns": ["user_location", "price"]}]},
        {"id": "training", "needs": ["features"], "command": ["python", "train.py"], "run": "r1"},
    ],
}


def _metric(name: str, champion: float, challenger: float, margin: float | None) -> dict[str, Any]:
    apart = {"value": challenger - champion, "low": challenger - champion - 0.01, "high": challenger - champion + 0.01}
    return {
        "metric": name,
        "champion": champion,
        "challenger": challenger,
        "difference": apart,
        "margin": margin,
        "verdict": "pass" if margin is not None else None,
    }


REPORT = {
    "verdict": "pass",
    "reasons": ["better in the incident, no worse in any segment"],
    "windows": [
        {
            "scopes": [
                {
                    "window": "incident",
                    "segment": "",
                    "n_rows": 7_800,
                    "metrics": [_metric("log_loss", 0.31, 0.27, 0.0), _metric("auc", 0.70, 0.76, None)],
                },
                {
                    "window": "incident",
                    "segment": "CH-ZH",
                    "n_rows": 2_100,
                    "metrics": [_metric("log_loss", 0.4, 0.3, 0.1)],
                },
            ]
        }
    ],
}


def carried_out() -> tuple[Incident, tuple[Event, ...]]:
    """The sample, approved, trained, compared, released and followed."""
    told = list(sample.events())

    def say(kind: str, data: Mapping[str, Any], minutes: float) -> None:
        seq = len(told) + 1
        at = LATER + timedelta(minutes=minutes)
        told.append(Event("recommender-1", seq, at, kind, data, hash=f"{seq:064x}"))

    def step(name: str, uses: str, minutes: float, outputs: Mapping[str, Any]) -> None:
        say("step_started", {"step": name, "uses": uses, "attempt": 1, "gated": True}, minutes)
        say("step_finished", {"step": name, "outcome": "done", "outputs": outputs, "evidence": []}, minutes + 1)

    approval = Approval(sample.PLAN.digest, "ada", LATER, LATER + timedelta(hours=4), "ada@box")
    say("approved", {"approval": encode(approval)}, 0)
    step("retrain", "retrain", 1, {"version": "3", "champion": "2", "run_id": "r1", "manifest": MANIFEST})
    step(
        "comparison",
        "compare_challenger",
        5,
        {"verdict": "pass", "champion": "2", "challenger": "3", "report": REPORT, "not_judged": ["PL-08"]},
    )
    for stage, weight, reached in (("canary", 0.1, False), ("canary", 0.1, True), ("full", 1.0, True)):
        release = {"champion": "2", "challenger": "3", "stage": stage, "weight": weight, "reached": reached}
        say("release_changed", {"release": release}, 20 + 10 * weight)
    step("recovery", "watch_recovery", 60, {"verdict": "recovered", "recovered": 1.0})
    say("state_changed", {"state": "closed", "reason": "recovered"}, 62)
    folded = fold(told)
    assert folded is not None
    return folded, tuple(told)


def test_decisions_comparison_release_and_recovery_are_told_in_order() -> None:
    found = remediation(*carried_out())
    assert [(one.by, one.what) for one in found.decisions] == [("ada (ada@box)", "approved")]
    assert [(one.where, one.metric, one.verdict) for one in found.compared] == [
        ("incident", "log loss", "pass"),
        ("incident", "auc", "shown"),
        ("incident: CH-ZH", "log loss", "pass"),
    ]
    assert [one.what for one in found.releases] == [
        "canary: version 3 beside version 2, 10% of the traffic",
        "canary: version 3 beside version 2, 10% of the traffic",
        "full: version 3 serves everybody",
    ]
    assert [one.reached for one in found.releases] == [False, True, True]
    assert found.recovery == "recovered"
    assert found.not_judged == ("PL-08",)


def test_the_pipeline_and_the_lineage_name_what_was_read_and_made() -> None:
    found = remediation(*carried_out())
    assert [stage.id for stage in found.manifest] == ["ingestion", "training"]
    assert "impressions@2026-11" in found.manifest[0].details[0]
    assert "columns user_location, price" in found.manifest[0].details[0]
    assert found.manifest[1].details == ("command: python train.py", "run: r1")
    challenger = found.lineage[-1]
    assert (challenger.role, challenger.version) == ("challenger", "3")
    assert any("61,234 rows" in detail for detail in challenger.details)


def segments(count: int, failing: str = "") -> dict[str, Any]:
    """The comparison in ``count`` more segments that pass, and one that does not."""
    scope = REPORT["windows"][0]["scopes"][1]  # type: ignore[index]
    more = [{**scope, "segment": f"place=P{number}"} for number in range(count)]
    metric = {**_metric("log_loss", 0.3, 0.5, 0.1), "verdict": "fail"}
    more += [{**scope, "segment": failing, "metrics": [metric]}] if failing else []
    told = [f"incident window, {one['segment']}: told of it" for one in more]
    return {"verdict": "fail", "reasons": told, "windows": [{"scopes": [*REPORT["windows"][0]["scopes"], *more]}]}  # type: ignore[index]


def test_of_many_segments_a_page_shows_those_that_did_not_pass_and_the_largest_of_the_others() -> None:
    """All of them are in the JSON document."""
    _, told = carried_out()
    changed = []
    for event in told:
        outputs = event.data.get("outputs") or {}
        if event.kind == "step_finished" and "report" in outputs:
            data = {**event.data, "outputs": {**outputs, "report": segments(20, "place=BAD")}}
            event = replace(event, data=data)
        changed.append(event)
    found = fold(changed)
    assert found is not None
    made = remediation(found, changed)
    assert len(made.compared) == 2 + 1 + 20 + 1
    shown = [one.where for one in made.shown]
    assert "incident: place=BAD" in shown
    assert len(shown) == 2 + 5 + 1
    assert "incident window, place=BAD: told of it" in made.said
    assert made.said[-1] == "16 further segments are within their margins"
    assert "place=P17" not in render_markdown(found, changed)
    assert "place=P17" in render_json(found, changed)


def test_a_decision_names_what_was_decided_on() -> None:
    folded, told = carried_out()
    assert folded.plan is not None
    plan = Event("recommender-1", len(told), LATER, "planned", {"plan": encode(folded.plan)})
    (decision, *_) = remediation(folded, [*told, plan]).decisions
    digest = next(one.data["approval"]["plan_digest"] for one in told if one.kind == "approved")
    assert (folded.plan.summary in decision.about) == (digest == folded.plan.digest)


def test_the_timeline_says_which_step_and_who_serves() -> None:
    lines = [entry.what for entry in timeline(*carried_out())]
    assert "Release, asked for: canary: version 3 beside version 2, 10% of the traffic" in " ".join(lines)
    assert not any(line in ("Release changed", "Step progressed") for line in lines)


def test_every_page_tells_of_it() -> None:
    told = carried_out()
    for text in (render_markdown(*told), render_html(*told)):
        for words in (
            "Remediation",
            "10% of the traffic",
            "log loss",
            "train.py",
            "Did it help?",
            "Lessons",
            "Action items",
        ):
            assert words in text
    assert render_pdf(*told).startswith(b"%PDF-")


def test_the_json_document_keeps_to_its_schema() -> None:
    document = json.loads(render_json(*carried_out()))
    jsonschema.validate(document, json_schema())
    assert document["remediation"]["decisions"][0]["by"] == "ada (ada@box)"


def test_without_any_of_it_there_is_no_such_section() -> None:
    assert not remediation(*sample.incident()).happened
    assert "## Remediation" not in render_markdown(*sample.incident())


@pytest.mark.parametrize("outputs", [{"report": {}}, {"report": {"windows": [{}]}}, {"verdict": "pass"}, {}])
def test_a_comparison_of_another_shape_is_no_trouble(outputs: Mapping[str, Any]) -> None:
    told = list(sample.events())
    data = {"step": "c", "outcome": "done", "outputs": outputs, "evidence": []}
    told.append(
        Event(
            "recommender-1",
            len(told) + 1,
            LATER,
            "step_started",
            {"step": "c", "uses": "compare_challenger", "attempt": 1},
        )
    )
    told.append(Event("recommender-1", len(told) + 1, LATER, "step_finished", data))
    folded = fold(told)
    assert folded is not None
    assert remediation(folded, told).compared == ()


def test_times_that_a_person_has_set_come_before_the_journals() -> None:
    told = list(sample.events())
    for moment, hours in ((Moment.ONSET, -50), (Moment.MITIGATED, 2), (Moment.RESOLVED, 3)):
        known = SetMoment(moment, sample.NOW + timedelta(hours=hours), "ada", "seen on the dashboard")
        told.append(Event("recommender-1", len(told) + 1, LATER, "moment_set", {"moment": encode(known)}))
    folded = fold(told)
    assert folded is not None
    found = {item.name: item.seconds for item in milestones(folded, told)}
    assert found["ttd"] == 47 * 3600
    assert found["ttm"] == 52 * 3600
    assert found["ttr"] == 53 * 3600
    assert "set by ada: seen on the dashboard" in render_markdown(folded, told)


def test_what_people_write_takes_the_place_of_the_questions() -> None:
    folded, told = sample.incident()
    questions = {lesson.title: lesson.prompts for lesson in lessons(folded, told)}
    assert any("to be noticed" in prompt for prompt in questions["What went wrong"])
    note = Note(Section.WENT_WRONG, "The alert looked at the mean alone.", "ada", LATER)
    more = (*told, Event("recommender-1", len(told) + 1, LATER, "noted", {"note": encode(note)}))
    again = fold(more)
    assert again is not None
    text = render_markdown(again, more)
    assert "The alert looked at the mean alone" in text
    assert "to be noticed" not in text


def test_how_it_was_detected_says_by_whom_and_how_late() -> None:
    folded, told = sample.incident()
    assert detection(folded, told).startswith("by an alert (ModelQualityDrop, alertmanager) at ")
    assert "after the onset" in detection(folded, told)
    assert any("alert that would have caught" in item for item in action_items(folded))
