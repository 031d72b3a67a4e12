"""The report as a value: everything a page says, in the words and figures it says it in, before any layout.

Texts here may hold anything that data holds; each renderer escapes for its own medium.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from triage.incident import Action, Alternative, Cause, Drop, Evidence, Incident, Unmeasured
from triage.prevention.record import RulesReport
from triage.report.ladder import Rung
from triage.report.lessons import Lesson
from triage.report.remediation import LevelState, Remediation
from triage.report.sources import SourceLine
from triage.report.timeline import Milestone, TimelineEntry


@dataclass(frozen=True, slots=True)
class Citation:
    """A reference to evidence: ``number`` is its place in the report (None: it is not in the journal)."""

    id: str
    number: int | None

    def __str__(self) -> str:
        return f"E{self.number}" if self.number else f"{self.id} (not in the journal)"


@dataclass(frozen=True, slots=True)
class Impact:
    """How far the KPI moved, in its own unit."""

    drop: Drop
    sentence: str
    healthy: str
    current: str
    change: str
    change_interval: str
    difference: str
    onset: str
    onset_interval: str


@dataclass(frozen=True, slots=True)
class RankedCause:
    """``meter`` is the probability in percent, held to what a bar can show."""

    rank: int
    cause: Cause
    name: str
    probability: str
    meter: float
    share: str
    share_interval: str
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class Exclusion:
    name: str
    reason: str
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One piece of evidence as it is shown."""

    number: int
    evidence: Evidence
    about: str
    glyph: str
    measures: tuple[tuple[str, str], ...]
    sources: tuple[SourceLine, ...]
    window: str
    cited: bool


@dataclass(frozen=True, slots=True)
class ProposedAction:
    """``details`` are what it changes, how far it reaches and how it is undone, as far as the plan says."""

    action: Action
    params: str
    change: bool
    details: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Proposal:
    summary: str
    actions: tuple[ProposedAction, ...]
    not_chosen: tuple[Alternative, ...]
    digest: str
    approval: str


@dataclass(frozen=True, slots=True)
class Written:
    """A person's words in one section, paragraph by paragraph, and who wrote them when."""

    paragraphs: tuple[str, ...]
    by: str


@dataclass(frozen=True, slots=True)
class StepLine:
    id: str
    uses: str
    outcome: str
    took: str
    reason: str


@dataclass(frozen=True, slots=True)
class Loser:
    """A segment that lost more than all other rows, in words."""

    statement: str
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What the journal tells of one incident. Equal journals give equal reports."""

    incident: Incident
    summary: str
    state: str
    model: str
    window: str
    trigger: str
    impact: Impact | None
    lost_most: tuple[Loser, ...]
    ladder: tuple[Rung, ...]
    causes: tuple[RankedCause, ...]
    ruled_out: tuple[Exclusion, ...]
    unmeasured: tuple[Unmeasured, ...]
    evidence: tuple[Exhibit, ...]
    plan: Proposal | None
    steps: tuple[StepLine, ...]
    timeline: tuple[TimelineEntry, ...]
    milestones: tuple[Milestone, ...]
    detection: str
    remediation: Remediation
    service_levels: tuple[LevelState, ...]
    lessons: tuple[Lesson, ...]
    action_items: tuple[str, ...]
    next_check: str
    next_command: str
    verify_command: str
    written: Mapping[str, Written]
    prevention: RulesReport | None

    def cite(self, evidence_ids: Sequence[str]) -> tuple[Citation, ...]:
        """The places in this report of the evidence of these ids."""
        places = {item.evidence.id: item.number for item in self.evidence}
        return tuple(Citation(name, places.get(name)) for name in evidence_ids)
