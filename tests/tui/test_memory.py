from pathlib import Path

from tests.tui.world import app, press, settle, sheet, standard
from tui.memory import MOST, Memory


def test_filters_are_recalled_newest_first_and_each_once(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "screen.json")
    for words in ("a", "b", "a", "  "):
        memory.remember(words)
    assert Memory(tmp_path / "screen.json").filters == ("a", "b")
    for number in range(2 * MOST):
        memory.remember(str(number))
    assert len(Memory(tmp_path / "screen.json").filters) == MOST


def test_a_broken_or_missing_file_is_no_reason_to_complain(tmp_path: Path) -> None:
    path = tmp_path / "screen.json"
    for body in ("", "{", "[]", '{"filters": 3}', '{"filters": [1, null, "kept"]}'):
        path.write_text(body)
        assert Memory(path).filters in ((), ("kept",))
    Memory(tmp_path / "no" / "folder.json").remember("x")


async def test_up_in_the_filter_recalls_what_was_typed_in_an_earlier_session(tmp_path: Path) -> None:
    standard(tmp_path)
    async with app(tmp_path).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "slash", *"search", "enter")
    async with app(tmp_path).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "slash", "up")
        assert "search-1" in sheet(pilot, "incidents").words
        assert "fraud-1" not in sheet(pilot, "incidents").words
        await press(pilot, "down")
        assert "fraud-1" in sheet(pilot, "incidents").words
