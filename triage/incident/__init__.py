"""The nouns of the house, and how an incident is read from its events.

Everything here is frozen. Units are in the names; times are aware and in UTC.
"""

from triage.incident.decided import (
    Action,
    Alternative,
    Approval,
    Effect,
    Plan,
    Rejection,
    Release,
    ReleaseStage,
    Withdrawal,
)
from triage.incident.fold import fold
from triage.incident.found import (
    Cause,
    CauseKind,
    ChangeEvent,
    ChangeKind,
    Diagnosis,
    Drop,
    Evidence,
    Measure,
    RuledOut,
    Source,
    Unmeasured,
    Verdict,
    Window,
)
from triage.incident.incident import Alert, Event, Incident, Outcome, State, StepRecord
from triage.incident.written import Moment, Note, Section, SetMoment

__all__ = [
    "Action", "Alert", "Alternative", "Approval", "Cause", "CauseKind", "ChangeEvent", "ChangeKind", "Diagnosis",
    "Drop", "Effect", "Event", "Evidence", "Incident", "Measure", "Moment", "Note", "Outcome", "Plan",
    "Rejection", "Release", "ReleaseStage", "RuledOut", "Section", "SetMoment", "Source", "State", "StepRecord",
    "Unmeasured", "Verdict", "Window", "Withdrawal", "fold",
]  # fmt: skip
