from collections import Counter
from pathlib import Path

import pytest

from tests.light_world import ALERT, world
from triage.incident import Event
from triage.journal import Journal


def test_an_event_is_not_read_again_at_every_step_that_follows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: Counter[int] = Counter()
    rows = Journal._rows

    def counted(journal: Journal, query: str, values: tuple[object, ...]) -> tuple[Event, ...]:
        found: tuple[Event, ...] = rows(journal, query, values)
        read.update(event.seq for event in found)
        return found

    made = world(1)
    desk = made.desk(tmp_path)
    incident = desk.receive(ALERT, made.catalog(tmp_path)).incident
    monkeypatch.setattr(Journal, "_rows", counted)
    advanced = desk.advance(incident)
    assert advanced.length > 20
    assert max(read.values()) < 6
    assert advanced == desk.incident(incident)
