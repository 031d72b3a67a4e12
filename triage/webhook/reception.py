"""Decides what becomes of each alert, one delivery after another, and writes the decision down.

Each round reads what waits, acts on the journal, and then settles the inbox. Killed between the two, it does the round
again, and finds in the journal what it has done: a run by its key, a joined alert by its firing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from triage.catalog import Catalog
from triage.desk import Desk
from triage.errors import ConfigError, JournalError, NotFound, Refused, SourceUnavailable
from triage.incident import Alert, Window
from triage.journal import Summary
from triage.ports import Clock
from triage.webhook.admission import Hold, Join, Park, admit, gone_on, window_end
from triage.webhook.figures import Figures
from triage.webhook.inbox import Decision, Inbox, Known, Waiting
from triage.webhook.log import Log
from triage.webhook.payload import Delivery, Incoming, completed, parse
from triage.webhook.routing import Router

MOST_TOGETHER = 200
_TRIES = 5
_WAIT = timedelta(seconds=10)
_NEWEST = 20
_PRUNE_EVERY = 50
_LOOK_AGAIN = timedelta(seconds=10)

Complete = Callable[[Delivery], list[Any]]
"""All alerts of a delivery's group, as Alertmanager's API lists them. Raises SourceUnavailable."""


@dataclass(slots=True)
class _Round:
    """What one round will settle: alerts by key, deliveries done with, and those to be looked at again; and which
    playbooks it found to call the model stale."""

    alerts: dict[str, Known] = field(default_factory=dict)
    changed: dict[str, Known] = field(default_factory=dict)
    done: list[tuple[int, str]] = field(default_factory=list)
    again: list[tuple[int, datetime]] = field(default_factory=list)
    marking: dict[str, bool] = field(default_factory=dict)

    def keep(self, alert: Known) -> None:
        self.alerts[alert.key] = self.changed[alert.key] = alert


class Reception:
    """Works on one inbox for one desk; used by one thread."""

    def __init__(
        self,
        desk: Desk,
        inbox: Inbox,
        catalog: Catalog,
        clock: Clock,
        *,
        log: Log,
        figures: Figures,
        complete: Complete | None = None,
    ) -> None:
        self._desk = desk
        self._inbox = inbox
        self._catalog = catalog
        self._clock = clock
        self._log = log
        self._figures = figures
        self._complete = complete
        self._router = Router(catalog)
        self._rounds = 0
        self._looked: datetime | None = None

    def work(self) -> int:
        """Settle a batch of waiting deliveries, and held alerts whose time has come. Returns how many there were.

        Raises JournalError where the journal or the inbox can't be written: what waits goes on waiting.
        """
        now = self._clock.now()
        self._hold_what_goes_on(now)
        waiting = self._inbox.waiting(MOST_TOGETHER, now)
        due = self._inbox.due(now) if len(waiting) < MOST_TOGETHER else ()  # what waits may have resolved them
        self._rounds += 1
        if self._rounds % _PRUNE_EVERY == 0:
            self._inbox.prune(now)
        if not waiting and not due:
            return 0
        current = _Round()
        read = [(one, self._read(one, current, now)) for one in waiting]
        keys = [alert.key for _, delivery in read if delivery for alert in delivery.alerts]
        for key, alert in self._inbox.known(keys).items():
            current.alerts.setdefault(key, alert)
        for one, delivery in read:
            for incoming in delivery.alerts if delivery else ():
                self._safely(one.id, partial(self._take, incoming, one, current, now))
        for alert in due:
            held = current.alerts.get(alert.key, alert)
            if held.decision is Decision.HELD:
                self._safely(held.key, partial(self._decide, replace(held, due_at=None), current, now))
        self._inbox.settle(current.changed.values(), current.done, now, current.again)
        return len(waiting) + len(due)

    def _hold_what_goes_on(self, now: datetime) -> None:
        """An alert that fires on after its incident ended is held for the cool-down; then it starts another run. One
        that was last heard of before `joins_for` may be over: its sender may be gone."""
        if self._looked is not None and abs(now - self._looked) < _LOOK_AGAIN:
            return
        self._looked = now
        newest: dict[str, Sequence[Summary]] = {}
        current = _Round()
        for alert in self._inbox.at_work(now - self._catalog.serve.joins_for):
            if alert.model not in newest:
                newest[alert.model] = self._desk.incidents(_NEWEST, alert.model)
            held = gone_on(alert.incident, newest[alert.model], self._catalog.serve)
            if held is not None:
                current.alerts[alert.key] = alert
                self._keep(replace(alert, decision=Decision.HELD, reason=held.reason, due_at=held.until), current)
        if current.changed:
            self._inbox.settle(current.changed.values(), (), now)

    def _safely(self, what: int | str, work: Callable[[], None]) -> None:
        """Do ``work``; a defect that one alert meets must not keep all later ones waiting. Raises JournalError."""
        try:
            work()
        except JournalError:
            raise
        except Exception as error:
            self._figures.troubles.labels("reception").inc()
            self._log.error("alert_failed", what=what, reason=f"{type(error).__name__}: {error}")

    def _read(self, waiting: Waiting, current: _Round, now: datetime) -> Delivery | None:
        limits = self._catalog.serve.limits
        try:
            delivery = parse(waiting.body, waiting.origin, limits)
        except Refused as error:
            self._log.warning("delivery_refused", delivery=waiting.id, reason=error.message)
            self._figures.refused.inc()
            current.done.append((waiting.id, error.message))
            return None
        if delivery.missing and self._complete is not None:
            try:
                delivery = completed(delivery, self._complete(delivery), limits)
            except (SourceUnavailable, Refused) as error:
                if waiting.tries < _TRIES:
                    current.again.append((waiting.id, now + _WAIT * 2**waiting.tries))
                    self._log.warning("truncated", delivery=waiting.id, missing=delivery.missing, reason=error.message)
                    return delivery
        if delivery.missing:
            self._figures.incomplete.inc()
            self._log.warning("incomplete", delivery=waiting.id, missing=delivery.missing, group=delivery.group_key)
        current.done.append((waiting.id, ""))
        return delivery

    def _take(self, incoming: Incoming, waiting: Waiting, current: _Round, now: datetime) -> None:
        known = current.alerts.get(incoming.key)
        if known is None:
            fresh = _first_seen(incoming, waiting)
            if incoming.firing:
                self._over_before(fresh, current)
                self._decide(fresh, current, now)
            else:
                self._count(Decision.OVER)
                current.keep(replace(fresh, decision=Decision.OVER, reason="resolved before it was seen to fire"))
            return
        before = known.firing
        known = replace(
            known,
            firing=incoming.firing,
            last_seen=max(known.last_seen, waiting.received_at),
            deliveries=known.deliveries + (0 if waiting.tries else 1),
            summary=incoming.summary or known.summary,
        )
        if before == incoming.firing:
            self._figures.repeats.inc()
            if known.decision in (Decision.UNKNOWN, Decision.PARKED):
                self._decide(known, current, now)  # the catalogue, or the clock, may have been mended
            else:
                current.keep(known)
        elif incoming.firing:
            self._returned(known, current, now)
        else:
            self._resolved(known, current, now)

    def _over_before(self, fresh: Known, current: _Round) -> None:
        """An earlier firing of the same alert that is held is over, even if nobody delivered that."""
        for held in self._inbox.held(fresh.fingerprint):
            if held.starts_at < fresh.starts_at:
                current.alerts[held.key] = held
                self._keep(replace(held, decision=Decision.OVER, reason="it began to fire anew", due_at=None), current)

    def _decide(self, alert: Known, current: _Round, now: datetime) -> None:
        """What becomes of an alert that fires, or fired while it could not be taken up; nothing is opened twice for one
        firing, or for its going on after one incident."""
        routed = self._router.route(alert.name, alert.labels, alert.origin)
        alert = replace(alert, model=routed.model, playbook=routed.playbook)
        if not routed.playbook:
            self._keep(replace(alert, decision=Decision.UNKNOWN, reason=routed.reason), current)
            return
        noun = _noun(alert)
        opened = self._desk.received(noun, routed.playbook)
        if opened is not None:
            self._keep(replace(alert, decision=Decision.STARTED, reason="", incident=opened), current)
            return
        stale = self._marks_stale(routed.playbook, current)
        if not alert.firing and not stale:
            self._over(alert, current)
            return
        newest = self._desk.incidents(_NEWEST, routed.model)
        match admit(alert.starts_at, newest, self._catalog.serve, now):
            case Join(incident, reason):
                self._desk.join(incident, noun, stale=stale, resolved=not alert.firing)
                self._keep(replace(alert, decision=Decision.JOINED, reason=reason, incident=incident), current)
            case Hold(until, reason):
                held = replace(alert, decision=Decision.HELD, reason=reason, due_at=until)
                self._keep(held, current)
            case Park(reason):
                self._keep(replace(alert, decision=Decision.PARKED, reason=reason), current)
            case _:
                self._open(alert, noun, current, now)

    def _open(self, alert: Known, noun: Alert, current: _Round, now: datetime) -> None:
        end = now if alert.incident else window_end(alert.starts_at, now)
        window = Window(end - self._catalog.model(alert.model).windows.incident, end)
        try:
            receipt = self._desk.receive(
                noun, self._catalog, playbook=alert.playbook, window=window, resolved=not alert.firing
            )
        except (NotFound, ConfigError) as error:
            reason = f"its playbook can't be run: {error.message.splitlines()[0]}"
            self._keep(replace(alert, decision=Decision.PARKED, reason=reason), current)
            return
        self._figures.incidents.labels(alert.model).inc()
        self._keep(replace(alert, decision=Decision.STARTED, reason="", incident=receipt.incident), current)

    def _resolved(self, alert: Known, current: _Round, now: datetime) -> None:
        """A resolved alert changes nothing by itself. One that waited and calls the model stale goes on waiting: no run
        has looked yet, and an alert is resolved as well when its series are gone. An incident without an alert that
        fires is told."""
        if alert.decision in (Decision.PARKED, Decision.UNKNOWN):
            self._decide(alert, current, now)
            return
        if alert.decision is Decision.HELD and (alert.incident or not self._marks_stale(alert.playbook, current)):
            self._over(alert, current)  # its run was, or it never called the model stale
            return
        current.keep(alert)
        self._log("resolved", alert=alert.name, model=alert.model, incident=alert.incident)
        if alert.incident and not self._fires(alert.incident, current):
            cleared = self._desk.clear(alert.incident)
            if cleared.cleared_at is not None:
                self._log("cleared", incident=alert.incident, model=alert.model, recheck=cleared.cleared)

    def _returned(self, alert: Known, current: _Round, now: datetime) -> None:
        if alert.decision in (Decision.OVER, Decision.PARKED, Decision.UNKNOWN):
            self._decide(alert, current, now)
            return
        current.keep(alert)
        self._log("fires_again", alert=alert.name, model=alert.model, incident=alert.incident)
        if alert.incident:
            self._desk.unclear(alert.incident)

    def _over(self, alert: Known, current: _Round) -> None:
        reason = f"resolved before a run started ({alert.reason})" if alert.reason else "resolved before a run started"
        self._keep(replace(alert, decision=Decision.OVER, reason=reason, due_at=None), current)

    def _marks_stale(self, playbook: str, current: _Round) -> bool:
        """Whether a run of ``playbook`` calls the model stale; one that can't be read is taken to."""
        if playbook not in current.marking:
            try:
                current.marking[playbook] = self._desk.marks_stale(self._catalog, playbook)
            except (NotFound, ConfigError):
                current.marking[playbook] = True
        return current.marking[playbook]

    def _fires(self, incident: str, current: _Round) -> bool:
        of_it = {alert.key: alert for alert in self._inbox.of_incident(incident)}
        of_it |= {key: alert for key, alert in current.alerts.items() if alert.incident == incident}
        return any(alert.firing for alert in of_it.values())

    def _keep(self, alert: Known, current: _Round) -> None:
        before = current.alerts.get(alert.key)
        current.keep(alert)
        if before is not None and (before.decision, before.reason) == (alert.decision, alert.reason):
            return
        self._count(alert.decision)
        self._log(
            "alert",
            alert=alert.name,
            model=alert.model,
            decision=alert.decision,
            incident=alert.incident,
            reason=alert.reason,
            starts_at=alert.starts_at,
        )

    def _count(self, decision: Decision) -> None:
        self._figures.alerts.labels(decision.value).inc()


def _first_seen(incoming: Incoming, waiting: Waiting) -> Known:
    return Known(
        key=incoming.key,
        group_key=incoming.group_key,
        fingerprint=incoming.fingerprint,
        name=incoming.name,
        origin=waiting.origin,
        starts_at=incoming.starts_at,
        firing=incoming.firing,
        labels=incoming.labels,
        summary=incoming.summary,
        model="",
        playbook="",
        decision=Decision.UNKNOWN,
        reason="",
        incident="",
        due_at=None,
        first_seen=waiting.received_at,
        last_seen=waiting.received_at,
        deliveries=1,
    )


def _noun(alert: Known) -> Alert:
    """The alert as the journal has it. One that goes on after an incident is another firing: its run is another run."""
    after = f"after {alert.incident}" if alert.incident else ""
    return Alert(
        name=alert.name or "unnamed",
        model=alert.model,
        starts_at=alert.starts_at,
        summary=f"{alert.summary} (fires on {after} ended)".strip() if after else alert.summary,
        labels=alert.labels,
        fingerprint=f"{alert.fingerprint} {after}".strip(),
        origin=alert.origin,
    )
