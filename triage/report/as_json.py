"""The report as one JSON document, and its schema: what scripts read, so keys are only ever added.

`triage show --json`, `triage demo --json` and `triage report --format json` all print it.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from triage.codec import encode
from triage.incident import (
    Alert,
    Approval,
    Cause,
    Drop,
    Evidence,
    Note,
    Outcome,
    Plan,
    RuledOut,
    SetMoment,
    State,
    Unmeasured,
    Window,
)
from triage.prevention.record import RulesReport
from triage.report.contents import Report
from triage.report.lessons import Lesson
from triage.report.remediation import LevelState, Remediation
from triage.report.schema import schema_of
from triage.report.timeline import Milestone, TimelineEntry

SCHEMA_VERSION = 1

_UNSAFE = re.compile(
    "[\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\uffff\U000e0000-\U000e0fff]"
)


@dataclass(frozen=True, slots=True)
class JournalReference:
    """What the report was read from: how many events, the last one's hash, the playbook and catalogue it ran with."""

    length: int
    head: str
    playbook: str
    playbook_digest: str
    catalog_digest: str


@dataclass(frozen=True, slots=True)
class Step:
    """How far one step of the playbook came."""

    id: str
    uses: str
    outcome: Outcome | None
    skipped: bool
    attempts: int
    started_at: datetime | None
    finished_at: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class Document:
    """An incident as `triage` diagnosed it. Times are RFC 3339 in UTC; figures that are not known are null."""

    schema_version: int
    incident: str
    model: str
    state: State
    state_reason: str
    window: Window
    alert: Alert
    summary: str
    drop: Drop | None
    causes: tuple[Cause, ...]
    ruled_out: tuple[RuledOut, ...]
    unmeasured: tuple[Unmeasured, ...]
    evidence: tuple[Evidence, ...]
    contributions: Mapping[str, Any]
    next_check: str
    plan: Plan | None
    approval: Approval | None
    notes: tuple[Note, ...]
    prevention: RulesReport | None
    steps: tuple[Step, ...]
    timeline: tuple[TimelineEntry, ...]
    milestones: tuple[Milestone, ...]
    detection: str
    remediation: Remediation
    service_levels: tuple[LevelState, ...]
    lessons: tuple[Lesson, ...]
    action_items: tuple[str, ...]
    moments: tuple[SetMoment, ...]
    joined: tuple[Alert, ...]
    journal: JournalReference


def as_document(report: Report) -> dict[str, Any]:
    """The document as JSON values; ``causes`` are ranked, most probable first."""
    incident = report.incident
    diagnosis = incident.diagnosis
    value: dict[str, Any] = encode(
        Document(
            schema_version=SCHEMA_VERSION,
            incident=incident.id,
            model=incident.model,
            state=incident.state,
            state_reason=incident.state_reason,
            window=incident.window,
            alert=incident.alert,
            summary=report.summary,
            drop=diagnosis.drop if diagnosis else None,
            causes=diagnosis.causes if diagnosis else (),
            ruled_out=diagnosis.ruled_out if diagnosis else (),
            unmeasured=report.unmeasured,
            evidence=incident.evidence,
            contributions=diagnosis.contributions if diagnosis else {},
            next_check=report.next_check,
            plan=incident.plan,
            approval=incident.approval,
            notes=incident.notes,
            prevention=report.prevention,
            steps=tuple(
                Step(
                    step.id,
                    step.uses,
                    step.outcome,
                    step.skipped,
                    step.attempts,
                    step.started_at,
                    step.finished_at,
                    step.reason,
                )
                for step in incident.steps.values()
            ),
            timeline=report.timeline,
            milestones=report.milestones,
            detection=report.detection,
            remediation=report.remediation,
            service_levels=report.service_levels,
            lessons=report.lessons,
            action_items=report.action_items,
            moments=incident.moments,
            joined=incident.joined,
            journal=JournalReference(
                incident.length,
                incident.head,
                incident.playbook,
                incident.playbook_digest,
                incident.catalog_digest,
            ),
        )
    )
    return value


def document_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of `as_document`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "triage incident report",
        **schema_of(Document),
    }


def dump(value: Any) -> str:
    """``value`` as indented JSON; characters that steer or reorder a terminal are written as escapes."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    return _UNSAFE.sub(lambda match: json.dumps(match.group())[1:-1], text) + "\n"
