"""A desk, an inbox and a reception in a folder, on a clock that a test moves."""

import io
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from tests.light_world import CATALOG, World, world
from triage.adapters.memory import MemoryClock
from triage.catalog import Catalog
from triage.desk import Desk
from triage.journal import Entry
from triage.webhook.figures import Figures
from triage.webhook.inbox import INBOX, Inbox, Known
from triage.webhook.log import Log
from triage.webhook.reception import Complete, Reception

NOW = datetime(2026, 11, 4, 0, 1, tzinfo=UTC)
TWO_MODELS = CATALOG + CATALOG.partition("models:\n")[2].replace("  shop:", "  fraud:", 1)


@dataclass(slots=True)
class Hub:
    home: Path
    clock: MemoryClock
    catalog: Catalog
    desk: Desk
    inbox: Inbox
    figures: Figures
    reception: Reception
    log: io.StringIO

    def deliver(self, *bodies: bytes, origin: str = "alertmanager") -> None:
        """Put deliveries into the inbox and work until nothing waits."""
        self.inbox.put([(self.clock.now(), origin, "127.0.0.1", body) for body in bodies])
        self.work()

    def work(self) -> None:
        while self.reception.work():
            continue

    def later(self, hours: float) -> None:
        self.clock.sleep(hours * 3600)
        self.work()

    def alerts(self) -> dict[str, Known]:
        """By name and instance."""
        return {f"{one.name} {one.labels.get('instance', '')}".strip(): one for one in self.inbox.alerts(100_000)}

    def end(self, incident: str, state: str = "closed") -> None:
        self.desk.journal.append(incident, [Entry("state_changed", {"state": state, "reason": "as the test says"})])


@cache
def _world() -> World:
    return world(per_hour=2)


def hub(
    home: Path,
    serve: str = "",
    *,
    catalog: str = CATALOG,
    complete: Complete | None = None,
    lived: World | None = None,
    now: datetime = NOW,
) -> Hub:
    """Open, or open again, what is in ``home``."""
    clock = MemoryClock(now)
    read = Catalog.parse(catalog + serve, "triage.yaml", home)
    lived = lived or _world()
    desk = Desk(home, clock, lived.connect)
    inbox = Inbox(home / INBOX)
    figures, said = Figures(), io.StringIO()
    reception = Reception(desk, inbox, read, clock, log=Log(said), figures=figures, complete=complete)
    return Hub(home, clock, read, desk, inbox, figures, reception, said)
