"""The inbox: deliveries and alerts in one SQLite file beside the journal. What is in it is on disk (WAL, fsync).

The journal holds what was decided; the inbox holds what arrived, for as long as that is of use. Everything that a
restart reads from it may be done again: what an alert opened is found in the journal by its run key.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from triage.codec import canonical, format_time, parse_time
from triage.errors import JournalError

INBOX = "inbox.db"
"""Its name in the folder of the journal."""
SCHEMA_VERSION = 1
KEPT_DELIVERIES = 1_000
"""Settled deliveries whose bodies are kept to be looked at."""
KEPT_ALERTS = timedelta(days=90)
KEPT_ALERTS_AT_MOST = 20_000
_SCHEMA = Path(__file__).with_suffix(".sql")
_COLUMNS = (
    "key, group_key, fingerprint, name, origin, starts_at, firing, labels, summary, model, playbook, decision, reason,"
    " incident, due_at, first_seen, last_seen, deliveries"
)
_PAGE_BYTES = 4096


class Decision(StrEnum):
    """What became of an alert."""

    STARTED = "started"
    JOINED = "joined"
    HELD = "held"
    PARKED = "parked"
    UNKNOWN = "unknown"
    OVER = "over"


class Waiting(NamedTuple):
    """A delivery that nobody has worked on yet."""

    id: int
    received_at: datetime
    origin: str
    body: bytes
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Known:
    """One firing of an alert, and what became of it. ``due_at`` is when a held one is decided on again."""

    key: str
    group_key: str
    fingerprint: str
    name: str
    origin: str
    starts_at: datetime
    firing: bool
    labels: Mapping[str, str]
    summary: str
    model: str
    playbook: str
    decision: Decision
    reason: str
    incident: str
    due_at: datetime | None
    first_seen: datetime
    last_seen: datetime
    deliveries: int


class Refusal(NamedTuple):
    """A delivery that was none: kept so that somebody sees it."""

    id: int
    received_at: str
    origin: str
    address: str
    reason: str
    bytes: int


class Inbox:
    """An open inbox. Not shared between threads: each opens its own."""

    def __init__(self, path: Path, most_mib: int = 512) -> None:
        self.path = path
        with self._explained("open"):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=30, isolation_level=None)
            self._prepare(most_mib)

    def close(self) -> None:
        self._db.close()

    def put(self, deliveries: Sequence[tuple[datetime, str, str, bytes]]) -> None:
        """Write deliveries (when, origin, address, body) together: all are on disk when this returns, or none."""
        rows = [(format_time(at), origin, address, body) for at, origin, address, body in deliveries]
        with self._writing():
            self._db.executemany(
                "INSERT INTO deliveries (received_at, origin, address, body) VALUES (?, ?, ?, ?)", rows
            )

    def refuse(self, at: datetime, origin: str, address: str, body: bytes, reason: str) -> None:
        """Keep the beginning of a body that was refused at the door."""
        when = format_time(at)
        with self._writing():
            self._db.execute(
                "INSERT INTO deliveries (received_at, origin, address, body, settled_at, refused)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (when, origin, address, body, when, reason),
            )

    def waiting(self, most: int, now: datetime) -> tuple[Waiting, ...]:
        """Deliveries that have to be worked on, oldest first."""
        rows = self._select(
            "SELECT id, received_at, origin, body, tries FROM deliveries"
            " WHERE settled_at IS NULL AND (retry_at IS NULL OR retry_at <= ?) ORDER BY id LIMIT ?",
            format_time(now),
            most,
        )
        return tuple(Waiting(id, parse_time(at), origin, bytes(body), tries) for id, at, origin, body, tries in rows)

    def count_waiting(self) -> int:
        return int(self._select("SELECT count(*) FROM deliveries WHERE settled_at IS NULL")[0][0])

    def count_received(self) -> int:
        """Deliveries since the inbox was made, also those whose bodies are gone."""
        rows = self._select("SELECT seq FROM sqlite_sequence WHERE name = 'deliveries'")
        return int(rows[0][0]) if rows else 0

    def known(self, keys: Iterable[str]) -> dict[str, Known]:
        """Those of ``keys`` that were seen before."""
        found: dict[str, Known] = {}
        wanted = list(dict.fromkeys(keys))
        for start in range(0, len(wanted), 500):
            part = wanted[start : start + 500]
            marks = ",".join("?" * len(part))
            for row in self._select(f"SELECT {_COLUMNS} FROM alerts WHERE key IN ({marks})", *part):
                found[row[0]] = _known(row)
        return found

    def of_incident(self, incident: str) -> tuple[Known, ...]:
        return tuple(map(_known, self._select(f"SELECT {_COLUMNS} FROM alerts WHERE incident = ?", incident)))

    def held(self, fingerprint: str) -> tuple[Known, ...]:
        """Held alerts with this fingerprint."""
        return tuple(
            map(
                _known,
                self._select(
                    f"SELECT {_COLUMNS} FROM alerts WHERE due_at IS NOT NULL AND fingerprint = ?", fingerprint
                ),
            )
        )

    def at_work(self, since: datetime) -> tuple[Known, ...]:
        """Firing alerts, heard of after ``since``, that an incident was opened for or has taken in, oldest first; of a
        fingerprint that began to fire anew the older firing is over, whether that was delivered or not."""
        rows = self._select(
            "WITH newest AS MATERIALIZED (SELECT fingerprint AS mark, max(starts_at) AS begun FROM alerts GROUP BY 1)"
            f" SELECT {_COLUMNS} FROM alerts JOIN newest ON mark = fingerprint AND begun = starts_at"
            " WHERE firing = 1 AND decision IN (?, ?) AND last_seen > ? ORDER BY starts_at, key LIMIT 500",
            Decision.STARTED.value,
            Decision.JOINED.value,
            format_time(since),
        )
        return tuple(map(_known, rows))

    def due(self, now: datetime) -> tuple[Known, ...]:
        """Held alerts whose time has come, oldest first."""
        rows = self._select(
            f"SELECT {_COLUMNS} FROM alerts WHERE due_at IS NOT NULL AND due_at <= ? ORDER BY starts_at, key LIMIT 500",
            format_time(now),
        )
        return tuple(map(_known, rows))

    def alerts(self, most: int = 100) -> tuple[Known, ...]:
        """Newest first."""
        return tuple(
            map(_known, self._select(f"SELECT {_COLUMNS} FROM alerts ORDER BY last_seen DESC, key LIMIT ?", most))
        )

    def refusals(self, most: int = 100) -> tuple[Refusal, ...]:
        """Deliveries that were refused, newest first."""
        rows = self._select(
            "SELECT id, received_at, origin, address, refused, length(body) FROM deliveries WHERE refused != ''"
            " ORDER BY id DESC LIMIT ?",
            most,
        )
        return tuple(map(Refusal._make, rows))

    def settle(
        self,
        alerts: Iterable[Known],
        settled: Iterable[tuple[int, str]],
        now: datetime,
        again: Iterable[tuple[int, datetime]] = (),
    ) -> None:
        """Write what became of ``alerts``; that deliveries (id, why it was refused or nothing) are done with; and which
        (id, when) have to be looked at ``again``."""
        when = format_time(now)
        with self._writing():
            self._db.executemany(
                f"INSERT OR REPLACE INTO alerts ({_COLUMNS}) VALUES ({','.join('?' * 18)})", map(_row, alerts)
            )
            done = [(when, reason, id) for id, reason in settled]
            self._db.executemany("UPDATE deliveries SET settled_at = ?, refused = ? WHERE id = ?", done)
            later = [(format_time(at), id) for id, at in again]
            self._db.executemany("UPDATE deliveries SET retry_at = ?, tries = tries + 1 WHERE id = ?", later)

    def set_mark(self, name: str, value: str) -> None:
        """Remember ``value`` under ``name``; an empty one is forgotten."""
        with self._writing():
            self._db.execute("DELETE FROM marks WHERE name = ?", (name,))
            if value:
                self._db.execute("INSERT INTO marks VALUES (?, ?)", (name, value))

    def mark(self, name: str) -> str:
        """What was remembered under ``name``, or nothing."""
        rows = self._select("SELECT value FROM marks WHERE name = ?", name)
        return str(rows[0][0]) if rows else ""

    def prune(self, now: datetime) -> None:
        """Let go of old bodies, and of alerts that are over for long or are too many."""
        with self._writing():
            self._db.execute(
                "DELETE FROM deliveries WHERE settled_at IS NOT NULL AND id <="
                " (SELECT seq FROM sqlite_sequence WHERE name = 'deliveries') - ?",
                (KEPT_DELIVERIES,),
            )
            self._db.execute(
                "DELETE FROM alerts WHERE last_seen < ? AND due_at IS NULL AND firing = 0",
                (format_time(now - KEPT_ALERTS),),
            )
            self._db.execute(
                "DELETE FROM alerts WHERE key IN (SELECT key FROM alerts WHERE due_at IS NULL"
                " ORDER BY last_seen DESC LIMIT -1 OFFSET ?)",
                (KEPT_ALERTS_AT_MOST,),
            )

    def probe(self) -> None:
        """Whether it can be written to. Raises JournalError."""
        with self._writing():
            self._db.execute("INSERT OR REPLACE INTO marks VALUES ('probe', '')")

    def _prepare(self, most_mib: int) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute(f"PRAGMA max_page_count = {most_mib * 2**20 // _PAGE_BYTES}")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise JournalError(
                f"{self.path} was written by a newer triage (version {version}; this one reads {SCHEMA_VERSION})",
                hint="upgrade triage, or set TRIAGE_HOME to another folder",
            )
        if version == 0:
            with self._writing():
                if self._db.execute("PRAGMA user_version").fetchone()[0] == 0:
                    for statement in _SCHEMA.read_text().split(";\n"):
                        self._db.execute(statement)
                    self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _select(self, query: str, *values: Any) -> list[Any]:
        with self._explained("read"):
            return self._db.execute(query, values).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._explained("write"):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _explained(self, verb: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise JournalError(
                f"can't {verb} the inbox {self.path}: {error}",
                hint="check that the folder is writable and the disk has room, and serve.limits.inbox_mib",
            ) from error


def _known(row: Sequence[Any]) -> Known:
    (key, group_key, fingerprint, name, origin, starts_at, firing, labels, summary, model, playbook, decision, reason,
     incident, due_at, first_seen, last_seen, deliveries) = row  # fmt: skip
    return Known(
        key=key,
        group_key=group_key,
        fingerprint=fingerprint,
        name=name,
        origin=origin,
        starts_at=parse_time(starts_at),
        firing=bool(firing),
        labels=json.loads(labels),
        summary=summary,
        model=model,
        playbook=playbook,
        decision=Decision(decision),
        reason=reason,
        incident=incident,
        due_at=parse_time(due_at) if due_at else None,
        first_seen=parse_time(first_seen),
        last_seen=parse_time(last_seen),
        deliveries=deliveries,
    )


def _row(alert: Known) -> tuple[Any, ...]:
    return (
        alert.key,
        alert.group_key,
        alert.fingerprint,
        alert.name,
        alert.origin,
        format_time(alert.starts_at),
        alert.firing,
        canonical(alert.labels),
        alert.summary,
        alert.model,
        alert.playbook,
        alert.decision.value,
        alert.reason,
        alert.incident,
        format_time(alert.due_at) if alert.due_at else None,
        format_time(alert.first_seen),
        format_time(alert.last_seen),
        alert.deliveries,
    )
