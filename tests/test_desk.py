from dataclasses import replace
from pathlib import Path

import pytest

from tests.light_world import ALERT, world
from triage.desk import Receipt
from triage.errors import JournalError, NotFound


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
