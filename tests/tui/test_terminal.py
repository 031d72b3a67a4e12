"""The real app in a real terminal: the command, the process, the keys and the screen that tmux sees."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tui.terminal import Terminal, needs_tmux
from tests.tui.world import standard

pytestmark = needs_tmux


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    home = standard(tmp_path / "home")
    opened = Terminal(tmp_path, f"{sys.executable} -m triage; echo ended $?; sleep 600", TRIAGE_HOME=str(home))
    yield opened
    opened.close()


def test_the_command_alone_opens_the_app_and_keys_lead_from_the_page_to_the_plan(terminal: Terminal) -> None:
    terminal.shows("Open: 3 of 4", "recommender-1")
    terminal.press("Enter")
    terminal.shows("Ladder", "user_location", "you are here")
    terminal.press("c")
    terminal.shows("78% of the drop")
    terminal.resize(60, 20)
    terminal.shows("78% of the drop")
    terminal.resize(80, 24)
    terminal.press("p")
    terminal.shows("The way", "Retrain recommender")
    terminal.press("Escape")
    terminal.shows("Causes")
    terminal.press("Escape")
    terminal.press("Escape")
    terminal.shows("Open: 3 of 4")
    terminal.press("q")
    assert "Traceback" not in terminal.shows("ended 0")


def test_without_colours_every_state_still_has_its_glyph_and_word(tmp_path: Path) -> None:
    home = standard(tmp_path / "home")
    opened = Terminal(tmp_path, f"{sys.executable} -m triage ui recommender-1", TRIAGE_HOME=str(home), NO_COLOR="1")
    try:
        opened.shows("● feature drift  cause", "○ infrastructure ruled out", "▲ needs a person")
        coloured = opened.coloured()
        assert not any(f"\x1b[38;2;{red}" in coloured for red in ("247;118", "158;206", "224;175"))
    finally:
        opened.close()
