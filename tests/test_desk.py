from dataclasses import replace
from pathlib import Path

import pytest

from tests.light_world import ALERT, world
from triage.desk import Receipt
from triage.errors import JournalError, NotFound
from triage.incident import Section


def test_an_alert_received_twice_is_one_incident(tmp_path: Path) -> None:
    made = world(1)
    desk, catalog = made.desk(tmp_path), made.catalog(tmp_path)
    alert = replace(ALERT, fingerprint="abc")
    assert [desk.receive(alert, catalog) for _ in range(2)] == [Receipt("shop-1", True), Receipt("shop-1", False)]


def test_an_unknown_model_gets_the_nearest_name_and_opens_nothing(tmp_path: Path) -> None:
    made = world(1)
    desk = made.desk(tmp_path)
    with pytest.raises(NotFound, match="did you mean 'shop'"):
        desk.receive(replace(ALERT, model="shopp"), made.catalog(tmp_path))
    with pytest.raises(NotFound, match=r"no playbook 'model_quality_drp'.*did you mean 'model_quality_drop'"):
        desk.receive(ALERT, made.catalog(tmp_path), playbook="model_quality_drp")
    assert desk.incidents() == ()


def test_hostile_words_of_an_alert_are_kept_and_shown_harmless(tmp_path: Path) -> None:
    made = world(1)
    alert = replace(ALERT, summary="\udcff\x1b[31m<b>\u202e\n", labels={"\x1b]0;x\x07": "<script>"})
    desk = made.desk(tmp_path)
    incident = desk.receive(alert, made.catalog(tmp_path)).incident
    assert desk.verify(incident).length == 1
    for text in (desk.summary(incident, colour=False), desk.report(incident, "md"), desk.report(incident, "html")):
        assert not {"\x1b", "\x07", "\u202e"} & set(text)
        assert text.encode()


def test_a_journal_that_fails_while_reading_is_named(tmp_path: Path) -> None:
    desk = world(1).desk(tmp_path)
    desk.journal._db.execute("DROP TABLE events")
    for read in (lambda: desk.events("shop-1"), lambda: desk.verify("shop-1"), desk.incidents):
        with pytest.raises(JournalError, match=r"can't read the journal .*journal\.db"):
            read()


def test_who_has_an_incident_is_the_last_to_have_said_so(tmp_path: Path) -> None:
    made = world(1)
    desk = made.desk(tmp_path)
    incident = desk.receive(ALERT, made.catalog(tmp_path)).incident
    assert desk.incident(incident).owner == ""
    assert desk.take(incident, "ann").owner == "ann"
    assert desk.take(incident, "bob").owner == "bob"
    assert desk.take(incident, "").owner == ""
    with pytest.raises(NotFound):
        desk.take("shop-9", "ann")


def test_a_persons_words_stand_in_the_report_beside_what_was_found_and_can_be_taken_back(tmp_path: Path) -> None:
    made = world(1)
    desk = made.desk(tmp_path)
    incident = desk.receive(ALERT, made.catalog(tmp_path)).incident
    before = desk.report(incident, "md")
    desk.note(incident, Section.LESSONS, "first", "ann")
    noted = desk.note(incident, Section.LESSONS, " We were lucky.\n\n<b>Page</b> earlier. ", "ann")
    desk.note(incident, Section.SUMMARY, "A campaign in Zurich.", "bob")
    assert [note.text for note in noted.notes] == ["We were lucky.\n\n<b>Page</b> earlier."]
    page, markdown = desk.report(incident, "html"), desk.report(incident, "md")
    assert "<p>We were lucky.</p><p>&lt;b&gt;Page&lt;/b&gt; earlier.</p>" in page
    assert "## Lessons" in markdown
    assert "Written by bob" in markdown
    assert desk.incident(incident).diagnosis is None
    for section in Section:
        desk.note(incident, section, " ", "ann")
    assert desk.incident(incident).notes == ()
    assert "Written by" not in desk.report(incident, "md")
    assert before.splitlines()[:4] == desk.report(incident, "md").splitlines()[:4]
