import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.errors import JournalError, JournalTampered, LeaseHeld, NotFound
from triage.incident import Alert, Event, Release, ReleaseStage, Window, Withdrawal, fold
from triage.journal import LEASE_LENGTH, Entry, Journal

START = datetime(2026, 11, 4, tzinfo=UTC)


class SetClock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def journal(tmp_path: Path, clock: SetClock) -> Journal:
    return Journal(tmp_path / "journal.db", clock)


def receive(journal: Journal, model: str = "recommender", run_key: str | None = None) -> str:
    alert = Alert("ModelQualityDrop", model, START)
    window = Window(START - timedelta(hours=48), START)
    incident, _ = journal.receive(alert, window, "model_quality_drop", "name: x", "{}", run_key)
    return incident


def started(step: str) -> Entry:
    return Entry("step_started", {"step": step, "uses": step, "attempt": 1, "key": step})


def test_an_incident_reads_as_its_events_tell(journal: Journal) -> None:
    incident = receive(journal)
    journal.append(incident, [started("kpi"), Entry("step_finished", {"step": "kpi", "outcome": "done"})])
    read = journal.read(incident)
    assert (read.id, read.model, read.length) == ("recommender-1", "recommender", 3)
    assert read.steps["kpi"].outcome == "done"
    assert read.head == journal.verify(incident).head


def test_numbers_count_up_per_model(journal: Journal) -> None:
    assert [receive(journal), receive(journal, "fraud"), receive(journal)] == [
        "recommender-1",
        "fraud-1",
        "recommender-2",
    ]


def test_the_same_run_key_finds_the_first_incident_and_writes_nothing(journal: Journal) -> None:
    first = receive(journal, run_key="a")
    assert receive(journal, run_key="a") == first
    assert len(journal.events(first)) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET data = '{}' WHERE seq = 1",
        "DELETE FROM events WHERE seq = 2",
        "UPDATE documents SET body = 'other'",
    ],
)
def test_the_file_refuses_to_change_what_was_written(journal: Journal, statement: str) -> None:
    incident = receive(journal)
    journal.append(incident, [started("kpi")])
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        sqlite3.connect(journal.path).execute(statement)


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE events SET data = replace(data, 'kpi', 'kpx') WHERE seq = 2", "event 2 .* was changed"),
        ("UPDATE events SET at = '2020-01-01T00:00:00Z' WHERE seq = 3", "event 3 .* was changed"),
        ("DELETE FROM events WHERE seq = 2", "event 2 is missing"),
        ("UPDATE documents SET body = 'name: y' WHERE body = 'name: x'", "is not what was written"),
        ("DELETE FROM documents", "is missing"),
    ],
)
def test_tampering_around_the_guards_is_found(journal: Journal, statement: str, what: str) -> None:
    incident = receive(journal)
    journal.append(incident, [started("kpi"), started("quality")])
    with sqlite3.connect(journal.path) as db:
        for (trigger,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {trigger}")
        db.execute(statement)
    with pytest.raises(JournalTampered, match=what):
        journal.verify(incident)


def test_a_clock_that_was_set_back_never_puts_an_effect_before_its_cause(journal: Journal, clock: SetClock) -> None:
    incident = receive(journal)
    clock.at -= timedelta(days=2)
    journal.append(incident, [started("kpi")])
    times = [event.at for event in journal.events(incident)]
    assert times == sorted(times)


def test_only_one_executor_holds_an_incident(journal: Journal, clock: SetClock) -> None:
    incident = receive(journal)
    lease = journal.acquire(incident)
    with pytest.raises(LeaseHeld, match="is being worked on by process"):
        Journal(journal.path, clock).acquire(incident)
    journal.release(lease)
    Journal(journal.path, clock).acquire(incident)


def test_a_lease_that_ran_out_can_be_taken_and_the_old_holder_writes_no_more(journal: Journal, clock: SetClock) -> None:
    incident = receive(journal)
    old = journal.acquire(incident)
    clock.sleep(LEASE_LENGTH.total_seconds() + 1)
    new = Journal(journal.path, clock).acquire(incident)
    with pytest.raises(LeaseHeld, match="taken over"):
        journal.append(incident, [started("kpi")], old)
    journal.append(incident, [started("kpi")], new)
    assert len(journal.events(incident)) == 2


def test_a_renewed_lease_does_not_run_out(journal: Journal, clock: SetClock) -> None:
    incident = receive(journal)
    lease = journal.acquire(incident)
    for _ in range(5):
        clock.sleep(LEASE_LENGTH.total_seconds() / 2)
        journal.renew(lease)
    with pytest.raises(LeaseHeld):
        Journal(journal.path, clock).acquire(incident)


def test_the_lease_of_a_process_that_died_is_free_at_once(journal: Journal, clock: SetClock) -> None:
    incident = receive(journal)
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from triage.adapters.clock import SystemClock; from triage.journal import Journal\n"
        f"Journal(Path({str(journal.path)!r}), SystemClock()).acquire({incident!r})\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    clock.at = datetime.now(UTC)
    journal.acquire(incident)


def test_entries_are_written_together_or_not_at_all(journal: Journal) -> None:
    incident = receive(journal)
    with pytest.raises(TypeError):
        journal.append(incident, [started("kpi"), Entry("step_finished", {"step": object()})])
    assert len(journal.events(incident)) == 1


def test_a_journal_from_a_newer_version_is_left_alone(journal: Journal, clock: SetClock) -> None:
    receive(journal)
    with sqlite3.connect(journal.path) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(JournalError, match=r"newer triage \(version 99") as caught:
        Journal(journal.path, clock)
    assert "upgrade" in caught.value.hint


def test_a_file_that_is_no_journal_is_named(tmp_path: Path, clock: SetClock) -> None:
    (tmp_path / "journal.db").write_text("this is no database, but text of some length " * 50)
    with pytest.raises(JournalError, match=r"can't open the journal .*journal\.db"):
        Journal(tmp_path / "journal.db", clock)


def test_a_folder_that_can_not_be_made_is_named(tmp_path: Path, clock: SetClock) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="TRIAGE_HOME"):
        Journal(tmp_path / "file" / "journal.db", clock)


def test_a_full_disk_loses_nothing_that_was_written(journal: Journal) -> None:
    incident = receive(journal)
    pages = journal._db.execute("PRAGMA page_count").fetchone()[0]
    journal._db.execute(f"PRAGMA max_page_count = {pages}")  # SQLite's own way to say: the disk is full
    with pytest.raises(JournalError, match="full"):
        journal.append(incident, [Entry("noted", {"text": "x" * 100_000})])
    journal._db.execute("PRAGMA max_page_count = 100000")
    journal.append(incident, [started("kpi")])
    assert journal.verify(incident).length == 2


def test_an_unknown_incident_gets_the_nearest_name(journal: Journal) -> None:
    receive(journal)
    with pytest.raises(NotFound, match="did you mean 'recommender-1'"):
        journal.read("recomender-1")


def test_a_list_of_incidents_is_newest_first(journal: Journal) -> None:
    ids = [receive(journal) for _ in range(3)]
    journal.append(ids[0], [started("kpi"), Entry("state_changed", {"state": "closed", "reason": "done"})])
    found = journal.summaries(2)
    assert [incident.id for incident in found] == [ids[2], ids[1]]
    assert [incident.state for incident in journal.summaries()] == ["open", "open", "closed"]


KINDS = st.sampled_from(
    ["step_started", "step_finished", "step_skipped", "step_will_retry", "state_changed", "from_2031"]
)


@given(st.lists(KINDS, max_size=12), st.integers(0, 13))
def test_any_prefix_of_a_journal_folds(kinds: list[str], cut: int) -> None:
    window = {"start": "2026-11-02T00:00:00Z", "end": "2026-11-04T00:00:00Z"}
    alert = {"name": "A", "model": "m", "starts_at": "2026-11-04T00:00:00Z"}
    received = {"alert": alert, "window": window, "playbook": "p", "playbook_digest": "d", "catalog_digest": "d"}
    data = {
        "step_started": {"step": "kpi", "uses": "measure_kpi", "attempt": 1},
        "step_finished": {"step": "kpi", "outcome": "done"},
        "step_skipped": {"step": "kpi"},
        "step_will_retry": {"step": "kpi", "at": "2026-11-04T00:00:02Z"},
        "state_changed": {"state": "needs_person"},
        "from_2031": {"anything": [1]},
    }
    events = [Event("m-1", 1, START, "received", received)]
    events += [Event("m-1", index + 2, START, kind, data[kind]) for index, kind in enumerate(kinds)]
    prefix = events[:cut]
    incident = fold(prefix)
    assert (incident is None) == (not prefix)
    if incident is not None:
        assert incident.length == len(prefix)


LEFT = tuple(Release("1", "2", stage, reached=reached) for stage in ReleaseStage for reached in (False, True))


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize("release", LEFT, ids=lambda one: f"{one.stage} {'reached' if one.reached else 'told'}")
def test_a_list_says_whose_challenger_is_live_as_the_incident_does(
    journal: Journal, release: Release, asked: bool
) -> None:
    incident = receive(journal)
    assert not journal.summaries()[0].live
    journal.append(incident, [Entry("release_changed", {"release": Release("1", "2", ReleaseStage.CANARY)})])
    withdrawal = Withdrawal("eve", START, "no")
    journal.append(incident, [Entry("withdrawal_asked", {"withdrawal": withdrawal})] if asked else [])
    journal.append(incident, [Entry("release_changed", {"release": release})])
    live = release.under_way or (asked and not release.serves_nobody)
    assert journal.summaries()[0].live is live
