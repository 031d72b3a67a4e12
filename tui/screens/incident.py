"""An incident: the ladder as it is climbed, the evidence of a rung, the causes, the timeline and the plan."""

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from triage.incident import CauseKind
from tui.draw.causes import causes
from tui.draw.evidence import evidence, exhibits_of
from tui.draw.incident import View, head
from tui.draw.ladder import ladder, worst
from tui.draw.plan import plan
from tui.draw.timeline import timeline
from tui.following import Follower
from tui.screens.live import Live
from tui.widgets.sheet import Sheet

if TYPE_CHECKING:
    from triage.desk import Desk

PANELS = ("evidence", "timeline", "causes", "plan")


class IncidentScreen(Live):
    """One incident. Where there is no room for all panels, a letter chooses the one beside the ladder."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "panel('evidence')", "Evidence", show=False, id="incident.evidence"),
        Binding("c", "panel('causes')", "Causes", id="incident.causes"),
        Binding("t", "panel('timeline')", "Times", id="incident.times"),
        Binding("f", "feature", "Feature", id="incident.feature"),
        Binding("p", "remedy", "Plan", id="incident.plan", tooltip="the plan, its approval, and how it is carried out"),
        Binding(
            "w", "prevent", "Prevent", id="incident.prevent", tooltip="the rules that would have caught it earlier"
        ),
        Binding("o", "report", "Report", id="incident.report"),
        Binding("R", "resume", "Resume", id="incident.resume"),
    ]

    def __init__(self, incident: str) -> None:
        super().__init__()
        self.incident = incident
        self.PLACE = f"queue ▸ {incident}"
        self._view: View | None = None
        self._reading = Follower(incident)
        self._led = True

    def panels(self) -> ComposeResult:
        yield Sheet(id="summary", classes="-bare")
        with Horizontal(id="body"):
            with Vertical(id="left"):
                yield Sheet("Ladder", id="ladder")
            for name in PANELS:
                yield Sheet(name.capitalize(), id=name, classes="panel")

    def begin(self) -> None:
        self.query_one("#summary", Sheet).can_focus = False
        self._choose("evidence")
        self.sheet("ladder").focus()

    def gather(self, desk: "Desk") -> View:
        return self._reading(desk, self.home_app.executor.starting(self.incident))

    def show(self, found: View) -> None:
        before, self._view = self._view, found
        first = before is None
        if before is not None and before.report is found.report:  # nothing new but the time, and who works on it
            self._draw_clocks()
            self.refresh_bindings()
            return
        self._draw()
        if first:
            self.sheet("timeline").choose("now")
        if self._led:  # until a person moves it, the cursor follows what is found
            self.sheet("ladder").choose(worst(found))
        self._draw_evidence()
        self.refresh_bindings()

    def pass_time(self) -> None:
        if self._view is not None and (self._view.executor or self._view.running):
            self.reload()  # the lease may have lapsed; and what runs shows how long
        elif self._view is not None:
            self._draw_clocks()

    def _draw(self) -> None:
        seen = self._view
        if seen is None:
            return
        self._draw_clocks()
        self.sheet("causes").fill(causes(seen), "No cause is ranked yet: the evidence comes first.")
        self.sheet("plan").fill(plan(seen), "No plan yet: it follows from the diagnosis.")

    def _draw_clocks(self) -> None:
        seen = self._view
        if seen is None:
            return
        self.sheet("summary").fill(head(seen, self.now, brief=self.has_class("-narrow") or self.has_class("-low")))
        rungs = self.sheet("ladder")
        rungs.fill(ladder(seen, self.now, height=rungs.size.height))
        self.sheet("timeline").fill(timeline(seen, self.now))

    def _draw_evidence(self) -> None:
        seen, key = self._view, self.sheet("ladder").cursor
        if seen is None or not key:
            return
        sheet = self.sheet("evidence")
        name = next((rung.name for rung in seen.report.ladder if rung.kind.value == key), "how far the KPI moved")
        sheet.retitle(f"Evidence: {name}")
        empty = f"Nothing was looked at yet for {name}."
        sheet.fill(evidence(seen, key), empty)

    def on_resize(self) -> None:
        if self._view is not None:
            self._draw_clocks()

    @on(Sheet.Moved, "#ladder")
    def _rung_chosen(self, event: Sheet.Moved) -> None:
        if self._view is not None and event.key != worst(self._view):
            self._led = False
        self._draw_evidence()
        self.refresh_bindings()

    @on(Sheet.Opened, "#ladder")
    def _rung_opened(self) -> None:
        self.action_panel("evidence")

    @on(Sheet.Opened, "#causes")
    def _cause_opened(self, event: Sheet.Opened) -> None:
        self.sheet("ladder").choose(event.key.partition("#")[0])
        self.action_panel("evidence")

    @on(Sheet.Opened, "#plan")
    def _plan_opened(self) -> None:
        self.action_remedy()

    @on(Sheet.Opened, "#evidence")
    def _evidence_opened(self, event: Sheet.Opened) -> None:
        self._open_feature(event.key)

    def _choose(self, name: str) -> None:
        for other in PANELS:
            self.sheet(other).set_class(other == name, "-chosen")

    def action_panel(self, name: str) -> None:
        """Show the panel, in a narrow terminal instead of the ladder, and give it the keys."""
        self._choose(name)
        self.add_class("-reading")
        self.sheet(name).focus()

    def action_back(self) -> None:
        if self.has_class("-reading") and not self.has_class("-wide"):
            self.remove_class("-reading")
            self._choose("evidence")
            self.sheet("ladder").focus()
        else:
            super().action_back()

    def features(self) -> list[str]:
        """Ids of the evidence that shows a feature's distributions, the selected rung's first."""
        seen = self._view
        if seen is None:
            return []
        key = self.sheet("ladder").cursor
        first = [item.evidence for item in exhibits_of(seen, key)] if key in (*CauseKind, "kpi") else []
        rest = [item.evidence for item in seen.report.evidence]
        charted = [item.id for item in (*first, *rest) if item.chart and item.chart.get("type") == "distribution"]
        return list(dict.fromkeys(charted))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "resume":
            return self._view is not None and self._view.resumable(self.now)
        if action == "feature":
            return True if self.features() else None
        return True

    def action_feature(self) -> None:
        known = self.features()
        here = self.sheet("evidence").cursor
        if known:
            self._open_feature(here if here in known else known[0])

    def _open_feature(self, evidence_id: str) -> None:
        if evidence_id in self.features():
            from tui.screens.feature import FeatureScreen

            self.app.push_screen(FeatureScreen(self.incident, evidence_id))

    def action_report(self) -> None:
        from tui.screens.report import ReportScreen

        self.app.push_screen(ReportScreen(self.incident))

    def action_remedy(self) -> None:
        from tui.screens.remedy import RemedyScreen

        self.app.push_screen(RemedyScreen(self.incident))

    def action_prevent(self) -> None:
        from tui.screens.prevention import PreventionScreen

        self.app.push_screen(PreventionScreen(self.incident))

    def action_resume(self) -> None:
        self.home_app.carry_on(self.incident)
        self.reload()

    def command(self) -> str:
        return f"triage show {self.incident}"
