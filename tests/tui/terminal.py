"""A real terminal for tests: tmux, its keys, and what it shows."""

import itertools
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

TMUX = shutil.which("tmux")
needs_tmux = pytest.mark.skipif(TMUX is None, reason="no tmux here: install it to see the app in a real terminal")
PATIENCE_SECONDS = 120
_MOMENT_SECONDS = 0.4
_NUMBERS = itertools.count()


class Terminal:
    """One tmux server with one window; its socket is its own, and no server's before it, which may still be ending."""

    def __init__(self, folder: Path, command: str, size: tuple[int, int] = (80, 24), **environment: str) -> None:
        self._socket = str(folder / f"tmux.{next(_NUMBERS)}")
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
        """Press ``keys`` as a person does, a moment after what was to be seen is there."""
        time.sleep(_MOMENT_SECONDS)
        self._run("send-keys", *keys)

    def coloured(self) -> str:
        """The screen with its escape sequences."""
        return self._run("capture-pane", "-p", "-e")

    def resize(self, width: int, height: int) -> None:
        self._run("resize-window", "-x", str(width), "-y", str(height))

    def screen(self) -> str:
        return self._run("capture-pane", "-p")

    def shows(self, *words: str, within: float = PATIENCE_SECONDS) -> str:
        """The screen, once it shows all of ``words``; gives up after ``within`` seconds."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            seen = self.screen()
            if all(word in seen for word in words):
                return seen
            time.sleep(0.1)
        raise AssertionError(f"{words} never appeared; the screen is\n{self.screen()}")

    def rests(self) -> None:
        """Wait until half a second has changed nothing on the screen: what was pressed is done."""
        before = ""
        while (seen := self.screen()) != before:
            before = seen
            time.sleep(0.5)

    def close(self) -> None:
        self._run("kill-server")
