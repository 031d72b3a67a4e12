"""The rules of an incident, as a person reads and decides on them."""

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Button

from tests.tui.prevented import TWO_RULES, told
from tests.tui.world import app, press, screen_text, settle, sheet, standard
from triage.journal import Entry
from triage.prevention.record import INTENT, OUTCOME
from tui.draw.prevention import Preview
from tui.screens import prevention
from tui.screens.decide import Decide
from tui.screens.incident import IncidentScreen
from tui.screens.prevention import PreventionScreen

DIFF = "--- /dev/null\n+++ b/triage-recommender.yml\n@@ -0,0 +1 @@\n+  - alert: Drift\n"


def _launched(pilot: Pilot[None]) -> list[tuple[str, ...]]:
    words: list[tuple[str, ...]] = []
    pilot.app.executor.launch = lambda name, said: words.append(said)  # type: ignore[attr-defined]
    return words


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (200, 60)])
async def test_each_rule_says_what_it_would_have_done(tmp_path: Path, size: tuple[int, int]) -> None:
    home = told(standard(tmp_path))
    async with app(home).run_test(size=size) as pilot:
        await settle(pilot)
        await press(pilot, "enter", "w")
        assert isinstance(pilot.app.screen, PreventionScreen)
        words = " ".join(sheet(pilot, "rules").words.split())
        assert "fires 31 h earlier, 0 false alarms in 14 d" in words
        assert "psi/[b]user_age" in words
        assert "proposed, not written" in screen_text(pilot)
        await press(pilot, "enter")
        assert "three times the worst healthy window" in " ".join(sheet(pilot, "rule").words.split())
        await press(pilot, "escape", "escape")
        assert isinstance(pilot.app.screen, IncidentScreen)


@pytest.mark.parametrize("key", ["c", "d"])
async def test_the_change_is_shown_as_a_diff_and_written_by_a_process_after_a_yes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setattr(prevention, "_previewed", lambda desk, incident: Preview(TWO_RULES, DIFF))
    async with app(standard(tmp_path)).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        words = _launched(pilot)
        await press(pilot, "enter", "w")
        assert "c computes and backtests them" in sheet(pilot, "rules").words
        await press(pilot, key)
        assert "+  - alert: Drift" in sheet(pilot, "rule").words
        await press(pilot, "a")
        dialog = pilot.app.screen
        assert isinstance(dialog, Decide)
        assert pilot.app.focused is dialog.query_one("#cancel", Button)
        await press(pilot, "enter")
        assert words == []
        await press(pilot, "a", "tab", "enter")
        assert words == [("rules", "apply", "recommender-1", "--digest", "cd" * 6)]


async def test_what_was_written_is_taken_back_as_it_was_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prevention, "_taken_back", lambda desk, incident: (DIFF, "sha256:" + "ef" * 32))
    intent = Entry(INTENT, {"action": "apply", "by": "ann", "digest": "x", "before": {}, "after": {}})
    done = Entry(OUTCOME, {"action": "apply", "outcome": "done", "words": "loaded", "where": "/rules", "loaded": True})
    home = told(standard(tmp_path), intent, done)
    async with app(home).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        words = _launched(pilot)
        await press(pilot, "enter", "w")
        assert "written in /rules, by ann" in screen_text(pilot)
        await press(pilot, "x")
        assert isinstance(pilot.app.screen, Decide)
        assert "+  - alert: Drift" in screen_text(pilot)
        await press(pilot, "tab", "enter")
        assert words == [("rules", "revert", "recommender-1", "--digest", "ef" * 6)]
