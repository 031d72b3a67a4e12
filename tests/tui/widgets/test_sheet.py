"""The four drawn states of a panel."""

from textual.app import App, ComposeResult

from tui import theme
from tui.draw.lines import Span, text
from tui.widgets.sheet import Sheet


class OneSheet(App[None]):
    def get_theme_variable_defaults(self) -> dict[str, str]:
        return theme.DEFAULTS

    def compose(self) -> ComposeResult:
        yield Sheet("Panel", id="panel")


async def test_a_panel_is_loading_then_empty_then_in_error_then_filled_then_stale() -> None:
    async with OneSheet().run_test(size=(60, 12)) as pilot:
        await pilot.pause()
        panel = pilot.app.query_one(Sheet)
        assert "Loading" in panel.words
        panel.fail("the disk is away", "mount it")
        for told in ("✗ error: the disk is away", "mount it", "Press r to try again"):
            assert told in panel.words
        panel.fill([], "Nothing here.")
        assert panel.words.strip() == "Nothing here."
        panel.fill([text(Span("one"), "a"), text(Span("two"), "b")])
        panel.fail("the disk is away", "mount it", old="45s")
        assert "one" in panel.words
        assert "stale, 45s old: the disk is away" in str(panel.border_subtitle)
        panel.fill([text(Span("one"), "a")])
        assert not panel.border_subtitle


async def test_new_content_keeps_the_cursor_where_its_item_still_is() -> None:
    async with OneSheet().run_test(size=(60, 12)) as pilot:
        await pilot.pause()
        panel = pilot.app.query_one(Sheet)
        panel.fill([text(Span(name), name) for name in "abc"])
        panel.choose("b")
        panel.fill([text(Span(name), name) for name in "xbyz"])
        assert panel.cursor == "b"
        panel.fill([text(Span(name), name) for name in "xyz"])
        assert panel.cursor == "x"
