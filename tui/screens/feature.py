"""A feature that moved: its two distributions over each other, and what that means."""

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from tui.draw import feature
from tui.draw.incident import View
from tui.following import Follower
from tui.screens.live import Live
from tui.widgets.head import Head
from tui.widgets.sheet import Sheet

if TYPE_CHECKING:
    from triage.desk import Desk


class FeatureScreen(Live):
    """One feature at a time; the others are a key away."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n,right", "step(1)", "Next", key_display="n", id="feature.next"),
        Binding("p,left", "step(-1)", "Previous", key_display="p", id="feature.previous"),
        Binding("tab", "app.focus_next", "Other panel", id="feature.panel"),
    ]

    def __init__(self, incident: str, evidence: str) -> None:
        super().__init__()
        self.incident = incident
        self._at = evidence
        self._view: View | None = None
        self._follow = Follower(incident)

    def panels(self) -> ComposeResult:
        with Horizontal(id="feature-body"):
            yield Sheet("Moved: PSI, share of drop", id="features")
            yield Sheet("Distributions", id="distributions")
            yield Sheet("Reading", id="reading")

    def gather(self, desk: "Desk") -> View:
        return self._follow(desk)

    def show(self, found: View) -> None:
        self._view = found
        index = self.query_one("#features", Sheet)
        index.fill(feature.index(found), "No feature's distributions were kept.")
        index.choose(self._at)
        self._draw()

    def _draw(self) -> None:
        seen = self._view
        known = feature.features(seen) if seen else []
        here = next((item for item in known if item.id == self._at), known[0] if known else None)
        shown, told = self.query_one("#distributions", Sheet), self.query_one("#reading", Sheet)
        if seen is None or here is None:
            shown.fill([], "No feature's distributions were kept.")
            told.fill([], "Nothing to say.")
            return
        place = known.index(here) + 1
        self.query_one(Head).place = f"queue ▸ {self.incident} ▸ {feature.name(here)} ({place} of {len(known)})"
        shown.retitle(f"{feature.name(here)}: before and now")
        shown.fill(feature.distributions(here, shown.size.height))
        told.fill(feature.reading(seen, here))

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    @on(Sheet.Moved, "#features")
    def _chosen(self, event: Sheet.Moved) -> None:
        self._at = event.key
        self._draw()

    def action_step(self, by: int) -> None:
        index = self.query_one("#features", Sheet)
        keys = index.keys
        if keys:
            index.choose(keys[(keys.index(index.cursor) + by) % len(keys)])

    def command(self) -> str:
        return f"triage show {self.incident}"
