"""What the palette offers: every incident, and what one can do from anywhere."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, cast

from textual import work
from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.css.query import NoMatches
from textual.timer import Timer

from triage.errors import TriageError
from triage.report.timeline import STATE_WORDS
from tui.draw.lines import say
from tui.draw.queue import state_of

if TYPE_CHECKING:
    from tui.home import Home

MOST = 200


class Palette(CommandPalette):
    """The palette; what Textual 8.2 raises where its list is not laid out yet, or gone already, does nothing here."""

    @work(exclusive=True, group="triage palette")
    async def _gather_commands(self, search_value: str) -> None:
        with suppress(NoMatches):
            await CommandPalette._gather_commands.__wrapped__(self, search_value)  # type: ignore[attr-defined]

    def set_timer(
        self,
        delay: float,
        callback: Callable[[], object] | None = None,
        *,
        name: str | None = None,
        pause: bool = False,
    ) -> Timer:
        def still_there() -> object:
            with suppress(NoMatches):
                return callback() if callback is not None else None
            return None

        return super().set_timer(delay, still_there, name=name, pause=pause)

    def _cancel_gather_commands(self) -> None:
        self.workers.cancel_group(self, "triage palette")

    def _action_command_list(self, action: str) -> None:
        with suppress(KeyError):
            super()._action_command_list(action)


class Incidents(Provider):
    """Open an incident by any part of its name."""

    async def startup(self) -> None:
        app = cast("Home", self.app)
        try:
            found = await app.reader.ask(lambda desk: desk.incidents(MOST))
        except TriageError:
            found = ()
        self._known = [
            (
                say(item.id).text,
                f"{STATE_WORDS[state_of(item)]}, {say(item.alert).text}",
                partial(app.open_incident, item.id),
            )
            for item in found
        ]

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for name, told, opened in self._known:
            words = f"Open {name}"
            if (score := matcher.match(words)) > 0:
                yield Hit(score, matcher.highlight(words), opened, help=told)

    async def discover(self) -> Hits:
        for name, told, opened in self._known[:5]:
            yield DiscoveryHit(f"Open {name}", opened, help=told)


class Actions(Provider):
    """What can be done from anywhere."""

    @property
    def _actions(self) -> tuple[tuple[str, str, Callable[[], object]], ...]:
        app = cast("Home", self.app)
        return (
            ("New run", "find out why a model got worse", app.start_form),
            ("Playbooks", "browse and lint playbooks", app.action_playbooks),
            ("Lab", "real servers on this machine, to rehearse against", app.action_lab),
            ("Help", "keys and signs of this screen", app.action_help),
            ("Pause or go on", "stop or start the live refresh", app.action_pause),
            ("Theme: dark", "light text on dark", partial(app.look_like, "dark")),
            ("Theme: light", "dark text on light", partial(app.look_like, "light")),
            ("Theme: ANSI", "the terminal's own colours", partial(app.look_like, "ansi")),
            ("Save a picture of this screen", "an SVG file in the working folder", app.picture),
            ("Quit", "close the app; runs go on", app.action_leave),
        )

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for name, told, act in self._actions:
            if (score := matcher.match(name)) > 0:
                yield Hit(score, matcher.highlight(name), act, help=told)

    async def discover(self) -> Hits:
        for name, told, act in self._actions:
            yield DiscoveryHit(name, act, help=told)
