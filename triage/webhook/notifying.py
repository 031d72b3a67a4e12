"""Tells people what they are owed, a bounded number of times; never in the way of a run.

Sent first and written down after: a notice that was sent by a process which then died is sent again, under the same id.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from triage.catalog import Channel
from triage.codec import parse_time
from triage.desk import Desk
from triage.errors import JournalError, Refused, TriageError
from triage.incident import Incident
from triage.ports import Clock, Notifier
from triage.report.redaction import HIDDEN
from triage.webhook.figures import Figures
from triage.webhook.log import Log
from triage.webhook.notices import Owed, owed

MOST_TRIES = 6
_FIRST_WAIT = timedelta(seconds=2)
_NEWEST = 200


class Notifying:
    """Used by one thread. Tells of incidents of ``models`` whose state changed after ``since``."""

    def __init__(
        self,
        desk: Desk,
        channels: Sequence[Channel],
        notifiers: Mapping[str, Notifier],
        models: Collection[str],
        clock: Clock,
        since: datetime,
        *,
        open_with: str,
        log: Log,
        figures: Figures,
    ) -> None:
        self._desk = desk
        self._channels = channels
        self._notifiers = notifiers
        self._models = models
        self._clock = clock
        self._since = since
        self._open_with = open_with
        self._log = log
        self._figures = figures
        self._tries: dict[str, tuple[int, datetime]] = {}
        self._seen: dict[str, str] = {}

    def tick(self) -> bool:
        """Send what is owed now. Whether something is left to be tried again. Raises JournalError."""
        left = False
        for summary in self._desk.incidents(_NEWEST) if self._channels else ():
            if summary.model not in self._models or self._seen.get(summary.id) == summary.updated:
                continue
            if parse_time(summary.updated) < self._since:
                continue
            incident, events = self._desk.incident(summary.id), self._desk.events(summary.id)
            told = partial(self._told, incident)
            due = owed(incident, events, self._channels, self._open_with, self._since, told)
            waits = [self._send(one) for one in due]
            left = left or any(waits)
            if not due:
                self._seen[summary.id] = summary.updated
        return left

    def _told(self, incident: Incident) -> Incident:
        """``incident`` without what its catalogue wants hidden; where that can't be worked out, nothing of it."""
        try:
            return self._desk.told(incident.id)[0]
        except JournalError:
            raise
        except Exception as error:  # one that can't be told of keeps nobody from being told of the others
            self._figures.troubles.labels("notices").inc()
            self._log.error("not_redacted", incident=incident.id, reason=f"{type(error).__name__}: {error}")
            alert = replace(incident.alert, name=HIDDEN, summary="")
            return replace(incident, alert=alert, diagnosis=None, state_reason=HIDDEN)

    def _send(self, one: Owed) -> bool:
        """Try one notice, if its time has come. Whether it has to be tried again."""
        notice, name = one.notice, one.channel.name
        now = self._clock.now()
        tries, again = self._tries.get(notice.id, (0, now))
        if now < again:
            return True
        said: dict[str, object] = {"channel": name, "of": notice.of, "moment": notice.moment, "id": notice.id}
        try:
            self._notifiers[name].send(notice)
        except JournalError:
            raise
        except TriageError as error:
            tries += 1
            self._figures.notices.labels(name, "failed").inc()
            self._log.warning("not_notified", incident=notice.incident, channel=name, reason=error.message, tries=tries)
            if tries < MOST_TRIES and not isinstance(error, Refused):
                self._tries[notice.id] = (tries, now + _FIRST_WAIT * 4 ** (tries - 1))
                return True
            self._desk.record(notice.incident, "not_notified", {**said, "reason": error.message})
        else:
            self._figures.notices.labels(name, "sent").inc()
            self._log("notified", incident=notice.incident, channel=name, moment=notice.moment)
            self._desk.record(notice.incident, "notified", said)
        self._tries.pop(notice.id, None)
        return False
