"""The story by keys in a terminal of 80 × 24: real processes on a real desk, with MLflow, a training job and Envoy."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.standing import needs_envoy
from tests.release_killed import NAME, Story, shop, template
from tests.routed import Envoyed, envoyed
from tests.tui.kept_app import keep
from tests.tui.terminal import Terminal, needs_tmux

ROOT = Path(__file__).parent.parent.parent

pytestmark = [
    needs_tmux,
    needs_envoy,
    pytest.mark.timeout(600),
]


@pytest.fixture
def envoy(tmp_path: Path) -> Iterator[Envoyed]:
    opened = envoyed(tmp_path / "envoy")
    yield opened
    opened.stop()


def _app(folder: Path, home: Path) -> Terminal:
    command = f"cd {folder}; {sys.executable} -W ignore -m tests.tui.kept_app {home}; echo ended $?; sleep 600"
    return Terminal(folder, command, PYTHONPATH=str(ROOT), MLFLOW_DISABLE_TELEMETRY="true")


def _approve(terminal: Terminal) -> None:
    """Open the dialog, type the model's name where it is asked for, and go past Cancel to the button."""
    terminal.press("a")
    terminal.shows("Approve plan", "Cancel")
    terminal.rests()
    if "type the model's name" in terminal.screen():
        terminal.press("BTab")
        terminal.press("-l", "shop")
        terminal.rests()
        terminal.press("Tab")
    terminal.press("Tab")
    terminal.press("Enter")
    terminal.shows("✓ Plan")


def test_from_the_alert_to_recovered_by_keys_alone_while_the_app_is_closed_and_opened_again(
    tmp_path: Path, envoy: Envoyed
) -> None:
    home = tmp_path / "home"
    Story(shop(), home, template(tmp_path), envoy, 0.0).begin()
    keep(home, envoy)
    terminal = _app(tmp_path, home)
    try:
        terminal.shows("Open: 1 of 1", NAME)
        terminal.press("Enter")
        terminal.shows("Ladder", "not checked", "R Resume")
        terminal.press("R")
        terminal.shows("● feature drift  cause", "waiting for approval")
        terminal.press("c")
        terminal.shows("1 feature drift: place")
        terminal.press("p")
        terminal.shows("The way", "retrain", "waits for you")
        _approve(terminal)
        terminal.shows("waiting for approval", "✓ shadow", "waits for you")
        _approve(terminal)
        terminal.shows("canary", "challenger 2", "look")
        for _ in ("the plan", "the causes", "the incident"):
            terminal.press("Escape")
        terminal.shows("/ Filter")
        terminal.press("q")
        terminal.shows("These runs go on without it", NAME)
        terminal.press("Tab")
        terminal.press("Enter")
        assert "Traceback" not in terminal.shows("ended 0")
    finally:
        terminal.close()
    terminal = _app(tmp_path, home)
    try:
        terminal.shows("✓ closed", NAME)
        terminal.press("Enter")
        terminal.shows("Ladder", "✓ closed")
        terminal.press("p")
        told = terminal.shows("✓ canary", "✓ promotion", "✓ recovery")
        assert "recovered" in told
        terminal.press("w")
        terminal.shows("rules kept", "earlier")
        terminal.press("Escape")
        terminal.press("o")
        terminal.shows("Markdown", "x Export")
        terminal.press("x")
        terminal.shows("Write to")
        terminal.press("Enter")
        terminal.rests()
        terminal.press("Escape")
        terminal.shows("The way")
    finally:
        terminal.close()
    assert (tmp_path / f"{NAME}.md").read_text().startswith(f"# {NAME}")
    assert envoy.ask(20) == {"2": 20}
