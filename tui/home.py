"""What a screen may ask of the app around it. Screens import this, and the app imports screens: never the other way."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from triage.desk import Desk
    from triage.errors import TriageError
    from triage.ports import Clock
    from tui.execution import Executor
    from tui.memory import Memory
    from tui.reading import Reader


class Home(Protocol):
    """The app, as its screens see it."""

    clock: "Clock"
    reader: "Reader"
    executor: "Executor"
    memory: "Memory"
    folder: Path
    """Where the journal is (``$TRIAGE_HOME``)."""
    catalog: Path
    own_keys: Mapping[str, str]
    """Names of keys and what this user presses for them instead."""
    read_only: bool
    """Whether nothing may be changed from here: no run, no decision, no rule."""

    @property
    def paused(self) -> bool: ...

    def open_incident(self, incident: str) -> None: ...

    def start_form(self, playbook: str = "", catalog: Path | None = None) -> None:
        """Ask which model of ``catalog`` (by default this user's), and start a run on it."""

    def carry_on(self, incident: str) -> None:
        """Start or resume work on ``incident``, apart from this app."""

    def decide(self, incident: str, decision: "Callable[[Desk], str]", *, go_on: bool = False) -> None:
        """Take ``decision`` whatever becomes of the screen, say what it says, and ``go_on`` with the run."""

    def may_change(self) -> bool:
        """Whether changes are allowed here; says so where they are not."""

    def tell(self, error: "TriageError") -> None:
        """Say in passing what went wrong."""

    def say(self, words: str, title: str = "") -> None:
        """Say in passing what happened."""

    def copy(self, words: str) -> None:
        """Hand ``words`` to the terminal's clipboard, and say so."""

    def look_like(self, look: str) -> None:
        """Change the theme, by the name that a person calls it."""

    def picture(self) -> None:
        """Save the screen as an SVG file in the working folder."""

    def action_playbooks(self) -> None: ...

    def action_lab(self) -> None: ...

    def action_help(self) -> None: ...

    def action_leave(self) -> None:
        """Close, after saying what goes on."""

    def action_pause(self) -> None: ...
