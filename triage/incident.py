"""The nouns of the house, and how an incident is read from its events.

Everything here is frozen. Units are in the names; times are aware and in UTC.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from triage.codec import decode


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


class Effect(StrEnum):
    READ = "read"
    CHANGE = "change"


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


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do: what it changes, why, how far it reaches, and how it is undone.

    Without ``reaches_users`` it changes nothing that is served, so that its end is no mitigation.
    """

    step: str
    title: str
    effect: Effect
    why: str
    params: Mapping[str, Any] = field(default_factory=dict)
    before: str = ""
    after: str = ""
    blast_radius: str = ""
    expected_gain: str = ""
    risk: str = ""
    undo: str = ""
    stops_if: str = ""
    reaches_users: bool = True


@dataclass(frozen=True, slots=True)
class Alternative:
    title: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The safe next steps. ``digest`` binds an approval to these actions on this evidence and these versions.

    An approval of the plan lets each step that it ``covers`` through once; what else the actions name is foreseen, and
    will be asked for in a plan of its own. ``challenger`` is the version to be released, where there is one.
    """

    summary: str
    actions: tuple[Action, ...]
    not_chosen: tuple[Alternative, ...] = ()
    digest: str = ""
    champion: str = ""
    covers: tuple[str, ...] = ()
    challenger: str = ""


@dataclass(frozen=True, slots=True)
class Approval:
    """One yes to one plan, to be used until ``until``: by each step that the plan covers, once.

    ``by`` is the name that was given, ``account`` the operating system's user and host it came from, or the catalogue's
    key where a policy said yes. ``used_by`` are the ids of the steps that it let through.
    """

    plan_digest: str
    by: str
    at: datetime
    until: datetime
    account: str = ""
    used_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejection:
    """One person's no to one plan."""

    plan_digest: str
    by: str
    at: datetime
    reason: str
    account: str = ""


class ReleaseStage(StrEnum):
    """How much of the traffic a challenger answers: none that is seen, none for now, a part, all of it, or none any
    more."""

    SHADOW = "shadow"
    IDLE = "idle"
    CANARY = "canary"
    FULL = "full"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Release:
    """How far ``challenger`` has come; ``champion`` served before, and is what a rollback returns to.

    ``weight`` and ``shadow`` are shares of the traffic, from 0 to 1. Written down before the router is told
    (``reached`` is false: it may or may not do so yet), and again once it does.
    """

    champion: str
    challenger: str
    stage: ReleaseStage
    weight: float = 0.0
    shadow: float = 0.0
    reached: bool = False
    step: str = ""
    reason: str = ""
    since: datetime | None = None

    @property
    def under_way(self) -> bool:
        """Whether somebody has to watch it: the challenger is asked, and neither released in full nor withdrawn."""
        return self.stage in (ReleaseStage.SHADOW, ReleaseStage.CANARY) or not self.reached

    @property
    def serves_nobody(self) -> bool:
        """Whether all traffic is known to go to the champion of before, and nothing is copied."""
        return self.stage in (ReleaseStage.IDLE, ReleaseStage.WITHDRAWN) and self.reached


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """One person's word to go back to the champion of before."""

    by: str
    at: datetime
    reason: str
    account: str = ""


class Section(StrEnum):
    """The parts of a report that a person may write to, beside what was found."""

    SUMMARY = "summary"
    IMPACT = "impact"
    LESSONS = "lessons"
    WENT_WELL = "went_well"
    WENT_WRONG = "went_wrong"
    GOT_LUCKY = "got_lucky"
    ACTION_ITEMS = "action_items"


@dataclass(frozen=True, slots=True)
class Note:
    """What a person wrote in one section of the report; it stands beside what was found and never replaces it."""

    section: Section
    text: str
    by: str
    at: datetime
    account: str = ""


class Moment(StrEnum):
    """The times that a postmortem reckons with, and that a person may set."""

    ONSET = "onset"
    DETECTED = "detected"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class SetMoment:
    """A time that a person knows better than the journal does."""

    moment: Moment
    at: datetime
    by: str
    reason: str = ""
    account: str = ""


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


def fold(events: Iterable[Event], incident: Incident | None = None) -> Incident | None:
    """The incident that ``events`` (of one incident, in order) tell of; None before it was received.

    ``incident`` is what the events before them told: a reader that follows a journal reads only what is new.

    Any prefix of a journal folds, and so does one with events of a kind not known here: they are passed over.
    """
    for event in events:
        if event.kind == "received":
            incident = _received(event)
        elif incident is not None:
            incident = _READERS.get(event.kind, _unread)(incident, event)
        if incident is not None:
            incident = replace(
                incident, updated_at=max(incident.updated_at, event.at), head=event.hash, length=incident.length + 1
            )
    return incident


def _received(event: Event) -> Incident:
    data = event.data
    alert = decode(Alert, data["alert"])
    return Incident(
        id=event.incident,
        model=alert.model,
        alert=alert,
        window=decode(Window, data["window"]),
        playbook=data["playbook"],
        playbook_digest=data["playbook_digest"],
        catalog_digest=data["catalog_digest"],
        received_at=event.at,
        updated_at=event.at,
    )


def _step(incident: Incident, event: Event, **changes: Any) -> Incident:
    name = event.data["step"]
    before = incident.steps.get(name) or StepRecord(id=name, uses=event.data.get("uses", name))
    return replace(incident, steps={**incident.steps, name: replace(before, **changes)})


def _step_started(incident: Incident, event: Event) -> Incident:
    given, name = incident.approval, event.data["step"]
    if given is not None and event.data.get("gated") and _lets_through(incident, given, event):
        incident = replace(incident, approval=replace(given, used_by=tuple(dict.fromkeys((*given.used_by, name)))))
    return _step(
        incident,
        event,
        attempts=event.data["attempt"],
        started_at=event.at,
        finished_at=None,
        outcome=None,
        retry_at=None,
        due_at=None,
        reason="",
    )


def _lets_through(incident: Incident, given: Approval, event: Event) -> bool:
    """Whether the approval is used by the step that starts: covered by the plan, in time, the first of its kind."""
    name, uses = event.data["step"], event.data.get("uses", "")
    if incident.plan is None or uses not in incident.plan.covers:
        return False
    kinds = {incident.steps[used].uses for used in given.used_by if used != name and used in incident.steps}
    return uses not in kinds and (bool(given.used_by) or event.at < given.until)


def _at_work(incident: Incident, event: Event, said: str) -> Incident:
    """Where an open incident stands is what its newest step says; a state that waits for someone keeps its reason."""
    if incident.state is not State.OPEN:
        return incident
    return replace(incident, state_reason=f"{event.data['step']}: {said}" if said else "")


def _step_progressed(incident: Incident, event: Event) -> Incident:
    data = event.data
    incident = _at_work(incident, event, data.get("statement", ""))
    before = incident.steps.get(data["step"])
    seen = before.looks if before else ()
    return _step(
        incident,
        event,
        progress=data.get("progress", {}),
        looks=(*seen, data["look"]) if data.get("look") is not None else seen,
        due_at=decode(datetime, data["due"]),
        for_a_person=data.get("for_a_person", False),
        retry_at=None,
        retried=0,
        reason=data.get("statement", ""),
    )


def _step_reopened(incident: Incident, event: Event) -> Incident:
    """Somebody wants a step that failed, or was not heard of again, to be tried once more, from its beginning."""
    changes = {"outcome": None, "skipped": False, "finished_at": None, "retry_at": None, "due_at": None}
    return _step(incident, event, **changes, reason="", outputs={}, progress={}, looks=())


def _step_finished(incident: Incident, event: Event) -> Incident:
    data = event.data
    incident = _step(
        _at_work(incident, event, ""),
        event,
        outcome=Outcome(data["outcome"]),
        finished_at=event.at,
        reason=data.get("reason", ""),
        outputs=data.get("outputs", {}),
        due_at=decode(datetime, data["due"]) if data.get("due") else None,
    )
    found = tuple(decode(Evidence, item) for item in data.get("evidence", ()))
    fresh = {item.id for item in found}
    if found and incident.approval is not None and not incident.approval.used_by:
        incident = replace(incident, approval=None)  # it was given to other evidence
    return replace(incident, evidence=(*(item for item in incident.evidence if item.id not in fresh), *found))


def _diagnosed(incident: Incident, event: Event) -> Incident:
    return replace(incident, diagnosis=decode(Diagnosis, event.data["diagnosis"]))


def _planned(incident: Incident, event: Event) -> Incident:
    return replace(incident, plan=decode(Plan, event.data["plan"]), approval=None, rejection=None)


def _step_will_retry(incident: Incident, event: Event) -> Incident:
    before = incident.steps.get(event.data["step"])
    incident = _at_work(incident, event, event.data.get("reason", ""))
    again = {"retry_at": decode(datetime, event.data["at"]), "retried": before.retried + 1 if before else 1}
    return _step(incident, event, **again, reason=event.data.get("reason", ""))


def _step_skipped(incident: Incident, event: Event) -> Incident:
    return _step(incident, event, skipped=True, finished_at=event.at, reason=event.data.get("reason", ""))


def _state(incident: Incident, event: Event) -> Incident:
    if incident.state is State.ABORTED:
        return incident  # abort always wins, also over an executor that had not seen it yet
    return replace(incident, state=State(event.data["state"]), state_reason=event.data.get("reason", ""))


def _approved(incident: Incident, event: Event) -> Incident:
    approval = decode(Approval, event.data["approval"])
    if incident.plan is None or approval.plan_digest != incident.plan.digest or incident.rejection is not None:
        return incident  # it was given to another plan
    return replace(incident, approval=approval)


def _rejected(incident: Incident, event: Event) -> Incident:
    rejection = decode(Rejection, event.data["rejection"])
    if incident.plan is None or rejection.plan_digest != incident.plan.digest:
        return incident
    return replace(incident, rejection=rejection, approval=None)


def _release_changed(incident: Incident, event: Event) -> Incident:
    return replace(incident, release=replace(decode(Release, event.data["release"]), since=event.at))


def _withdrawal_asked(incident: Incident, event: Event) -> Incident:
    return replace(incident, withdrawal=decode(Withdrawal, event.data["withdrawal"]))


def _taken(incident: Incident, event: Event) -> Incident:
    return replace(incident, owner=str(event.data["by"]))


def _noted(incident: Incident, event: Event) -> Incident:
    """The newest note of a section is its note; an empty one takes it away."""
    note = decode(Note, event.data["note"])
    others = tuple(item for item in incident.notes if item.section is not note.section)
    return replace(incident, notes=(*others, note) if note.text else others)


def _moment_set(incident: Incident, event: Event) -> Incident:
    known = decode(SetMoment, event.data["moment"])
    others = tuple(item for item in incident.moments if item.moment is not known.moment)
    return replace(incident, moments=(*others, known))


def _alert_joined(incident: Incident, event: Event) -> Incident:
    alert = decode(Alert, event.data["alert"])
    return replace(incident, joined=(*incident.joined, alert), cleared_at=None, cleared="")


def _alerts_cleared(incident: Incident, event: Event) -> Incident:
    return replace(incident, cleared_at=event.at, cleared=event.data.get("statement", ""))


def _alerts_returned(incident: Incident, event: Event) -> Incident:
    return replace(incident, cleared_at=None, cleared="")


def _unread(incident: Incident, event: Event) -> Incident:
    return incident


_READERS = {
    "step_started": _step_started,
    "step_finished": _step_finished,
    "step_will_retry": _step_will_retry,
    "step_skipped": _step_skipped,
    "step_progressed": _step_progressed,
    "step_reopened": _step_reopened,
    "diagnosed": _diagnosed,
    "planned": _planned,
    "state_changed": _state,
    "approved": _approved,
    "rejected": _rejected,
    "release_changed": _release_changed,
    "withdrawal_asked": _withdrawal_asked,
    "taken": _taken,
    "noted": _noted,
    "moment_set": _moment_set,
    "alert_joined": _alert_joined,
    "alerts_cleared": _alerts_cleared,
    "alerts_returned": _alerts_returned,
}
