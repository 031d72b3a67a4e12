from dataclasses import replace
from pathlib import Path

from tests.report import sample
from tests.tui.world import StillClock, _connect, write
from triage.desk import Desk
from triage.incident import fold
from triage.journal import Entry
from tui.following import Follower


def test_following_reads_what_is_new_and_tells_what_the_whole_journal_tells(tmp_path: Path) -> None:
    told = sample.events()
    name = write(tmp_path, "recommender", told[:3])
    desk = Desk(tmp_path, StillClock(), _connect)
    follow = Follower(name)
    first = follow(desk)
    for event in told[3:]:
        desk.journal.append(name, [Entry(event.kind, event.data)])
        seen = follow(desk)
        assert seen.incident == fold(desk.events(name))
        assert seen.events == desk.events(name)
    again = follow(desk, "process 7 starts")
    assert again.report is seen.report
    assert replace(again, executor="") == replace(seen, executor="")
    assert again.executor == "process 7 starts"
    assert first.incident.length == 3
