"""The journal: append-only, hash-chained events in one SQLite file, the only truth about an incident.

One executor per incident holds a lease and writes; any number of processes read. Each append is one transaction, on
disk (WAL, fsync) before it returns, so a killed process leaves whole events or none.
"""

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from triage.codec import canonical, format_time, parse_time
from triage.errors import JournalError, JournalTampered, LeaseHeld, NotFound, near

if TYPE_CHECKING:
    from triage.incident import Alert, Event, Incident, Window
    from triage.ports import Clock

SCHEMA_VERSION = 1
LEASE_LENGTH = timedelta(seconds=30)
_SCHEMA = Path(__file__).with_suffix(".sql")
_SUMMARIES = Path(__file__).with_name("summaries.sql")


class Entry(NamedTuple):
    """An event about to be written."""

    kind: str
    data: Mapping[str, Any]


class Lease(NamedTuple):
    """The right to execute one incident, until it runs out or is released."""

    incident: str
    holder: str


class Summary(NamedTuple):
    """One line of a list of incidents. Times are RFC 3339; ``probability`` is of the first cause, which is None before
    there is a diagnosis. ``drop`` is the KPI's change as a fraction of its healthy level. ``live``: a challenger of it
    may be asked, and has to be watched or taken back, whatever its state. ``tag_owed``: the champion is still to be
    tagged as stale. ``since``: when it came to its state."""

    id: str
    model: str
    alert: str
    opened: str
    updated: str
    state: str
    reason: str
    cause: str | None
    subject: str | None
    probability: float | None
    kpi: str | None
    drop: float | None
    worse: bool
    live: bool
    tag_owed: bool
    since: str


class Chain(NamedTuple):
    """A verified chain: how many events, and the hash of the last one (what a report quotes)."""

    incident: str
    length: int
    head: str


class Journal:
    """An open journal. Not shared between threads: each opens its own."""

    def __init__(self, path: Path, clock: "Clock") -> None:
        self.path = path
        self._clock = clock
        with self._explained("open"):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=30, isolation_level=None)
            self._prepare()

    def close(self) -> None:
        self._db.close()

    def receive(
        self,
        alert: "Alert",
        window: "Window",
        playbook: str,
        playbook_body: str,
        catalog_body: str,
        run_key: str | None,
        said: Sequence[Entry] = (),
    ) -> tuple[str, bool]:
        """Open an incident for ``alert`` and snapshot the playbook and catalogue it will run with; ``said`` follows.

        Returns its id, and whether it is new: for a ``run_key`` that was received before it is the first one's id, and
        nothing is written.
        """
        with self._writing():
            if run_key is not None:
                known = self._db.execute("SELECT id FROM incidents WHERE run_key = ?", (run_key,)).fetchone()
                if known:
                    return known[0], False
            number = self._db.execute(
                "SELECT coalesce(max(number), 0) + 1 FROM incidents WHERE model = ?", (alert.model,)
            ).fetchone()[0]
            incident = f"{alert.model}-{number}"
            self._db.execute("INSERT INTO incidents VALUES (?, ?, ?, ?)", (incident, alert.model, number, run_key))
            received = {
                "alert": alert,
                "window": window,
                "playbook": playbook,
                "playbook_digest": self._keep(playbook_body),
                "catalog_digest": self._keep(catalog_body),
            }
            self._append(incident, [Entry("received", received), *said])
        return incident, True

    def received(self, run_key: str) -> str | None:
        """The id of the incident that was opened with ``run_key``, or None."""
        rows = self._select("SELECT id FROM incidents WHERE run_key = ?", run_key)
        return str(rows[0][0]) if rows else None

    def append(self, incident: str, entries: Sequence[Entry], lease: Lease | None = None) -> "tuple[Event, ...]":
        """Write ``entries`` together, or none of them; with a ``lease``, only while it is held (else LeaseHeld)."""
        with self._writing():
            if lease is not None:
                self._hold(lease)
            return self._append(incident, entries)

    def since(self, incident: str, seq: int) -> "tuple[Event, ...]":
        """The events of ``incident`` after the one numbered ``seq``, oldest first; none where there are none."""
        return self._rows("WHERE incident = ? AND seq > ? ORDER BY seq", (incident, seq))

    def events(self, incident: str) -> "tuple[Event, ...]":
        """All events of ``incident``, oldest first. Raises NotFound."""
        rows = self._rows("WHERE incident = ? ORDER BY seq", (incident,))
        if not rows:
            known = [row[0] for row in self._select("SELECT id FROM incidents ORDER BY rowid DESC LIMIT 500")]
            raise NotFound(
                f"no incident '{incident}' in {self.path}",
                hint=near(incident, known, listing="'triage incidents' lists them"),
            )
        return rows

    def read(self, incident: str) -> "Incident":
        """The incident as its events tell it. Raises NotFound."""
        from triage.incident import fold

        found = fold(self.events(incident))
        if found is None:
            raise JournalError(
                f"the events of '{incident}' do not begin with its receipt", hint=f"run 'triage verify {incident}'"
            )
        return found

    def summaries(self, limit: int | None = None, model: str = "") -> tuple[Summary, ...]:
        """Incidents (of ``model``), newest first, at most ``limit``: read from a few events of each, no evidence."""
        unlimited = -1
        rows = self._select(_SUMMARIES.read_text(), model, unlimited if limit is None else limit)
        return tuple(Summary._make((*row[:-4], *map(bool, row[-4:-1]), row[-1])) for row in rows)

    def version(self) -> int:
        """A number that changes when another connection wrote: what was read before still holds while it stays."""
        with self._explained("read"):
            return int(self._db.execute("PRAGMA data_version").fetchone()[0])

    def document(self, digest: str) -> str:
        """The body of a snapshot. Raises JournalTampered when it no longer has its digest."""
        rows = self._select("SELECT body FROM documents WHERE digest = ?", digest)
        if not rows or _digest(rows[0][0]) != digest:
            raise JournalTampered(
                f"snapshot {digest} is {'not what was written' if rows else 'missing'}",
                hint="restore the journal from a backup",
            )
        return rows[0][0]

    def verify(self, incident: str) -> Chain:
        """Recompute the chain of ``incident``. Raises JournalTampered naming the first event that does not hold."""
        previous = _genesis(incident)
        length = 0
        self.events(incident)
        for seq, at, kind, data, stored_previous, stored_hash in self._select(
            "SELECT seq, at, kind, data, previous, hash FROM events WHERE incident = ? ORDER BY seq", incident
        ):
            length += 1
            wrong = (
                f"event {length} is missing"
                if seq != length
                else f"event {seq} does not follow the one before it"
                if stored_previous != previous
                else f"event {seq} ({kind}) was changed"
                if stored_hash != _link(previous, incident, seq, at, kind, data)
                else ""
            )
            if wrong:
                raise JournalTampered(
                    f"{incident}: {wrong} ({self.path})", hint="do not trust this journal; restore it from a backup"
                )
            previous = stored_hash
        read = self.read(incident)
        self.document(read.playbook_digest)
        self.document(read.catalog_digest)
        return Chain(incident, length, previous)

    def acquire(self, incident: str) -> Lease:
        """Become the executor of ``incident``. Raises LeaseHeld while another living process is."""
        now = self._clock.now()
        lease = Lease(incident, os.urandom(16).hex())
        with self._writing():
            held = self._db.execute("SELECT host, pid, until FROM leases WHERE incident = ?", (incident,)).fetchone()
            if held and not _lapsed(*held, now=now):
                raise LeaseHeld(
                    f"{incident} is being worked on by process {held[1]} on {held[0]} (until {held[2]})",
                    hint=f"watch it with 'triage show {incident}', or wait until it stops and resume it",
                )
            self._db.execute(
                "INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?, ?)",
                (incident, lease.holder, _host(), os.getpid(), format_time(now + LEASE_LENGTH)),
            )
        return lease

    def renew(self, lease: Lease) -> None:
        """Push the end of ``lease`` out. Raises LeaseHeld when it was taken over."""
        with self._writing():
            self._hold(lease)
            until = format_time(self._clock.now() + LEASE_LENGTH)
            self._db.execute("UPDATE leases SET until = ? WHERE incident = ?", (until, lease.incident))

    def release(self, lease: Lease) -> None:
        with self._writing():
            self._db.execute("DELETE FROM leases WHERE incident = ? AND holder = ?", (lease.incident, lease.holder))

    def executor(self, incident: str) -> str:
        """Who executes ``incident`` now, as ``process 12 on host``, or nothing."""
        held = self._select("SELECT host, pid, until FROM leases WHERE incident = ?", incident)
        return f"process {held[0][1]} on {held[0][0]}" if held and not _lapsed(*held[0], now=self._clock.now()) else ""

    def _prepare(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise JournalError(
                f"{self.path} was written by a newer triage (version {version}; this one reads {SCHEMA_VERSION})",
                hint="upgrade triage, or set TRIAGE_HOME to another folder",
            )
        if version == 0:
            self._db.execute("PRAGMA journal_mode = WAL")
            with self._writing():
                if self._db.execute("PRAGMA user_version").fetchone()[0] == 0:
                    for statement in _statements(_SCHEMA.read_text()):
                        self._db.execute(statement)
                    self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        self._db.execute("PRAGMA synchronous = FULL")

    def _append(self, incident: str, entries: Sequence[Entry]) -> "tuple[Event, ...]":
        last = self._db.execute(
            "SELECT seq, at, hash FROM events WHERE incident = ? ORDER BY seq DESC LIMIT 1", (incident,)
        ).fetchone()
        seq, latest, previous = last or (0, "", _genesis(incident))
        from triage.incident import Event

        written = []
        for entry in entries:
            seq += 1
            at = self._clock.now()
            if latest:  # a clock that was set back must not put an effect before its cause
                at = max(at, parse_time(latest))
            latest, data = format_time(at), canonical(entry.data)
            link = _link(previous, incident, seq, latest, entry.kind, data)
            self._db.execute(
                "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)",
                (incident, seq, latest, entry.kind, data, previous, link),
            )
            written.append(Event(incident, seq, at, entry.kind, json.loads(data), previous, link))
            previous = link
        return tuple(written)

    def _rows(self, where: str, values: Iterable[Any]) -> "tuple[Event, ...]":
        from triage.incident import Event

        rows = self._select(f"SELECT incident, seq, at, kind, data, previous, hash FROM events {where}", *values)
        try:
            return tuple(
                Event(incident, seq, parse_time(at), kind, json.loads(data), previous, link)
                for incident, seq, at, kind, data, previous, link in rows
            )
        except ValueError as error:
            raise JournalTampered(
                f"an event in {self.path} can't be read: {error}", hint="restore the journal from a backup"
            ) from error

    def _select(self, query: str, *values: Any) -> list[Any]:
        with self._explained("read"):
            return self._db.execute(query, values).fetchall()

    def _keep(self, body: str) -> str:
        digest = _digest(body)
        self._db.execute("INSERT OR IGNORE INTO documents VALUES (?, ?)", (digest, body))
        return digest

    def _hold(self, lease: Lease) -> None:
        row = self._db.execute("SELECT holder FROM leases WHERE incident = ?", (lease.incident,)).fetchone()
        if row is None or row[0] != lease.holder:
            raise LeaseHeld(
                f"the lease on {lease.incident} was taken over",
                hint=f"'triage show {lease.incident}' says by whom; nothing more is done here",
            )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._explained("write"):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    @contextmanager
    def _explained(self, verb: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise JournalError(
                f"can't {verb} the journal {self.path}: {error}",
                hint="check that the folder is writable and the disk has room, or set TRIAGE_HOME to another folder",
            ) from error


def _genesis(incident: str) -> str:
    return _digest(f"triage journal 1 {incident}")


def _link(previous: str, incident: str, seq: int, at: str, kind: str, data: str) -> str:
    return _digest("\n".join((previous, incident, str(seq), at, kind, data)))


def _digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _lapsed(host: str, pid: int, until: str, *, now: datetime) -> bool:
    """Whether a lease has run out, or its holder on this host is gone."""
    if parse_time(until) < now:
        return True
    if host != _host():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _host() -> str:
    import socket  # needed only where an incident is executed, and every command imports this file

    return socket.gethostname()


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
