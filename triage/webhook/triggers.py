"""What starts a run without anybody's alert: a schedule, drift, or the model's performance.

A trigger delivers to the same inbox as everybody else, under a name and a moment that are the same however often it is
asked, so that restarts, a second server and `triage trigger` from cron come to one run.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from triage.catalog import Trigger
from triage.codec import format_time, parse_time
from triage.errors import JournalError, TriageError
from triage.incident import Alert, Window
from triage.ports import Clock, Metrics
from triage.webhook.inbox import Inbox
from triage.webhook.log import Log
from triage.webhook.payload import alert_key

NAMES = {"schedule": "ScheduledRetraining", "drift": "DriftTrigger", "performance": "PerformanceTrigger"}
_STEP_SECONDS = 30.0
_POINTS = 4


def slot(trigger: Trigger, now: datetime) -> datetime:
    """The moment of a schedule that was reached last.

    >>> weekly = Trigger(name="weekly", model="shop", on="schedule", every="7d", since="2026-11-02T03:00:00Z")
    >>> format_time(slot(weekly, parse_time("2026-11-25T13:00:00Z")))
    '2026-11-23T03:00:00Z'
    """
    since = parse_time(trigger.since)
    return since + ((now - since) // trigger.every) * trigger.every


def alert_of(trigger: Trigger, starts_at: datetime) -> Alert:
    """The alert that the trigger stands for, begun at ``starts_at``."""
    return Alert(
        name=NAMES[trigger.on],
        model=trigger.model,
        starts_at=starts_at,
        summary=_summary(trigger),
        labels=_labels(trigger),
        fingerprint=f"trigger-{trigger.name}",
        origin=trigger.on,
    )


def holds(trigger: Trigger, metrics: Metrics, now: datetime) -> bool:
    """Whether the query of a trigger has a value now. Raises SourceUnavailable."""
    assert trigger.query is not None
    window = Window(now - timedelta(seconds=_STEP_SECONDS * _POINTS), now)
    found = metrics.range(trigger.query, window, _STEP_SECONDS)
    return any(series.values.size and np.isfinite(series.values[-2:]).any() for series in found.series)


@dataclass(slots=True)
class Triggers:
    """Used by one thread. What a trigger has seen is kept in the inbox under its name."""

    triggers: Sequence[Trigger]
    metrics: Metrics
    inbox: Inbox
    clock: Clock
    log: Log
    _asked: dict[str, datetime] = field(default_factory=dict)

    def tick(self) -> None:
        """Ask every trigger whose time has come. Raises JournalError."""
        now = self.clock.now().replace(microsecond=0)
        for trigger in self.triggers:
            if trigger.on == "schedule":
                self._scheduled(trigger, now)
            elif now - self._asked.get(trigger.name, now - trigger.every) >= trigger.every:
                self._asked[trigger.name] = now
                self._asked_for(trigger, now)

    def _scheduled(self, trigger: Trigger, now: datetime) -> None:
        reached, mark = format_time(slot(trigger, now)), f"trigger/{trigger.name}"
        before = self.inbox.mark(mark)
        if before == reached:
            return
        if before:  # a schedule that is new here begins with its next moment
            self._deliver(trigger, slot(trigger, now), now, firing=True)
        self.inbox.set_mark(mark, reached)

    def _asked_for(self, trigger: Trigger, now: datetime) -> None:
        try:
            self.ask(trigger, now)
        except JournalError:
            raise
        except TriageError as error:
            self.log.warning("trigger_not_asked", trigger=trigger.name, reason=error.message)

    def ask(self, trigger: Trigger, now: datetime) -> datetime | None:
        """Ask the query of ``trigger``, and deliver what follows; since when it holds, or None.

        Raises JournalError, and what the metrics raise: what was not measured is neither so nor not so.
        """
        mark = f"trigger/{trigger.name}"
        since, _, sent = self.inbox.mark(mark).partition(" ")
        so = holds(trigger, self.metrics, now)
        if so and not since:
            since = format_time(now)
            self.inbox.set_mark(mark, since)
        if so and not sent and now - parse_time(since) >= trigger.lasts:
            self._deliver(trigger, parse_time(since), now, firing=True)
            self.inbox.set_mark(mark, f"{since} sent")
        elif not so and since:
            if sent:
                self._deliver(trigger, parse_time(since), now, firing=False)
            self.inbox.set_mark(mark, "")
        return parse_time(since) if so else None

    def _deliver(self, trigger: Trigger, starts_at: datetime, now: datetime, *, firing: bool) -> None:
        self.log("trigger", trigger=trigger.name, model=trigger.model, on=trigger.on, firing=firing)
        self.inbox.put([(now, trigger.on, "", delivery_of(trigger, starts_at, firing=firing))])


def delivery_of(trigger: Trigger, starts_at: datetime, *, firing: bool) -> bytes:
    """What the trigger delivers, in the form in which alerts come."""
    alert = {
        "status": "firing" if firing else "resolved",
        "labels": _labels(trigger),
        "annotations": {"summary": _summary(trigger)},
        "startsAt": format_time(starts_at),
        "fingerprint": f"trigger-{trigger.name}",
    }
    return json.dumps({"groupKey": _group(trigger), "alerts": [alert]}).encode()


def key_of(trigger: Trigger, starts_at: datetime) -> str:
    """The key under which the inbox has what the trigger delivered."""
    return alert_key(_group(trigger), f"trigger-{trigger.name}", starts_at)


def _group(trigger: Trigger) -> str:
    return f"trigger/{trigger.name}"


def _labels(trigger: Trigger) -> dict[str, str]:
    return {"alertname": NAMES[trigger.on], "trigger": trigger.name}


def _summary(trigger: Trigger) -> str:
    return f"{trigger.name}: {trigger.query}" if trigger.query else f"{trigger.name}: its time has come"
