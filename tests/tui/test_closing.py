import gc
from pathlib import Path

from textual.strip import Strip

from tests.tui.world import app, press, settle, standard

VISIT = ("enter", "f", "escape", "question_mark", "escape", "escape")
"""Open an incident, one of its features and its help, and close all of them."""


async def test_screens_that_were_closed_leave_no_lines_behind(tmp_path: Path) -> None:
    async with app(standard(tmp_path)).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        alive = []
        for _ in range(6):
            await press(pilot, *VISIT)
            gc.collect()
            alive.append(sum(type(thing) is Strip for thing in gc.get_objects()))
        assert min(alive[3:]) <= max(alive[:3]), "the last screen's may still be there, but not all that were"
