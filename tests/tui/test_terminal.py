"""The real app in a real terminal: the command, the process, the keys and the screen that tmux sees."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tui.world import standard

TMUX = shutil.which("tmux")
pytestmark = pytest.mark.skipif(TMUX is None, reason="no tmux here: install it to see the app in a real terminal")
PATIENCE_SECONDS = 120


class Terminal:
    """One tmux server with one window; its socket is its own."""

    def __init__(self, folder: Path, command: str, size: tuple[int, int] = (80, 24), **environment: str) -> None:
        self._socket = str(folder / "tmux.socket")
        self._run(
            *("-f", os.devnull, "new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), command),
            **{**os.environ, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", **environment},
        )

    def _run(self, *words: str, **environment: str) -> str:
        done = subprocess.run(
            [str(TMUX), "-u", "-S", self._socket, *words], capture_output=True, text=True, env=environment or None
        )
        return done.stdout

    def press(self, *keys: str) -> None:
        self._run("send-keys", *keys)

    def resize(self, width: int, height: int) -> None:
        self._run("resize-window", "-x", str(width), "-y", str(height))

    def screen(self) -> str:
        return self._run("capture-pane", "-p")

    def shows(self, *words: str) -> str:
        """The screen, once it shows all of ``words``."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            seen = self.screen()
            if all(word in seen for word in words):
                return seen
            time.sleep(0.1)
        raise AssertionError(f"{words} never appeared; the screen is\n{self.screen()}")

    def close(self) -> None:
        self._run("kill-server")


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
        coloured = opened._run("capture-pane", "-p", "-e")
        assert not any(f"\x1b[38;2;{red}" in coloured for red in ("247;118", "158;206", "224;175"))
    finally:
        opened.close()
