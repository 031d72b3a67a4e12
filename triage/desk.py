"""All that a front end may call: receive, advance, approve, reject, abort, list, show, verify."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from triage.errors import NotFound, Refused, Superseded, TriageError
from triage.journal import Chain, Entry, Journal, Summary

if TYPE_CHECKING:
    from datetime import datetime

    from triage.catalog import Catalog, Model
    from triage.catalog.model import ApprovalPolicy
    from triage.engine import Move
    from triage.incident import Alert, Event, Incident, Moment, Plan, Release, Section, Window
    from triage.lineage.champions import Reign
    from triage.ports import Clock, Registry
    from triage.step import Ports

Progress = Callable[[str], None]
DEFAULT_PLAYBOOK = "model_quality_drop"
MOST_JOINED = 200
"""Alerts that an incident takes into its journal beside its own."""


class Receipt(NamedTuple):
    """The incident an alert belongs to, and whether the alert opened it."""

    incident: str
    opened: bool


class Desk:
    """One journal, and the way to reach what its catalogues name (``connect``)."""

    def __init__(self, home: Path, clock: "Clock", connect: "Callable[[Catalog], Ports]") -> None:
        self.home = home
        self._clock = clock
        self._connect = connect
        self.journal = Journal(home / "journal.db", clock)

    def incidents(self, limit: int | None = None, model: str = "") -> tuple[Summary, ...]:
        """Newest first, at most ``limit``; of ``model``, where one is named."""
        return self.journal.summaries(limit, model)

    def incident(self, incident: str) -> "Incident":
        """Raises NotFound."""
        return self.journal.read(incident)

    def events(self, incident: str) -> "tuple[Event, ...]":
        return self.journal.events(incident)

    def newest(self) -> str:
        """The id of the incident that was opened last. Raises NotFound."""
        newest = self.journal.summaries(1)
        if not newest:
            raise NotFound("there is no incident yet", hint="'triage demo' makes one, 'triage run MODEL' starts one")
        return newest[0].id

    def verify(self, incident: str) -> Chain:
        """Raises JournalTampered."""
        return self.journal.verify(incident)

    def report(self, incident: str, form: str) -> str:
        """The incident report as ``md``, ``html`` or ``json``, without what the catalogue of the run wants hidden."""
        from triage.report import RENDERERS

        return RENDERERS[form](*self.told(incident))

    def report_pdf(self, incident: str) -> bytes:
        """The incident report as PDF. Raises NotFound where the extra that draws it is not installed."""
        from triage.report import render_pdf

        return render_pdf(*self.told(incident))

    def told(self, incident: str) -> "tuple[Incident, tuple[Event, ...]]":
        """An incident and its events as a report, or a notice, may tell them."""
        from triage.incident import fold
        from triage.report.redaction import redacted

        found = self.incident(incident)
        events = redacted(self.events(incident), self._catalog(found).report)
        told = fold(events)
        assert told is not None
        return told, events

    def summary(self, incident: str, *, colour: bool, next_command: str = "") -> str:
        """The incident as a terminal shows it: the ladder, the causes, the next step (or ``next_command``)."""
        from triage.report.terminal import render_terminal

        found, events = self.incident(incident), self.events(incident)
        return render_terminal(found, events, colour=colour, next_command=next_command)

    def champions(self, model: "Model", registry: "Registry") -> "tuple[Reign, ...]":
        """Who was champion of ``model`` when: the registry's moves, and what the incidents of this journal saw."""
        from triage.lineage.champions import Decision, Sighting, champions, told

        seen: list[Sighting] = []
        decided: dict[str, Decision] = {}
        for summary in self.journal.summaries():
            if summary.model == model.name:
                sightings, decision = told(self.journal.events(summary.id))
                seen += sightings
                if decision is not None:
                    decided[summary.id] = decision
        alias = model.alias
        now = Sighting(self._clock.now(), registry.champion(model.registered_model, alias).version, "")
        return champions(registry.moves(model.registered_model), seen, decided, alias=alias, now=now)

    def receive(
        self,
        alert: "Alert",
        catalog: "Catalog",
        *,
        playbook: str | None = None,
        window: "Window | None" = None,
        settings: "Mapping[str, Mapping[str, Any]] | None" = None,
        resolved: bool = False,
    ) -> Receipt:
        """Open an incident for ``alert``; an alert with a fingerprint that was received before finds its first one.

        ``window`` is the span in which the model got worse; by default the model's incident length up to the alert.
        ``settings`` are parameters of steps, by step, that this run has otherwise than the playbook. ``resolved``: the
        alert does not fire any more, so that no policy of the catalogue approves anything of the run.
        Raises NotFound for an unknown model or playbook, ConfigError for a faulty playbook.
        """
        from triage.incident import Window
        from triage.playbook import Playbook, find

        model = catalog.model(alert.model)
        name = playbook or model.playbooks.get(alert.name) or model.playbooks.get("default") or DEFAULT_PLAYBOOK
        checked = Playbook.load(find(name, (catalog.folder / "playbooks",))).adjusted(settings or {})
        window = window or Window(alert.starts_at - model.windows.incident, alert.starts_at)
        snapshot = catalog.snapshot()
        key = run_key(alert, name)
        said = [Entry("alerts_cleared", {"statement": "it was resolved before its run began"})] if resolved else []
        incident, opened = self.journal.receive(alert, window, name, checked.document.text, snapshot, key, said)
        return Receipt(incident, opened)

    def received(self, alert: "Alert", playbook: str) -> str | None:
        """The incident that ``alert`` opened with ``playbook`` before, or None."""
        key = run_key(alert, playbook)
        return self.journal.received(key) if key else None

    def join(self, incident: str, alert: "Alert", *, stale: bool = False, resolved: bool = False) -> None:
        """Say that ``alert`` belongs to ``incident``; said twice, it is written once. Only the first `MOST_JOINED` are
        written: an alert that flaps all night must not outgrow what was found.

        ``stale``: whoever works on the incident next tags the champion as stale, for what was found before says nothing
        about this alert. ``resolved``: it does not fire any more.
        """
        found = self.journal.read(incident)
        if any(_firing(alert) == _firing(other) for other in (found.alert, *found.joined)):
            return
        room = len(found.joined) < MOST_JOINED
        said = [Entry("alert_joined", {"alert": alert, **({"resolved": True} if resolved else {})})] if room else []
        if stale and (found.tag_owed is None or found.tag_owed < alert.starts_at):
            said.append(Entry("stale_asked", {"until": alert.starts_at}))
        if said:
            self.journal.append(incident, said)

    def marks_stale(self, catalog: "Catalog", playbook: str) -> bool:
        """Whether a run of ``playbook`` tags the champion as stale. Raises NotFound, ConfigError."""
        from triage.playbook import Playbook, find

        return any(
            step.uses == "mark_stale" for step in Playbook.load(find(playbook, (catalog.folder / "playbooks",))).steps
        )

    def clear(self, incident: str) -> "Incident":
        """Say that the last alert of ``incident`` was resolved, with what the KPI is now.

        It starts and ends nothing: a change that was approved before, and has not begun, waits to be approved again.
        """
        from triage.engine import FINISHED
        from triage.reading.recheck import kpi_now

        found = self.journal.read(incident)
        if found.cleared_at is None and found.state not in FINISHED:
            catalog = self._catalog(found)
            said = kpi_now(found, catalog.model(found.model), self._connect(catalog).metrics, self._clock.now())
            self.journal.append(incident, [Entry("alerts_cleared", {"statement": said})])
        return self.journal.read(incident)

    def unclear(self, incident: str) -> None:
        """Say that an alert of ``incident`` that was resolved fires again."""
        if self.journal.read(incident).cleared_at is not None:
            self.journal.append(incident, [Entry("alerts_returned", {})])

    def record(self, incident: str, kind: str, data: "Mapping[str, Any]") -> None:
        """Write one event that is kept for the record, and changes nothing of where the incident stands."""
        self.journal.append(incident, [Entry(kind, data)])

    def next_move(self, incident: str) -> "Move":
        """What `advance` would do now; performs nothing. Raises ConfigError, JournalTampered."""
        from triage import engine
        from triage.playbook import Playbook

        found = self.journal.read(incident)
        playbook = Playbook.parse(self.journal.document(found.playbook_digest), f"{found.playbook}.yaml")
        policy = self._catalog(found).model(found.model).approval
        return engine.next_move(
            found, playbook, self._clock.now(), four_eyes=policy.four_eyes, auto_approve=policy.auto_approve
        )

    def advance(
        self,
        incident: str,
        progress: Progress = lambda line: None,
        *,
        again: bool = False,
        patient: bool = False,
        brief: bool = False,
        stop: "Callable[[], bool]" = lambda: False,
    ) -> "Incident":
        """Work on ``incident`` until it is finished or waits for someone; what was finished before is not done again.

        ``again``: steps that failed are tried once more first. ``patient``: go on waiting where an approval is missing.
        ``brief``: wait for nothing, not for a time either. ``stop`` is asked between two steps; once it says yes, the
        rest is left for the next call. Raises LeaseHeld while another process does, JournalError where nothing can be
        written: then a challenger under way gets no more traffic.
        """
        from triage.executor import Executor, Manner
        from triage.incident import State
        from triage.lease import leased
        from triage.playbook import Playbook

        before = self.journal.read(incident)
        self.journal.verify(incident)
        playbook = Playbook.parse(self.journal.document(before.playbook_digest), f"{before.playbook}.yaml")
        catalog, manner = self._catalog(before), Manner(progress, patient, brief, stop)
        with leased(self.journal, self._clock, incident) as lease:
            ports = self._connect(catalog)
            executor = Executor(self.journal, self._clock, lease, incident, playbook, catalog, ports, manner)
            if again and before.state is not State.ABORTED:
                executor.reopen()
            return executor.work()

    def approve(
        self, incident: str, plan: str, by: str, *, account: str = "", ttl: "timedelta | None" = None
    ) -> "Incident":
        """Let the change of exactly this ``plan`` (its digest, or 12 digits or more) happen, once, within ``ttl``.

        ``by`` is the approver's name, ``account`` where it was said. Raises Refused for another plan than the current
        one, for the requester where the catalogue asks for somebody else, while no gate waits, and while an approval
        of it stands.
        """
        from triage.approval import names_plan, same_person, short_digest
        from triage.incident import Approval

        found, current = self.awaiting(incident)
        if not names_plan(plan, current.digest):
            raise Refused(
                f"{incident}: the plan is {short_digest(current.digest)} now, not {plan}",
                hint=f"read it again with 'triage show {incident}'",
            )
        policy = self._catalog(found).model(found.model).approval
        if policy.four_eyes and same_person(by, found.alert.requested_by):
            raise Refused(
                f"{by} asked for {incident}, and the catalogue wants another person to approve it (four_eyes)",
                hint="let a colleague type the command",
            )
        now = self._clock.now()
        approval = Approval(current.digest, by, now, now + min(ttl or policy.ttl, policy.ttl), account)
        self.journal.append(incident, [Entry("approved", {"approval": approval})])
        return self.journal.read(incident)

    def awaiting(self, incident: str) -> "tuple[Incident, Plan]":
        """``incident`` and its plan, which waits for somebody's yes. Raises Refused where it does not."""
        from triage.approval import objection, short_digest
        from triage.incident import State

        found, current = self._plan(incident)
        if found.state is not State.WAITING_FOR_APPROVAL:
            raise Refused(
                f"{incident} does not wait for an approval: {found.state_reason or found.state}",
                hint=f"'triage show {incident}' says where it stands",
            )
        four_eyes = self._catalog(found).model(found.model).approval.four_eyes
        if found.approval is not None and not objection(found, self._clock.now(), four_eyes=four_eyes):
            raise Refused(
                f"{incident}: plan {short_digest(current.digest)} is approved by {found.approval.by} already, until"
                f" {found.approval.until:%Y-%m-%d %H:%M} UTC",
                hint=f"'triage resume {incident}' goes on with it",
            )
        return found, current

    def approval_policy(self, incident: str) -> "ApprovalPolicy":
        """Who may approve for the model of ``incident``, and how long that holds."""
        found = self.journal.read(incident)
        return self._catalog(found).model(found.model).approval

    def reject(self, incident: str, reason: str, by: str, *, account: str = "") -> "Incident":
        """Say no to the current plan for good: its approval is void, a step that it let through stops, and a training
        job that runs is cancelled.

        Raises Refused where a challenger is asked already, which takes more than a no to end, and where it is closed;
        StepFailed and others where the trainer can't be told: the plan is rejected all the same.
        """
        from triage.incident import Rejection, State

        found, current = self._plan(incident)
        if found.state is State.CLOSED:
            raise Refused(f"{incident} is closed already", hint=f"'triage show {incident}' says how it ended")
        if found.release is not None and found.release.under_way:
            raise Refused(
                f"the plan of {incident} is being carried out: version {found.release.challenger} is asked",
                hint=f"'triage rollback {incident}' takes it off, 'triage abort {incident}' ends the incident as well",
            )
        rejection = Rejection(current.digest, by, self._clock.now(), reason, account)
        state = {"state": State.NEEDS_PERSON, "reason": f"rejected by {by}: {reason}"}
        self.journal.append(incident, [Entry("rejected", {"rejection": rejection}), Entry("state_changed", state)])
        self._call_off(self.journal.read(incident))
        return self.journal.read(incident)

    def abort(self, incident: str, reason: str, by: str) -> "Incident":
        """End ``incident`` for good, also while a step of it runs, or was killed: a challenger that is not released in
        full gets no more traffic, and a training job that runs is cancelled. Raises Refused; StepFailed and others
        where the router or the trainer can't be told: it has ended all the same.
        """
        from triage.incident import State

        found = self.journal.read(incident)
        if found.state is State.CLOSED:
            raise Refused(f"{incident} is closed already", hint=f"'triage show {incident}' says how it ended")
        state = {"state": State.ABORTED, "reason": f"aborted by {by}: {reason}"}
        self.journal.append(incident, [Entry("state_changed", state)])
        found = self.journal.read(incident)
        try:
            if found.release is not None and found.release.under_way:
                self._withdraw(found, found.release, found.state_reason)
        finally:
            self._call_off(found)
        return self.journal.read(incident)

    def _call_off(self, found: "Incident") -> None:
        """Cancel the training jobs of ``found`` that may still run: they outlive an executor that was killed."""
        from triage.incident import Outcome
        from triage.performing import key

        begun = [record for record in found.steps.values() if record.uses == "retrain" and record.started_at]
        jobs = [key(found, record.id) for record in begun if record.outcome is not Outcome.DONE]
        trainer = self._connect(self._catalog(found)).trainer if jobs else None
        if trainer is not None:
            for job in jobs:
                trainer.cancel(job)

    def rollback(self, incident: str, reason: str, by: str, *, account: str = "") -> "Incident":
        """Back to the champion that served before ``incident`` released another, at once and without an approval.

        Also while the incident is worked on elsewhere, and after it was closed. Raises Refused where nothing was
        released, or another change released on since; StepFailed and others where the router or the registry can't be
        told.
        """
        from triage.incident import Withdrawal

        self.journal.verify(incident)
        found = self.journal.read(incident)
        if found.release is None or found.release.serves_nobody:
            gone = "serves the champion of before already" if found.release else "has released nothing"
            raise Refused(f"{incident} {gone}", hint=f"'triage show {incident}' says where it stands")
        self._in_charge(found, found.release)
        withdrawal = Withdrawal(by, self._clock.now(), reason, account)
        self.journal.append(incident, [Entry("withdrawal_asked", {"withdrawal": withdrawal})])
        self._withdraw(found, found.release, f"rolled back by {by}: {reason}")
        return self.journal.read(incident)

    def _in_charge(self, found: "Incident", release: "Release") -> None:
        """Raises Superseded where a release in full is not what serves any more: nothing is written of the attempt, and
        it can be rolled back once the later one was."""
        from triage.routing import in_charge

        if release.under_way:
            return  # going back settles it, whoever serves
        catalog = self._catalog(found)
        try:
            in_charge(self._connect(catalog), catalog.model(found.model).registered_model, release)
        except Superseded:
            raise
        except TriageError:
            return  # who can't be asked now is asked again before it is told

    def _withdraw(self, found: "Incident", release: "Release", reason: str) -> None:
        from triage.executor import go_back

        catalog = self._catalog(found)
        go_back(self.journal, lambda: self._connect(catalog), catalog.model(found.model), found, release, reason)

    def take(self, incident: str, by: str, *, account: str = "") -> "Incident":
        """Say who has ``incident`` now; ``by`` empty gives it back. It stops nobody else from deciding on it."""
        self.journal.read(incident)
        self.journal.append(incident, [Entry("taken", {"by": by, "account": account})])
        return self.journal.read(incident)

    def note(self, incident: str, section: "Section", text: str, by: str, *, account: str = "") -> "Incident":
        """Write ``text`` into a section of the report, in place of what was written there before."""
        from triage.incident import Note

        self.journal.read(incident)
        note = Note(section, text.strip(), by, self._clock.now(), account)
        self.journal.append(incident, [Entry("noted", {"note": note})])
        return self.journal.read(incident)

    def set_moment(
        self, incident: str, moment: "Moment", at: "datetime", by: str, *, reason: str = "", account: str = ""
    ) -> "Incident":
        """Say when something was that the journal can't know; times are reckoned with it. Raises Refused."""
        from triage.incident import SetMoment

        self.journal.read(incident)
        if at > self._clock.now():
            raise Refused(f"{moment} at {at:%Y-%m-%d %H:%M} UTC is in the future", hint="write a time that has been")
        known = SetMoment(moment, at, by, reason, account)
        self.journal.append(incident, [Entry("moment_set", {"moment": known})])
        return self.journal.read(incident)

    def _plan(self, incident: str) -> "tuple[Incident, Plan]":
        """An incident with a plan that may still be decided on. Raises Refused."""
        from triage.incident import State

        self.journal.verify(incident)
        found = self.journal.read(incident)
        if found.state is State.ABORTED:
            raise Refused(f"{incident} was aborted: {found.state_reason}", hint="start a new run")
        if found.plan is None:
            raise Refused(f"{incident} has no plan yet", hint=f"'triage resume {incident}' goes on with it")
        if found.rejection is not None:
            raise Refused(
                f"the plan of {incident} was rejected by {found.rejection.by}: {found.rejection.reason}",
                hint="start a new run for a new plan",
            )
        return found, found.plan

    def _catalog(self, incident: "Incident") -> "Catalog":
        from triage.catalog import Catalog

        return Catalog.restore(self.journal.document(incident.catalog_digest))


def run_key(alert: "Alert", playbook: str) -> str | None:
    """What names a run for good, so that an alert that is delivered again finds it; never when the alert ended."""
    if not alert.fingerprint:
        return None
    return f"{alert.model}/{playbook}/{alert.fingerprint}/{alert.starts_at.isoformat()}"


def _firing(alert: "Alert") -> "tuple[str, datetime]":
    """One firing of one alert."""
    return alert.fingerprint, alert.starts_at
