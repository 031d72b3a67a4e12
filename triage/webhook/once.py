"""A trigger with a query asked once, for cron: what the server would do about it, done here where no server runs."""

import io
from typing import NamedTuple

from triage.catalog import Catalog, Trigger
from triage.desk import Desk
from triage.errors import UsageError
from triage.numbers import span
from triage.ports import Clock, Metrics
from triage.webhook.figures import Figures
from triage.webhook.inbox import INBOX, Decision, Inbox
from triage.webhook.log import Log
from triage.webhook.reception import Reception
from triage.webhook.server import only_one
from triage.webhook.triggers import Triggers, key_of


class Asked(NamedTuple):
    """What came of asking: the incident that it started or belongs to, if any, and whether it was opened now."""

    reason: str
    incident: str = ""
    opened: bool = False


def ask_once(trigger: Trigger, desk: Desk, catalog: Catalog, metrics: Metrics, clock: Clock) -> Asked:
    """Ask the query of ``trigger``, and take in what waits in the inbox of this home, unless a server does.

    What was seen is kept in the inbox, so that `lasts` counts from call to call, together with a server's own asking.
    Raises JournalError, and what the metrics raise.
    """
    inbox, quiet = Inbox(desk.home / INBOX, catalog.serve.limits.inbox_mib), Log(io.StringIO())
    try:
        now = clock.now().replace(microsecond=0)
        since = Triggers((trigger,), metrics, inbox, clock, quiet).ask(trigger, now)
        before = {one.id for one in desk.incidents(None, trigger.model)}
        served = _take_in(desk, inbox, catalog, clock, quiet)
        opened = next((one.id for one in desk.incidents(None, trigger.model) if one.id not in before), "")
        if opened:  # for it, or for what was held of its model
            return Asked("", opened, opened=True)
        if since is None:
            return Asked("its query has no value now; nothing to do")
        if now - since < trigger.lasts:
            left = span((trigger.lasts - (now - since)).total_seconds())
            return Asked(f"its query holds since {since:%Y-%m-%d %H:%M} UTC; a run starts if it does for {left} more")
        key = key_of(trigger, since)
        known = inbox.known([key]).get(key)
        if known is None:
            return Asked("it was delivered to the 'triage serve' of this home" if served else "it waits in the inbox")
        if known.decision is not Decision.STARTED:
            return Asked(known.reason, known.incident)
        return Asked(f"{known.incident} was started for it already", known.incident)
    finally:
        inbox.close()


def _take_in(desk: Desk, inbox: Inbox, catalog: Catalog, clock: Clock, log: Log) -> bool:
    """Decide on what waits; whether a server does that instead."""
    try:
        alone = only_one(desk.home)
    except UsageError:
        return True
    with alone:
        reception = Reception(desk, inbox, catalog, clock, log=log, figures=Figures())
        while reception.work():
            continue
    return False
