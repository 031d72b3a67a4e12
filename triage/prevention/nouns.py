"""What a prevention rule is, what it was proven on, and what was decided of it. Times in UTC, units in names."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from triage.incident import Source, Window


class RuleKind(StrEnum):
    """Which figure a rule looks at."""

    PSI = "psi"
    NULLS = "nulls"
    UNSEEN = "unseen"
    PARITY = "parity"
    LABELS = "labels"
    METRIC = "metric"
    ROWS = "rows"
    FRESHNESS = "freshness"
    KPI = "kpi"
    LEVEL = "level"
    BURN = "burn"


class Worse(StrEnum):
    """Which way a figure gets worse."""

    HIGHER = "higher"
    LOWER = "lower"


class Role(StrEnum):
    """Why a rule is there: it watches a cause of the incident, or stands guard beside it."""

    CAUSE = "cause"
    GUARD = "guard"


class Decision(StrEnum):
    """``unproven``: no history could be asked, so nothing is known of its false alarms; it is not written."""

    KEPT = "kept"
    REFUSED = "refused"
    UNPROVEN = "unproven"


@dataclass(frozen=True, slots=True)
class Signal:
    """A figure to watch. ``query`` is how its history is asked for, ``series`` what it is called in the rules.

    ``long_series`` and ``pair`` are those of a burn rate, which is bad where it is over two windows at once.
    ``floor`` is the threshold that is never undercut (in the direction of worse), ``target`` one that is promised.
    """

    kind: RuleKind
    subject: str
    role: Role
    query: str
    series: str
    worse: Worse
    unit: str
    step_seconds: float
    for_seconds: float
    severity: str
    because: str = ""
    floor: float | None = None
    target: float | None = None
    pair: str = ""
    long_series: str = ""

    @property
    def name(self) -> str:
        """Unique among the rules of one model: ``psi/user_location``."""
        return "/".join(part for part in (self.kind, self.subject, self.pair) if part)


@dataclass(frozen=True, slots=True)
class Backtest:
    """What a rule would have done in ``span``: the incident, and ``healthy_days`` of measured healthy time before it.

    ``fires_at`` is None where it would not have fired in the incident; ``sooner_seconds`` is how long before the
    incident's own alert (negative: after it). ``measured_share`` is of the time since the first point that is known.
    The threshold was chosen on the older part of the healthy time;
    ``held_out_days`` are those of the newer part. ``healthy_worst`` and ``incident_worst`` are the figure's own worst.
    """

    source: Source
    replayed: bool
    span: Window
    step_seconds: float
    measured_share: float
    healthy_days: float
    false_alarms: int
    held_out_days: float
    held_out_false_alarms: int
    fires_at: datetime | None
    sooner_seconds: float | None
    healthy_worst: float | None
    incident_worst: float | None
    note: str = ""

    @property
    def per_fortnight(self) -> float:
        """False alarms in 14 days."""
        return self.false_alarms / self.healthy_days * 14 if self.healthy_days else 0.0


@dataclass(frozen=True, slots=True)
class Rule:
    """A signal with its threshold, its proof and the decision. ``why`` says where the threshold is from."""

    signal: Signal
    threshold: float | None
    why: str
    decision: Decision
    reason: str
    backtest: Backtest | None = None

    @property
    def name(self) -> str:
        return self.signal.name

    @property
    def kept(self) -> bool:
        return self.decision is Decision.KEPT


@dataclass(frozen=True, slots=True)
class Proposal:
    """The rules that would have caught ``incident`` sooner; ``digest`` binds an approval to exactly these."""

    incident: str
    model: str
    alert: str
    cause: str
    rules: tuple[Rule, ...]
    digest: str = ""

    @property
    def kept(self) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.rules if rule.kept)

    @property
    def soonest(self) -> Rule | None:
        """The kept rule that would have fired first, or None where none would have."""
        fired = [rule for rule in self.kept if rule.backtest is not None and rule.backtest.fires_at is not None]
        return min(fired, key=lambda rule: rule.backtest.fires_at, default=None)  # type: ignore[union-attr,arg-type,return-value]
