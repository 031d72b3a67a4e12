"""A lease that is held as long as its process lives, whatever happens to the file meanwhile."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest

import triage.lease
from tests.light_world import ALERT, world
from triage.adapters.clock import SystemClock
from triage.errors import JournalError, LeaseHeld
from triage.journal import Journal, Lease


class Renewing(Journal):
    """A journal whose renewals end as `endings` says, one after another; ``open`` counts those that are not closed."""

    endings: list[Exception]
    renewed: threading.Event
    open: set[int]

    def __init__(self, path: Path, clock: SystemClock) -> None:
        super().__init__(path, clock)
        type(self).open.add(id(self))

    def close(self) -> None:
        super().close()
        type(self).open.discard(id(self))

    def renew(self, lease: Lease) -> None:
        if type(self).endings:
            raise type(self).endings.pop(0)
        super().renew(lease)
        type(self).renewed.set()


@pytest.fixture
def renewing(monkeypatch: pytest.MonkeyPatch) -> type[Renewing]:
    kind = type("Renewing", (Renewing,), {"endings": [], "renewed": threading.Event(), "open": set()})
    monkeypatch.setattr(triage.lease, "Journal", kind)
    monkeypatch.setattr(triage.lease, "LEASE_LENGTH", timedelta(seconds=0.03))
    return kind


def received(home: Path) -> tuple[Journal, str]:
    made = world(1)
    desk = made.desk(home)
    return Journal(home / "journal.db", SystemClock()), desk.receive(ALERT, made.catalog(home)).incident


def test_a_renewal_that_fails_for_a_moment_is_tried_again(home: Path, renewing: type[Renewing]) -> None:
    journal, name = received(home)
    renewing.endings = [JournalError("database is locked"), JournalError("database or disk is full")]
    with triage.lease.leased(journal, SystemClock(), name):
        assert renewing.renewed.wait(30)
    assert not renewing.open


def test_a_lease_that_was_taken_over_is_not_fought_for(home: Path, renewing: type[Renewing]) -> None:
    journal, name = received(home)
    renewing.endings = [LeaseHeld("taken over")]
    with triage.lease.leased(journal, SystemClock(), name):
        for thread in threading.enumerate():
            if thread.name == f"lease on {name}":
                thread.join(30)
        assert not renewing.renewed.is_set()
    assert not renewing.open
