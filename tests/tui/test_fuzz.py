"""Random keys and resizes: whatever is pressed, nothing falls over. TRIAGE_FUZZ_STEPS sets how many.

The whole of it: ``TRIAGE_FUZZ_STEPS=10000 python -m pytest tests/tui/test_fuzz.py``.
"""

import os
import random
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.report import sample
from tests.report.hostile import HOSTILE_CHANGES
from tests.tui.released import canary_under_way
from tests.tui.world import app, settle, standard, write
from triage.starter import init_text
from tui.app import TriageApp
from tui.commands import Palette
from tui.execution import Executor, Run

STEPS = int(os.environ.get("TRIAGE_FUZZ_STEPS", "500"))
SEED = int(os.environ.get("TRIAGE_FUZZ_SEED", "20261123"))
KEYS = (
    *("up", "down", "left", "right", "enter", "enter", "escape", "tab", "shift+tab"),
    *("pageup", "pagedown", "home", "end", "space", "backspace", "slash", "question_mark"),
    *"ectpfovnlyYrRxaABiudwjkgGTq1[",
    *("ctrl+p", "ctrl+s"),
)
SIZES = ((80, 24), (60, 20), (200, 60), (40, 10), (20, 5), (131, 33), (76, 23))


class NoProcesses(Executor):
    """Starts none: what would be started has ended already."""

    def launch(self, name: str, words: Sequence[str]) -> Run:
        return Run(name, cast("object", SimpleNamespace(pid=1, poll=lambda: 0, returncode=0)), Path(os.devnull))  # type: ignore[arg-type]


class Stubborn(TriageApp):
    """Does not close."""

    def action_leave(self) -> None:
        pass


@pytest.mark.timeout(1500)
async def test_no_keys_or_resizes_make_it_fall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    home = standard(tmp_path / "home")
    (home / "triage.yaml").write_text(init_text())
    write(home, "hostile", sample.events(**HOSTILE_CHANGES))
    canary_under_way(home)
    pick = random.Random(SEED)
    tried = app(home)
    tried.__class__ = Stubborn
    tried.executor = NoProcesses(home)
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
