"""The queue: what waits for someone, the worst first."""

from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input

from triage.errors import TriageError
from triage.journal import Summary
from tui.draw import queue
from tui.draw.queue import Glimpse
from tui.screens.live import Live
from tui.widgets.head import Head
from tui.widgets.sheet import Sheet

if TYPE_CHECKING:
    from triage.desk import Desk

MOST = 1000
"""Incidents that are listed; older ones are found with the command."""

EMPTY = {
    "open": "No open incident.\n\nn starts a run on a model of your catalogue; an alert starts one by itself.\n"
    "'triage demo' rehearses one. v shows those that were closed.",
    "closed": "No incident was closed yet. v shows the open ones.",
    "all": "No incident yet.\n\nn starts a run on a model of your catalogue. 'triage demo' rehearses one.",
}


class QueueScreen(Live):
    """Incidents to choose from, filtered by state and words."""

    PLACE = "queue"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open"),
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("v", "view", "View"),
        Binding("n", "new", "New run"),
        Binding("p", "app.playbooks", "Playbooks"),
        Binding("escape", "back", "Back", show=False),
        Binding("space", "pause", "Pause"),
        Binding("q", "app.leave", "Quit"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._summaries: tuple[Summary, ...] = ()
        self._seen: dict[str, tuple[str, Glimpse]] = {}
        self._view = "open"

    def panels(self) -> ComposeResult:
        yield Sheet("Incidents", id="incidents")
        yield Input(placeholder="words in any order: model, alert, cause, state", id="filter", classes="-hidden")

    @property
    def sheet(self) -> Sheet:
        return self.query_one("#incidents", Sheet)

    @property
    def words(self) -> str:
        return self.query_one("#filter", Input).value

    def gather(self, desk: "Desk") -> tuple[Summary, ...]:
        return desk.incidents(MOST)

    def show(self, found: tuple[Summary, ...]) -> None:
        self._summaries = found
        self._draw()
        self._look_closer()

    def pass_time(self) -> None:
        self._draw()
        self._look_closer()

    def _draw(self) -> None:
        chosen = queue.chosen(self._summaries, self._view, self.words)
        seen = {name: glimpse for name, (_, glimpse) in self._seen.items()}
        waiting = sum(queue.state_of(item) not in queue.FINISHED for item in self._summaries)
        words = f" · “{self.words}”" if self.words else ""
        self.sheet.retitle(f"{self._view.capitalize()}: {len(chosen)} of {len(self._summaries)}{words}")
        empty = f"Nothing matches “{self.words}”. Esc clears the filter." if self.words else EMPTY[self._view]
        self.sheet.fill(queue.rows(chosen, seen, self.now), empty)
        self.query_one(Head).place = f"queue · {waiting} open"

    @work(exclusive=True, group="closer")
    async def _look_closer(self) -> None:
        """Read the KPI and the executor of the lines that are seen, one by one."""
        updated = {item.id: (item.updated, item.state) for item in self._summaries}
        changed = False
        for name in self.sheet.seen_keys():
            if name not in updated:
                continue
            stamp, state = updated[name]
            known = self._seen.get(name)
            if known is not None and known[0] == stamp and state != "open":
                continue
            try:
                fresh = await self.home_app.reader.ask(lambda desk, name=name: _glimpse(desk, name))  # type: ignore[misc]
            except TriageError:
                continue
            changed |= known is None or known[1] != fresh
            self._seen[name] = (stamp, fresh)
        if changed:
            self._draw()

    @on(Sheet.Moved)
    def _moved(self) -> None:
        self._look_closer()

    @on(Sheet.Opened)
    def _opened(self, event: Sheet.Opened) -> None:
        self.home_app.open_incident(event.key)

    def action_open(self) -> None:
        self.sheet.action_open()

    def action_view(self) -> None:
        views = queue.VIEWS
        self._view = views[(views.index(self._view) + 1) % len(views)]
        self._draw()
        self._look_closer()

    def action_new(self) -> None:
        self.home_app.start_form()

    def action_filter(self) -> None:
        field = self.query_one("#filter", Input)
        field.remove_class("-hidden")
        field.focus()

    @on(Input.Changed, "#filter")
    def _typed(self) -> None:
        self._draw()

    @on(Input.Submitted, "#filter")
    def _submitted(self) -> None:
        if not self.words:
            self.query_one("#filter", Input).add_class("-hidden")
        self.sheet.focus()

    def action_back(self) -> None:
        field = self.query_one("#filter", Input)
        if field.value or not field.has_class("-hidden"):
            field.value = ""
            field.add_class("-hidden")
            self.sheet.focus()
        else:
            self.home_app.action_leave()

    def command(self) -> str:
        return f"triage show {self.sheet.cursor}" if self.sheet.cursor else "triage incidents"


def _glimpse(desk: "Desk", name: str) -> Glimpse:
    return queue.glimpse(desk.incident(name), desk.journal.executor(name))
