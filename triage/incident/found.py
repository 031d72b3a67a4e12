"""What was found: evidence of causes, the windows and sources behind it, and what it adds up to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """What a piece of evidence says of a named cause. Unmeasured never reads as healthy."""

    SUPPORTS = "supports"
    REFUTES = "refutes"
    INCONCLUSIVE = "inconclusive"
    UNMEASURED = "unmeasured"


class CauseKind(StrEnum):
    """Why a model got worse, in the order in which causes are ruled in or out."""

    INFRASTRUCTURE = "infrastructure"
    DATA_QUALITY = "data_quality"
    SERVING_SKEW = "serving_skew"
    FEATURE_DRIFT = "feature_drift"
    LABEL_SHIFT = "label_shift"
    CONCEPT_DRIFT = "concept_drift"
    BAD_DEPLOY = "bad_deploy"
    LABEL_FAULT = "label_fault"
    SEASONAL = "seasonal"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Window:
    """Half-open interval of time ``[start, end)`` in UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("a window's ends need a time zone")
        if self.end <= self.start:
            raise ValueError(
                f"a window that ends ({self.end:%Y-%m-%d %H:%M}) before it starts ({self.start:%Y-%m-%d %H:%M})"
            )

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True, slots=True)
class Source:
    """What re-creates a figure: the exact query, or the data by name and version, with a digest of what was read.

    ``kind`` is ``dataset``, ``query``, ``model`` or ``events``. For a query ``name`` is the query's text.
    """

    kind: str
    name: str
    version: str = ""
    digest: str = ""
    window: Window | None = None
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of evidence: ``value`` in ``unit``, with the interval ``[low, high]`` where one is known."""

    name: str
    value: float | None
    unit: str = ""
    low: float | None = None
    high: float | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one step found about one cause. ``chart`` is JSON that a report or a screen can draw.

    ``part_of`` is the id of the evidence that sums this one up (a signal among many): shown, and not weighed again.
    """

    id: str
    step: str
    about: CauseKind
    verdict: Verdict
    statement: str
    subject: str = ""
    measures: tuple[Measure, ...] = ()
    sources: tuple[Source, ...] = ()
    window: Window | None = None
    chart: Mapping[str, Any] | None = None
    hint: str = ""
    part_of: str = ""

    def measure(self, name: str) -> float | None:
        """The value of the measure called ``name``, or None where it was not taken."""
        return next((measure.value for measure in self.measures if measure.name == name), None)


@dataclass(frozen=True, slots=True)
class Cause:
    """A ranked cause. ``share_of_drop`` is the part of the KPI's drop it explains, as a fraction, with its interval."""

    kind: CauseKind
    subject: str
    probability: float
    share_of_drop: float | None
    statement: str
    evidence: tuple[str, ...] = ()
    share_low: float | None = None
    share_high: float | None = None


@dataclass(frozen=True, slots=True)
class RuledOut:
    kind: CauseKind
    reason: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """What could not be measured, why, and what would make it measurable."""

    what: str
    reason: str
    hint: str = ""


class ChangeKind(StrEnum):
    """What was done to the system, or happened to it."""

    CHANGE = "change"
    RESTART = "restart"
    DOWN = "down"
    UP = "up"
    VERSION = "version"
    REGISTERED = "registered"


@dataclass(frozen=True, slots=True)
class ChangeEvent:
    """``at`` is the first sample after it; it happened after ``not_before``, the sample before that."""

    at: datetime
    not_before: datetime
    kind: ChangeKind
    subject: str
    statement: str


@dataclass(frozen=True, slots=True)
class Drop:
    """How far the KPI moved: healthy and incident level and their difference ``change``, all in ``unit``.

    ``worse`` says whether the move is a loss in the direction the catalogue gives.
    """

    kpi: str
    unit: str
    healthy: float
    current: float
    change: float
    low: float
    high: float
    worse: bool
    onset: datetime | None = None
    onset_low: datetime | None = None
    onset_high: datetime | None = None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    statement: str
    causes: tuple[Cause, ...]
    ruled_out: tuple[RuledOut, ...] = ()
    unmeasured: tuple[Unmeasured, ...] = ()
    drop: Drop | None = None
    next_check: str = ""
    contributions: Mapping[str, Any] = field(default_factory=dict)
