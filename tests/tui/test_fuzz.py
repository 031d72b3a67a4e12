"""Random keys, clicks and resizes: whatever is pressed, nothing falls over. TRIAGE_FUZZ_STEPS sets how many."""

import os
import random
from pathlib import Path

import pytest

from tests.report import sample
from tests.report.hostile import HOSTILE_CHANGES
from tests.tui.world import app, settle, standard, write
from tui.app import TriageApp
from tui.commands import Palette

STEPS = int(os.environ.get("TRIAGE_FUZZ_STEPS", "600"))
KEYS = (
    *(
        "up",
        "down",
        "left",
        "right",
        "enter",
        "enter",
        "escape",
        "tab",
        "shift+tab",
        "pageup",
        "pagedown",
        "home",
        "end",
    ),
    *(
        "space",
        "backspace",
        "slash",
        "question_mark",
        "e",
        "c",
        "t",
        "p",
        "f",
        "o",
        "v",
        "n",
        "y",
        "Y",
        "r",
        "R",
        "x",
        "l",
    ),
    *("j", "k", "g", "G", "ctrl+p", "1", "["),
)
SIZES = ((80, 24), (60, 20), (200, 60), (40, 10), (20, 5), (131, 33), (76, 23))


class Stubborn(TriageApp):
    """Does not close, and starts no process."""

    def action_leave(self) -> None:
        pass

    def carry_on(self, incident: str) -> None:
        pass


@pytest.mark.timeout(1200)
async def test_no_keys_or_resizes_make_it_fall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    home = standard(tmp_path / "home")
    write(home, "hostile", sample.events(**HOSTILE_CHANGES))
    pick = random.Random(20261123)
    tried = app(home)
    tried.__class__ = Stubborn
    async with tried.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        for step in range(STEPS):
            if pick.random() < 0.02:
                await pilot.resize_terminal(*pick.choice(SIZES))
            else:
                tried.simulate_key(pick.choice(KEYS))
            if step % 10 == 0 or isinstance(
                tried.screen, Palette
            ):  # Textual's palette falls over keys that come faster
                await pilot.pause()
            assert tried.is_running
        await settle(pilot)
        assert tried._exception is None
