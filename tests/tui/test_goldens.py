"""The screens as they look, as text at three sizes and in colour per theme.

``UPDATE_GOLDENS=1 pytest tests/tui/test_goldens.py`` writes them anew; read the difference before it is committed.
"""

import os
from pathlib import Path

import pytest

from tests.tui.prevented import told
from tests.tui.released import canary_under_way
from tests.tui.world import app, press, screen_text, settle, standard, waiting

GOLDENS = Path(__file__).with_name("goldens")
SIZES = ((80, 24), (60, 20), (200, 60))
SCREENS = {
    "queue": (),
    "incident": ("enter",),
    "timeline": ("enter", "t"),
    "feature": ("enter", "f"),
    "report": ("enter", "o"),
    "prevention": ("enter", "w"),
    "help": ("question_mark",),
}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", SCREENS)
async def test_a_screen_reads_as_it_did(tmp_path: Path, name: str, size: tuple[int, int]) -> None:
    async with app(told(standard(tmp_path))).run_test(size=size) as pilot:
        await settle(pilot)
        await press(pilot, *SCREENS[name])
        _compare(f"{name}-{size[0]}x{size[1]}.txt", screen_text(pilot))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", ["plan", "approve", "canary"])
async def test_a_decision_and_a_canary_read_as_they_did(tmp_path: Path, name: str, size: tuple[int, int]) -> None:
    if name == "canary":
        canary_under_way(tmp_path)
    else:
        waiting(tmp_path)
    async with app(tmp_path).run_test(size=size) as pilot:
        await settle(pilot)
        await press(pilot, "enter", "p", *{"plan": (), "approve": ("a",), "canary": ("enter",)}[name])
        _compare(f"{name}-{size[0]}x{size[1]}.txt", screen_text(pilot))


@pytest.mark.parametrize("look", ["dark", "light", "ansi"])
async def test_a_theme_looks_as_it_did(tmp_path: Path, look: str) -> None:
    async with app(standard(tmp_path), look).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "enter")
        _compare(f"incident-{look}.svg", pilot.app.export_screenshot())


@pytest.mark.parametrize("look", ["dark", "light", "ansi"])
async def test_a_theme_shows_a_canary_as_it_did(tmp_path: Path, look: str) -> None:
    canary_under_way(tmp_path)
    async with app(tmp_path, look).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "enter", "p", "enter")
        _compare(f"canary-{look}.svg", pilot.app.export_screenshot())


def _compare(name: str, seen: str) -> None:
    golden = GOLDENS / name
    if os.environ.get("UPDATE_GOLDENS"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(seen, encoding="utf-8")
    assert seen == golden.read_text(encoding="utf-8")
