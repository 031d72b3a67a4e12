"""The last line: which keys it shows where not all of them fit, and that they are buttons."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tui.released import canary_under_way
from tests.tui.world import app, press, screen_text, settle, standard
from tui.screens.live import Live
from tui.screens.playbooks import PlaybooksScreen
from tui.widgets.keybar import Key, Keys, placed

KEYS = st.lists(
    st.builds(Key, st.just("x"), st.sampled_from("abc"), st.text("wrtü", min_size=1, max_size=12), st.booleans()),
    max_size=9,
)


@given(KEYS, KEYS, st.integers(1, 200))
def test_what_is_shown_fits_and_what_can_not_be_done_gives_way_first(
    own: list[Key], always: list[Key], width: int
) -> None:
    own = [key._replace(key=str(place)) for place, key in enumerate(own)]
    found = placed(own, always, width)
    kept = [one.key for one in found[: len(found) - len(always)]]
    assert [one.key for one in found[len(kept) :]] == always
    assert kept == [key for key in own if key in kept]
    if kept:
        assert found[-1].column + found[-1].key.width <= width
        assert all(after.column > before.column + before.key.width for before, after in pairwise(found))
    if any(not key.enabled for key in kept):
        assert all(key in kept for key in own if key.enabled)


WAYS = {
    "queue": (),
    "incident": ("enter",),
    "plan": ("enter", "p"),
    "prevention": ("enter", "w"),
    "report": ("enter", "o"),
}


@pytest.mark.parametrize("name", WAYS)
async def test_every_key_that_does_something_fits_at_80_columns(tmp_path: Path, name: str) -> None:
    canary_under_way(tmp_path)
    async with app(tmp_path).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, *WAYS[name])
        screen = pilot.app.screen
        last = screen_text(pilot).splitlines()[-1]
        for _, binding, enabled, _ in screen.active_bindings.values():
            if binding.show and enabled:
                assert f"{pilot.app.get_key_display(binding)} {binding.description}" in last


@pytest.mark.parametrize("name", WAYS)
async def test_at_60_columns_the_way_out_and_the_help_stay_and_no_key_is_cut(tmp_path: Path, name: str) -> None:
    standard(tmp_path)
    async with app(tmp_path).run_test(size=(60, 20)) as pilot:
        await settle(pilot)
        await press(pilot, *WAYS[name])
        last = screen_text(pilot).splitlines()[-1]
        assert last.endswith("? Help")
        assert len(last) <= 60
        assert name == "queue" or "esc Back" in last
        screen = pilot.app.screen
        assert isinstance(screen, Live)
        words = {key.words for _, key in screen.query_one(Keys).placed}
        assert all(word in last for word in words)


async def test_a_key_is_a_button(tmp_path: Path) -> None:
    async with app(standard(tmp_path)).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        column = screen_text(pilot).splitlines()[-1].index("Playbooks")
        await pilot.click("Keys", offset=(column, 0))
        await settle(pilot)
        assert isinstance(pilot.app.screen, PlaybooksScreen)
