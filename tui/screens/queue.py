"""The queue: what waits for someone, the worst first."""

from asyncio import sleep
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input

from triage.errors import TriageError
from triage.incident import fold
from triage.journal import Summary
from tui.draw import queue
from tui.draw.causes import causes
from tui.draw.glance import NO_TITLES, glance
from tui.draw.incident import View, view
from tui.draw.ladder import ladder
from tui.draw.queue import Glimpse
from tui.screens.live import Live
from tui.widgets.head import Head
from tui.widgets.sheet import Sheet

if TYPE_CHECKING:
    from triage.desk import Desk

MOST = 1000
"""Incidents that are listed; older ones are found with the command."""

_SETTLE_SECONDS = 0.12
"""How long the cursor rests on a line before its incident is read: a key that is held down reads nothing."""

EMPTY = {
    "open": "No open incident.\n\nn starts a run on a model of your catalogue; an alert starts one by itself.\n"
    "'triage demo' rehearses one. v shows all that were closed.",
    "closed": "No incident was closed yet. v shows the open ones.",
    "all": "No incident yet.\n\nn starts a run on a model of your catalogue. 'triage demo' rehearses one.",
}


class _Seen(NamedTuple):
    """What was read of one line, and how the incident stood then."""

    stamp: str
    glimpse: Glimpse


class QueueScreen(Live):
    """Incidents to choose from, filtered by state and words."""

    PLACE = "queue"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", show=False, id="queue.open"),
        Binding("slash", "filter", "Filter", key_display="/", id="queue.filter"),
        Binding("v", "view", "View", id="queue.view", tooltip="open, closed, or all"),
        Binding("n", "new", "New run", id="queue.new"),
        Binding("t", "take", "Take", id="queue.take", tooltip="say that you have it; again gives it back"),
        Binding("p", "app.playbooks", "Playbooks", id="queue.playbooks"),
        Binding("l", "app.lab", "Lab", id="queue.lab"),
        Binding("escape", "back", "Back", show=False, id="any.back"),
        Binding("q", "app.leave", "Quit", id="queue.quit"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._summaries: tuple[Summary, ...] = ()
        self._seen: dict[str, _Seen] = {}
        self._view = "open"
        self._recalled = -1

    def panels(self) -> ComposeResult:
        yield Sheet("Incidents", id="incidents")
        with Horizontal(id="glance-body"):
            yield Sheet("At a glance", id="glance")
            yield Sheet("Ladder", id="glance-ladder")
            yield Sheet("Causes", id="glance-causes")
        yield Input(placeholder="words in any order; ↑ recalls earlier ones", id="filter", classes="-hidden")

    def begin(self) -> None:
        for name in ("glance", "glance-ladder", "glance-causes"):
            self.sheet(name).can_focus = False
        self.list.focus()

    @property
    def list(self) -> Sheet:
        return self.sheet("incidents")

    @property
    def words(self) -> str:
        return self.query_one("#filter", Input).value

    def gather(self, desk: "Desk") -> tuple[Summary, ...]:
        return desk.incidents(MOST)

    def show(self, found: tuple[Summary, ...]) -> None:
        self._summaries = found
        self._seen = {item.id: self._seen[item.id] for item in found if item.id in self._seen}
        self._draw()
        self._look_closer()
        self._glance()

    def pass_time(self) -> None:
        self._draw()
        self._look_closer()

    def _draw(self) -> None:
        chosen = queue.chosen(self._summaries, self._view, self.words)
        waiting = sum(queue.state_of(item) not in queue.FINISHED for item in self._summaries)
        words = f" · “{self.words}”" if self.words else ""
        self.list.retitle(f"{self._view.capitalize()}: {len(chosen)} of {len(self._summaries)}{words}")
        empty = f"Nothing matches “{self.words}”. Esc clears the filter." if self.words else EMPTY[self._view]
        seen = {name: known.glimpse for name, known in self._seen.items()}
        lately = queue.recent(self._summaries, self.words) if self._view == "open" else []
        self.list.fill(queue.rows(chosen, lately, seen, self.now, empty), empty)
        self.query_one(Head).place = f"queue · {waiting} open"

    @work(exclusive=True, group="closer")
    async def _look_closer(self) -> None:
        """Read the KPI and the executor of the lines that are seen, one by one."""
        updated = {item.id: (item.updated, item.state) for item in self._summaries}
        changed = False
        for name in self.list.seen_keys():
            if name not in updated:
                continue
            stamp, state = updated[name]
            known = self._seen.get(name)
            if known is not None and known.stamp == stamp and state != "open":
                continue
            try:
                fresh = await self.ask(lambda desk, name=name: _glimpse(desk, name))  # type: ignore[misc]
            except TriageError:
                continue
            changed |= known is None or known.glimpse != fresh
            self._seen[name] = _Seen(stamp, fresh)
        if changed:
            self._draw()

    @work(exclusive=True, group="glance")
    async def _glance(self) -> None:
        """Read the incident under the cursor whole, once the cursor rests."""
        if self.has_class("-low"):
            return
        await sleep(_SETTLE_SECONDS)
        name = self.list.cursor
        if not name:
            for panel in ("glance", "glance-ladder", "glance-causes"):
                self.sheet(panel).fill([], "Nothing is chosen.")
            return
        try:
            seen = await self.ask(lambda desk: _view(desk, name))
        except TriageError as error:
            self.sheet("glance").fail(error.message, error.hint)
            return
        self.sheet("glance").retitle(name)
        roomy = self.has_class("-high") and self.has_class("-wide")
        self.sheet("glance").fill(glance(seen, self.now, high=roomy))
        self.sheet("glance-ladder").fill(ladder(seen, self.now))
        self.sheet("glance-causes").fill(causes(seen), "No cause is ranked yet.")

    def on_resize(self) -> None:
        self._glance()

    @on(Sheet.Moved, "#incidents")
    def _moved(self) -> None:
        self._look_closer()
        self._glance()

    @on(Sheet.Opened, "#incidents")
    def _opened(self, event: Sheet.Opened) -> None:
        self.home_app.open_incident(event.key)

    @on(events.Click, "#glance-body Sheet")
    def _glance_clicked(self) -> None:
        self.action_open()

    def action_open(self) -> None:
        self.list.action_open()

    def action_view(self) -> None:
        views = queue.VIEWS
        self._view = views[(views.index(self._view) + 1) % len(views)]
        self._draw()
        self._look_closer()
        self._glance()

    def action_new(self) -> None:
        self.home_app.start_form()

    @work(group="take")
    async def action_take(self) -> None:
        name = self.list.cursor
        if not name or not self.home_app.may_change():
            return
        try:
            owner = await self.ask_apart(lambda desk: _take(desk, name))
        except TriageError as error:
            self.home_app.tell(error)
            return
        self._seen.pop(name, None)
        self.home_app.say(f"{name}: {f'{owner} has it' if owner else 'nobody has it now'}")
        self.reload()

    def action_filter(self) -> None:
        field = self.query_one("#filter", Input)
        self._recalled = -1
        field.remove_class("-hidden")
        field.focus()

    @on(Input.Changed, "#filter")
    def _typed(self) -> None:
        self._draw()
        self._glance()

    @on(Input.Submitted, "#filter")
    def _submitted(self) -> None:
        self.home_app.memory.remember(self.words)
        if not self.words:
            self.query_one("#filter", Input).add_class("-hidden")
        self.list.focus()

    def on_key(self, event: events.Key) -> None:
        """In the filter: up and down walk through the earlier ones."""
        field = self.query_one("#filter", Input)
        known = self.home_app.memory.filters
        if self.focused is not field or event.key not in ("up", "down") or not known:
            return
        event.stop()
        self._recalled = max(-1, min(len(known) - 1, self._recalled + (1 if event.key == "up" else -1)))
        field.value = known[self._recalled] if self._recalled >= 0 else ""
        field.cursor_position = len(field.value)

    def action_back(self) -> None:
        field = self.query_one("#filter", Input)
        if field.value or not field.has_class("-hidden"):
            field.value = ""
            field.add_class("-hidden")
            self.list.focus()
        else:
            self.home_app.action_leave()

    def command(self) -> str:
        return f"triage show {self.list.cursor}" if self.list.cursor else "triage incidents"


def _glimpse(desk: "Desk", name: str) -> Glimpse:
    return queue.glimpse(desk.incident(name), desk.journal.executor(name))


def _view(desk: "Desk", name: str) -> View:
    events = desk.events(name)
    return view(fold(events) or desk.incident(name), events, desk.journal.executor(name), NO_TITLES)


def _take(desk: "Desk", name: str) -> str:
    from triage.cli.approvals import account, user

    mine = user()
    return desk.take(name, "" if desk.incident(name).owner == mine else mine, account=account()).owner
