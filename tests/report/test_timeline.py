from dataclasses import replace
from datetime import timedelta

from tests.report.sample import ALERT, DIAGNOSIS, DROP, NOW, ONSET, PLAN, events, incident
from triage.codec import encode
from triage.incident import ChangeEvent, ChangeKind, Event, State, fold
from triage.report.timeline import milestones, timeline


def lines(told):
    return [entry.what for entry in timeline(fold(told), told)]


def with_more(told, *more):
    extra = tuple(
        Event("recommender-1", len(told) + place, NOW + timedelta(minutes=10 + place), kind, data)
        for place, (kind, data) in enumerate(more, 1)
    )
    return (*told, *extra)


def milestone(name, told):
    return next(item for item in milestones(fold(told), told) if item.name == name)


def test_the_lines_are_in_order_of_time_and_each_says_where_it_stands_in_the_journal():
    found, told = incident()
    entries = timeline(found, told)
    assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)
    assert {entry.seq for entry in entries} - {None} <= {event.seq for event in told}


def test_window_onset_and_alert_stand_among_the_events():
    told = "\n".join(lines(events()))
    assert "conversion starts to move (estimated, 2026-11-18 10:40 to 12:40 UTC)" in told
    assert "Alert ModelQualityDrop started (alertmanager): conversion 15% under its target for 6 h" in told


def test_the_start_of_a_step_is_told_only_where_its_end_is_not():
    told = events()
    assert not [line for line in lines(told) if "started (attempt" in line]
    running = with_more(told, ("step_started", {"step": "late", "uses": "late", "attempt": 1}))
    assert lines(running)[-1] == "Step late started (attempt 1)"


def test_a_start_that_was_followed_by_another_start_was_interrupted():
    started = [("step_started", {"step": "late", "uses": "late", "attempt": n}) for n in (1, 2)]
    assert "Step late was interrupted (attempt 1)" in lines(with_more(events(), *started))


def test_changes_that_steps_found_stand_between_onset_and_alert_and_each_once():
    at = ONSET + timedelta(minutes=5)
    change = ChangeEvent(
        at, at - timedelta(minutes=5), ChangeKind.VERSION, "recommender", "recommender went from 1 to 2"
    )
    done = {"outcome": "done", "outputs": {"change_events": encode((change,))}, "evidence": []}
    told = with_more(events(), *(("step_finished", {"step": name, **done}) for name in ("changes", "deploy")))
    entries = timeline(fold(told), told)
    (entry,) = [entry for entry in entries if entry.what.startswith("recommender went from 1 to 2")]
    assert entry.at == at
    assert entry.seq is None
    places = [index for index, entry in enumerate(entries) if entry.seq is None]
    assert [entries[index].what.split()[0] for index in places if ONSET <= entries[index].at <= ALERT.starts_at][1] == (
        "recommender"
    )


def test_a_retry_gives_its_reason():
    assert "Step infrastructure will be tried again: timed out" in lines(events())


def test_a_finished_step_cites_its_evidence_and_how_it_speaks():
    entry = next(e for e in timeline(*incident()) if e.what.startswith("Step drift finished"))
    assert entry.evidence == ("drift.user_location", "drift.user_age")
    assert "Evidence: 1 supports, 1 inconclusive: user_location moved" in entry.what


def test_an_event_of_a_kind_not_known_here_is_told_in_its_own_words():
    more = with_more(events(), ("rules_written", {"summary": "3 rules"}), ("snoozed", {}))
    assert lines(more)[-2:] == ["Rules written: 3 rules", "Snoozed"]


def test_every_prefix_of_a_journal_has_a_timeline():
    told = events()
    for length in range(1, len(told) + 1):
        prefix = told[:length]
        assert timeline(fold(prefix), prefix)
        assert len(milestones(fold(prefix), prefix)) == 4


def test_time_to_detect_is_from_the_onset_to_the_alert_with_the_onsets_interval():
    found = milestone("ttd", events())
    assert found.seconds == (ALERT.starts_at - ONSET).total_seconds()
    assert (found.low_seconds, found.high_seconds) == (found.seconds - 3600, found.seconds + 3600)


def test_time_to_diagnose_is_from_receipt_to_the_diagnosis():
    told = events()
    diagnosed = next(event.at for event in told if event.kind == "diagnosed")
    assert milestone("diagnosis", told).seconds == (diagnosed - NOW).total_seconds()


def test_a_milestone_that_is_not_known_says_why_and_is_no_zero():
    for name in ("ttm", "ttr"):
        assert milestone(name, events()).seconds is None
        assert "no change was carried out" in milestone(name, events()).reason
    without_onset = replace(DIAGNOSIS, drop=replace(DROP, onset=None))
    assert milestone("ttd", events(diagnosis=without_onset)).reason == "the onset is not known"


def test_an_alert_before_the_estimated_onset_gives_no_time_to_detect():
    early = replace(ALERT, starts_at=ONSET - timedelta(hours=5))
    assert milestone("ttd", events(alert=early)).seconds is None


def test_mitigation_is_the_first_change_of_the_plan_that_was_done_and_closing_resolves():
    step = PLAN.actions[0].step
    told = with_more(
        events(),
        ("step_started", {"step": "fix", "uses": step, "attempt": 1}),
        ("step_finished", {"step": "fix", "outcome": "done"}),
        ("state_changed", {"state": State.CLOSED.value, "reason": "recovered"}),
    )
    assert milestone("ttm", told).seconds == (told[-2].at - ONSET).total_seconds()
    assert milestone("ttr", told).seconds == (told[-1].at - ONSET).total_seconds()
