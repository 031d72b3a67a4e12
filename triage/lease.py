"""The lease on one incident, held for as long as somebody works on it."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from triage.errors import JournalError, LeaseHeld
from triage.journal import LEASE_LENGTH, Journal, Lease
from triage.ports import Clock


@contextmanager
def leased(journal: Journal, clock: Clock, incident: str) -> Iterator[Lease]:
    """Hold the lease on ``incident``, renewed by a thread of its own however long a step takes. Raises LeaseHeld."""
    lease = journal.acquire(incident)
    over = threading.Event()
    thread = threading.Thread(
        target=_renew, args=(journal.path, clock, lease, over), name=f"lease on {incident}", daemon=True
    )
    thread.start()
    try:
        yield lease
    finally:
        over.set()
        thread.join()
        with suppress(JournalError):
            journal.release(lease)


def _renew(path: Path, clock: Clock, lease: Lease, over: threading.Event) -> None:
    """Push the end of ``lease`` out until it is ``over``, or was lost: that shows at the next append, which refuses.

    What can't be written now (a full disk, a file that another holds) is tried again a period later.
    """
    while not over.wait((LEASE_LENGTH / 3).total_seconds()):
        try:
            with closing(Journal(path, clock)) as own:
                own.renew(lease)
        except LeaseHeld:
            return
        except JournalError:
            continue
