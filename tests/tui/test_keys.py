from pathlib import Path

import pytest

from tests.tui.world import app, press, settle, standard
from triage.errors import ConfigError
from tui.keys import load, named, starter
from tui.screens.incident import IncidentScreen


def test_every_key_of_every_screen_has_a_name() -> None:
    names = set(named())
    assert {"queue.filter", "incident.report", "remedy.approve", "lab.inject", "list.down", "any.back"} <= names


def test_the_starter_changes_nothing_until_a_mark_is_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    path.write_text(starter())
    assert load(path) == {}
    path.write_text(starter().replace("# queue.view: v ", "queue.view: ctrl+v "))
    assert load(path) == {"queue.view": "ctrl+v"}
    assert load(tmp_path / "none.yaml") == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("queue.vew: v", "did you mean 'queue.view'"),
        ("queue.view: [v]", "is no key"),
        ("queue.view: ''", "is no key"),
        ("- a", "keys.yaml"),
        (": :", "keys.yaml"),
    ],
)
def test_faults_name_their_line_and_what_to_do(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "keys.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=told.replace("?", r"\?")):
        load(path)


async def test_a_users_own_key_works_and_help_names_it(tmp_path: Path) -> None:
    keys = tmp_path / "keys.yaml"
    keys.write_text("list.open: ctrl+o\nincident.report: f5\n")
    async with app(standard(tmp_path / "home"), keys=keys).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "ctrl+o")
        screen = pilot.app.screen
        assert isinstance(screen, IncidentScreen)
        assert ("f5", "Report") in screen.own_keys()


async def test_faulty_keys_are_told_and_the_app_opens_with_its_own(tmp_path: Path) -> None:
    keys = tmp_path / "keys.yaml"
    keys.write_text("queue.vew: v\n")
    async with app(standard(tmp_path / "home"), keys=keys).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "queue.view" in "".join(item.message for item in pilot.app._notifications)
        await press(pilot, "enter")
        assert isinstance(pilot.app.screen, IncidentScreen)
