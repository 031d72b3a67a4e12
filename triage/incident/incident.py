"""An incident, its alert, its steps, and the events it is read from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from triage.incident.decided import Approval, Plan, Rejection, Release, Withdrawal
from triage.incident.found import Diagnosis, Evidence, Window
from triage.incident.written import Moment, Note, SetMoment


class Outcome(StrEnum):
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    UNKNOWN = "unknown"


class State(StrEnum):
    """Where an incident stands; the headless exit code follows from it."""

    OPEN = "open"
    WAITING_FOR_APPROVAL = "waiting_for_approval"
    NEEDS_PERSON = "needs_person"
    FAILED = "failed"
    ABORTED = "aborted"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Alert:
    """What arrived: from Alertmanager, the command line or a screen. ``labels`` are the sender's, untrusted text."""

    name: str
    model: str
    starts_at: datetime
    summary: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    fingerprint: str = ""
    origin: str = "command line"
    requested_by: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the journal. ``hash`` covers everything else, ``previous`` the line before it."""

    incident: str
    seq: int
    at: datetime
    kind: str
    data: Mapping[str, Any]
    previous: str = ""
    hash: str = ""


@dataclass(frozen=True, slots=True)
class StepRecord:
    """How far one step of the playbook came.

    A step that takes hours says so in ``progress`` and goes on at ``due_at``; ``looks`` are what it saw, oldest first.
    One that is done and has a ``due_at`` is still watched. ``for_a_person``: it can't get further by itself.
    """

    id: str
    uses: str
    attempts: int = 0
    outcome: Outcome | None = None
    skipped: bool = False
    started_at: datetime | None = None
    finished_at: datetime | None = None
    reason: str = ""
    retry_at: datetime | None = None
    outputs: Mapping[str, Any] = field(default_factory=dict)
    progress: Mapping[str, Any] = field(default_factory=dict)
    looks: tuple[Mapping[str, Any], ...] = ()
    due_at: datetime | None = None
    for_a_person: bool = False
    retried: int = 0

    @property
    def settled(self) -> bool:
        return self.outcome is not None or self.skipped

    @property
    def elapsed_seconds(self) -> float | None:
        """Seconds from the last start to the end; never negative, also when the machine's clock was set back."""
        if self.started_at is None or self.finished_at is None:
            return None
        return max(0.0, (self.finished_at - self.started_at).total_seconds())


@dataclass(frozen=True, slots=True)
class Incident:
    """One model, one cause to find: the reading of its events."""

    id: str
    model: str
    alert: Alert
    window: Window
    playbook: str
    playbook_digest: str
    catalog_digest: str
    received_at: datetime
    updated_at: datetime
    state: State = State.OPEN
    state_reason: str = ""
    steps: Mapping[str, StepRecord] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    diagnosis: Diagnosis | None = None
    plan: Plan | None = None
    approval: Approval | None = None
    rejection: Rejection | None = None
    release: Release | None = None
    withdrawal: Withdrawal | None = None
    owner: str = ""
    """The person who said that they have it; empty where nobody did."""
    notes: tuple[Note, ...] = ()
    moments: tuple[SetMoment, ...] = ()
    """The times that people have set, the newest of each."""
    joined: tuple[Alert, ...] = ()
    """Alerts that arrived later and belong to it."""
    tag_owed: datetime | None = None
    """When the newest alert began that joined and for which the champion is still to be tagged as stale."""
    cleared_at: datetime | None = None
    """When the last of its alerts was resolved; None while one fires, or where nobody said so."""
    cleared: str = ""
    """What the KPI was then."""
    head: str = ""
    length: int = 0

    def moment(self, name: Moment) -> SetMoment | None:
        """The time called ``name`` as a person has set it, or None."""
        return next((item for item in self.moments if item.moment is name), None)

    def found(self, evidence_id: str) -> Evidence | None:
        return next((item for item in self.evidence if item.id == evidence_id), None)
