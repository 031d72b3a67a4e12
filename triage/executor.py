"""One incident, worked on until it is settled: the engine chooses what comes next; the doing is written down, waited
for, and taken back from here."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from triage import engine, performing
from triage.catalog import Catalog, Model
from triage.errors import JournalError, LeaseHeld, Superseded, TriageError
from triage.incident import Approval, Incident, Release, ReleaseStage, State, fold
from triage.journal import Entry, Journal, Lease
from triage.playbook import GATE, Playbook, StepSpec
from triage.ports import Clock
from triage.routing import withdraw
from triage.scope import Scope
from triage.staleness import mark
from triage.step import Ports, load

SHORTLY = timedelta(seconds=3)
"""A wait that is not worth letting go of an incident for."""
POLL_SECONDS = 2.0
"""How soon an executor that waits notices what others have written."""
TAG_WAIT = timedelta(seconds=30)
"""How long the registry is left alone after a tag that it did not take."""
UNTAGGED = "the champion could not be tagged as stale for an alert that joined"
WITHDRAW_WAITS = (1.0, 2.0, 4.0, 8.0)


@dataclass(frozen=True, slots=True)
class Manner:
    """How an incident is worked on.

    ``patient``: go on waiting where an approval is missing. ``brief``: wait for nothing, not for a time either.
    ``stop`` is asked between two steps; once it says yes, the rest is left for another time.
    """

    progress: Callable[[str], None] = lambda line: None
    patient: bool = False
    brief: bool = False
    stop: Callable[[], bool] = lambda: False


class Executor:
    """Who holds the lease on one incident."""

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        lease: Lease,
        incident: str,
        playbook: Playbook,
        catalog: Catalog,
        ports: Ports,
        manner: Manner,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._lease = lease
        self._id = incident
        self._playbook = playbook
        self._catalog = catalog
        self._ports = ports
        self._manner = manner
        self._scope = Scope()
        self._read_so_far: Incident | None = None
        self._told = ""
        self._tag_at: datetime | None = None

    def work(self) -> Incident:
        """Raises JournalError where nothing can be written: then a challenger under way gets no more traffic."""
        try:
            while (settled := self._move()) is None:
                pass
            return settled
        except JournalError as error:
            if not isinstance(error, LeaseHeld):
                self._take_off()
            raise

    def _read(self) -> Incident:
        """The incident as its events tell it; after the first time, only new ones are read."""
        before = self._read_so_far
        if before is None:
            found = self._journal.read(self._id)
        else:
            found = fold(self._journal.since(self._id, before.length), before) or before
        self._read_so_far = found
        return found

    def reopen(self) -> None:
        """Steps that failed may be tried once more."""
        failed = engine.unfinished(self._read(), self._playbook)
        if failed:
            opened = Entry("state_changed", {"state": State.OPEN, "reason": "tried once more"})
            self._append(*map(_reopened, failed), opened)

    def _move(self) -> Incident | None:
        """Do the next thing; the incident, once there is nothing more to do now."""
        incident, now, manner = self._read(), self._clock.now(), self._manner
        if manner.stop():
            return incident
        policy = self._catalog.model(incident.model).approval
        left_alone = self._tag_at is not None and now < self._tag_at
        match engine.next_move(
            replace(incident, tag_owed=None) if left_alone else incident,
            self._playbook,
            now,
            four_eyes=policy.four_eyes,
            auto_approve=policy.auto_approve,
        ):
            case engine.Settle(state, reason):
                self._stand(incident, state, reason)
                if not (manner.patient and state is State.WAITING_FOR_APPROVAL):
                    return self._read()
                self._tell(f"waiting for an approval: {reason}")
                self._pause()
            case engine.Wait(until, reason, state):
                if state is not incident.state:
                    self._stand(incident, state, reason)
                if manner.brief and until > now + SHORTLY:
                    return self._read()
                self._tell(f"waiting until {until:%H:%M:%S}: {reason}")
                self._pause(until)
            case engine.Grant(digest, steps):
                said = f"approval.auto_approve: {', '.join(steps)}"
                self._append(
                    Entry("approved", {"approval": Approval(digest, "the catalogue", now, now + policy.ttl, said)})
                )
            case engine.AskAgain(gates):
                self._append(*map(_reopened, gates))
            case engine.Withdraw(release, reason):
                manner.progress(f"back to version {release.champion}: {reason}")
                if not self._withdrawn(incident, release, reason):
                    return self._read()
            case engine.Tag(until):
                self._tag(incident, until)
            case engine.Skip(step, reason):
                self._append(Entry("step_skipped", {"step": step.id, "uses": step.uses, "reason": reason}))
            case engine.Run() as move:
                self._run(move, incident)
        return None

    def _run(self, move: engine.Run, incident: Incident) -> None:
        if not move.tick:
            self._manner.progress(move.step.title or move.step.id)
            self._append(*_let_through(move, incident), performing.begin(move, incident))
            incident = self._read()  # an abort may have come first, or the end of the alert
            if gates := engine.lapsed_gates(incident, self._playbook, move.step, self._clock.now()):
                self._append(*map(_reopened, (*gates, move.step)))
                return
        ctx = performing.context(
            move,
            incident,
            self._playbook,
            self._catalog,
            self._ports,
            self._scope,
            self._manner.progress,
            self._stopped,
        )
        self._append(*performing.perform(move, ctx, now=self._clock.now))

    def _append(self, *entries: Entry) -> None:
        self._journal.append(self._id, entries, self._lease)

    def _stand(self, incident: Incident, state: State, reason: str) -> None:
        """Write down where ``incident`` stands, where that is news."""
        if (state, reason) != (incident.state, incident.state_reason):
            self._append(Entry("state_changed", {"state": state, "reason": reason}))

    def _tell(self, line: str) -> None:
        """What is waited for is told once."""
        if line != self._told:
            self._manner.progress(line)
            self._told = line

    def _pause(self, until: datetime | None = None) -> None:
        """Sleep until ``until``, or until somebody else writes to the journal: an approval, an abort. A tag that is
        owed is tried meanwhile."""
        seen = self._journal.version()
        if self._tag_at is not None:
            until = min(until or self._tag_at, self._tag_at)
        while self._journal.version() == seen:
            left = POLL_SECONDS if until is None else (until - self._clock.now()).total_seconds()
            if left <= 0:
                return
            self._clock.sleep(min(left, POLL_SECONDS))

    def _tag(self, incident: Incident, until: datetime) -> None:
        """Users come first: a registry that is away holds nothing else up."""
        model, registry = self._catalog.model(incident.model), self._ports.registry
        try:
            champion = registry.champion(model.registered_model, model.alias)
            mark(registry, champion, self._id, until)
        except TriageError as error:
            self._manner.progress(f"{UNTAGGED}: {error}")
            self._tag_at = self._clock.now() + TAG_WAIT
        else:
            self._tag_at = None
            owed = self._read().tag_owed
            if owed is None or owed <= until:  # else a newer alert joined meanwhile
                self._append(Entry("stale_tagged", {"version": champion.version}))

    def _stopped(self) -> bool:
        """Whether the incident was aborted, its plan rejected, or its release withdrawn, asked from any thread."""
        with suppress(JournalError):
            journal = Journal(self._journal.path, self._clock)
            try:
                found = journal.read(self._id)
                no = found.withdrawal is not None or found.rejection is not None
                return no or found.state is State.ABORTED
            finally:
                journal.close()
        return False

    def _withdrawn(self, incident: Incident, release: Release, reason: str) -> bool:
        """Whether the challenger gets no more traffic; tried a few times, for nothing else matters then."""
        model = self._catalog.model(incident.model)
        for wait in (*WITHDRAW_WAITS, None):
            try:
                go_back(self._journal, lambda: self._ports, model, incident, release, reason, self._lease)
            except TriageError as error:
                said = f"version {release.champion} could not be brought back: {error}"
                self._manner.progress(said)
                if wait is None:
                    self._stranded(incident, said)
                    return False
                self._clock.sleep(wait)
            else:
                return True
        return False

    def _stranded(self, incident: Incident, said: str) -> None:
        """Write down that the challenger may still be asked, where that was not the last word already. (An aborted
        incident keeps the reason of its abort, so that the last word is asked of the journal.)"""
        state = State.ABORTED if incident.state is State.ABORTED else State.NEEDS_PERSON
        stands = {"state": state.value, "reason": said}
        changes = [event.data for event in self._journal.events(self._id) if event.kind == "state_changed"]
        if not changes or changes[-1] != stands:
            self._append(Entry("state_changed", stands))

    def _take_off(self) -> None:
        """Nothing can be written down any more, so nobody watches a challenger that is asked: the kill switch, which
        needs no journal. What follows is for the next call, once there is room."""
        with suppress(TriageError):
            found = self._read()
            if self._ports.router is not None and found.release is not None and found.release.under_way:
                self._ports.router.halt(self._catalog.model(found.model).registered_model)
                self._manner.progress(
                    f"nothing can be written down: version {found.release.champion} answers everything"
                )


def _reopened(step: StepSpec) -> Entry:
    return Entry("step_reopened", {"step": step.id, "uses": step.uses})


def _let_through(move: engine.Run, incident: Incident) -> tuple[Entry, ...]:
    """That nobody is waited for any more, where ``move`` is the gate's that was waited at, or a change behind it."""
    waited = incident.state is State.WAITING_FOR_APPROVAL and incident.approval is not None
    if not waited or not (move.step.uses == GATE or load(move.step.uses).needs_approval):
        return ()
    assert incident.approval is not None
    return (Entry("state_changed", {"state": State.OPEN, "reason": f"approved by {incident.approval.by}"}),)


def go_back(
    journal: Journal,
    connect: Callable[[], Ports],
    model: Model,
    found: Incident,
    release: Release,
    reason: str,
    lease: Lease | None = None,
) -> None:
    """Intent, effect, outcome of going back to the champion of before.

    ``connect`` is called once the intent is on disk: where the world can't be reached from here, whoever works on the
    incident next goes back. Raises what it, the router or the registry raise. Where another release serves meanwhile
    nothing is touched, and that is the outcome: there is nothing to take back.
    """
    stage = ReleaseStage.WITHDRAWN
    back = replace(release, stage=stage, weight=0.0, shadow=0.0, reached=False, reason=reason)
    if release.stage is not stage:
        journal.append(found.id, [Entry("release_changed", {"release": back})], lease)
    try:
        noticed = withdraw(connect(), model.registered_model, model.alias, release, f"{found.id}/withdraw")
    except Superseded as error:
        noticed = str(error)
    reason = f"{reason}; {noticed}" if noticed else reason
    entries = [Entry("release_changed", {"release": replace(back, reached=True, reason=reason)})]
    if found.state is not State.ABORTED:
        entries.append(Entry("state_changed", {"state": State.NEEDS_PERSON, "reason": reason}))
    journal.append(found.id, entries, lease)
