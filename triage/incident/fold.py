"""How an incident is read from its events, one after another."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from triage.codec import decode
from triage.incident.decided import Approval, Plan, Rejection, Release, Withdrawal
from triage.incident.found import Diagnosis, Evidence, Window
from triage.incident.incident import Alert, Event, Incident, Outcome, State, StepRecord
from triage.incident.written import Note, SetMoment


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
    """Whether the approval is used by the step that starts.

    It is where the plan covers the step, in time, before the alert was resolved, and by the first step of its kind.
    """
    name, uses = event.data["step"], event.data.get("uses", "")
    if incident.plan is None or uses not in incident.plan.covers:
        return False
    if not given.used_by and incident.cleared_at is not None and given.at <= incident.cleared_at:
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
    """A second yes counts where a gate waits once more; while the first is carried out it changes nothing."""
    approval = decode(Approval, event.data["approval"])
    if incident.plan is None or approval.plan_digest != incident.plan.digest or incident.rejection is not None:
        return incident  # it was given to another plan
    if incident.approval is not None and incident.approval.used_by and incident.state is not State.WAITING_FOR_APPROVAL:
        return incident
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
    """One that was resolved already takes back nothing of what was said when the others were."""
    incident = replace(incident, joined=(*incident.joined, decode(Alert, event.data["alert"])))
    return incident if event.data.get("resolved") else replace(incident, cleared_at=None, cleared="")


def _stale_asked(incident: Incident, event: Event) -> Incident:
    until = decode(datetime, event.data["until"])
    return replace(incident, tag_owed=max(incident.tag_owed or until, until))


def _stale_tagged(incident: Incident, event: Event) -> Incident:
    return replace(incident, tag_owed=None)


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
    "stale_asked": _stale_asked,
    "stale_tagged": _stale_tagged,
    "alerts_cleared": _alerts_cleared,
    "alerts_returned": _alerts_returned,
}
