"""The remediation: the plan with its alternatives, how it is carried out, and the decisions a person takes on it."""

from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from triage.approval import short_digest
from triage.errors import TriageError
from triage.incident import State
from tui.draw import decision, remedy
from tui.draw.incident import View
from tui.draw.plan import plan as drawn_plan
from tui.draw.timeline import timeline
from tui.following import Follower, Planned
from tui.screens.decide import Decide
from tui.screens.live import Live
from tui.widgets.sheet import Sheet

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from triage.desk import Desk

_WHY = "Why (for the record)"
_ABORT = (
    "The incident ends for good: a job that runs is cancelled, and a challenger that is not released in full gets no"
    " more traffic. What serves goes on serving."
)
_OVER = (State.CLOSED, State.ABORTED)


class RemedyScreen(Live):
    """The stages at the left, the chosen one beside them; in a wide terminal the plan stays in sight."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "approve", "Approve", id="remedy.approve"),
        Binding("x", "reject", "Reject", id="remedy.reject"),
        Binding("A", "abort", "Abort", id="remedy.abort", tooltip="end the incident, also while a step runs"),
        Binding("B", "rollback", "Roll back", id="remedy.rollback", tooltip="at once, to the champion of before"),
        Binding("R", "resume", "Resume", id="remedy.resume"),
        Binding("w", "prevent", "Prevent", id="remedy.prevent", tooltip="the rules that would have caught it earlier"),
        Binding("o", "report", "Report", id="remedy.report"),
        Binding("enter", "read", "Read", show=False, id="remedy.read"),
        Binding("tab", "app.focus_next", "Panel", show=False, id="remedy.panel"),
    ]

    def __init__(self, incident: str) -> None:
        super().__init__()
        self.incident = incident
        self.PLACE = f"queue ▸ {incident} ▸ plan"
        self._reading = Follower(incident)
        self._view: View | None = None
        self._steps: tuple[Planned, ...] = ()
        self._led = True

    def panels(self) -> ComposeResult:
        yield Sheet(id="standing", classes="-bare")
        with Horizontal(id="remedy-body"):
            with Vertical(id="way-and-times"):
                yield Sheet("The way", id="way")
                yield Sheet("What happened", id="happened")
            yield Sheet("Plan", id="stage")
            yield Sheet("Plan and alternatives", id="whole-plan")

    def begin(self) -> None:
        self.sheet("standing").can_focus = False
        self.sheet("way").focus()

    def gather(self, desk: "Desk") -> tuple[View, tuple[Planned, ...]]:
        seen = self._reading(desk, self.home_app.executor.starting(self.incident))
        return seen, remedy.after_the_plan(self._reading.steps(desk, seen.incident.playbook_digest))

    def show(self, found: tuple[View, tuple[Planned, ...]]) -> None:
        self._view, self._steps = found
        self._draw()
        if self._led:
            self.sheet("way").choose(self._here())
        self._draw_stage()
        self.refresh_bindings()

    def pass_time(self) -> None:
        if self._view is not None and self._view.executor:
            self.reload()
        else:
            self._draw()

    def _here(self) -> str:
        """The stage to look at first: the one at work, else the gate that waits, else the last that was begun."""
        seen = self._view
        if seen is None:
            return remedy.THE_PLAN
        begun = [step.id for step in self._steps if (record := seen.incident.steps.get(step.id)) and record.attempts]
        if seen.incident.state is State.WAITING_FOR_APPROVAL:
            return remedy.THE_PLAN
        return begun[-1] if begun else remedy.THE_PLAN

    def _draw(self) -> None:
        seen = self._view
        if seen is None:
            return
        self.sheet("standing").fill(remedy.head(seen, self.now))
        self.sheet("way").fill(remedy.way(seen, self._steps, self.now))
        happened = self.sheet("happened")
        happened.fill(timeline(seen, self.now))
        if not happened.has_focus:
            happened.choose("now")
        self.sheet("whole-plan").fill(drawn_plan(seen), "No plan yet: it follows from the diagnosis.")

    def _draw_stage(self) -> None:
        seen, key = self._view, self.sheet("way").cursor
        if seen is None or not key:
            return
        name = "Plan and alternatives" if key == remedy.THE_PLAN else key.replace("_", " ")
        self.sheet("stage").retitle(name)
        self.sheet("stage").fill(
            remedy.stage(seen, self._steps, key, self.now), "No plan yet: it follows from the diagnosis."
        )

    def on_resize(self) -> None:
        self._draw()

    @on(Sheet.Moved, "#way")
    def _moved(self, event: Sheet.Moved) -> None:
        if event.key != self._here():
            self._led = False
        self._draw_stage()

    @on(Sheet.Opened, "#way")
    def action_read(self) -> None:
        self.add_class("-reading")
        self.sheet("stage").focus()

    def action_back(self) -> None:
        if self.has_class("-reading"):
            self.remove_class("-reading")
            self.sheet("way").focus()
        else:
            super().action_back()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        incident = self._view.incident if self._view else None
        if action == "approve":
            return True if self._waits() and not self._is_approved() else None
        if action == "reject":
            return True if self._waits() or self._begun() else None
        if action == "abort":
            return True if incident is not None and incident.state not in _OVER else None
        if action == "rollback":
            released = incident.release if incident is not None else None
            return True if released is not None and not released.serves_nobody else None
        if action == "resume":
            return self._view is not None and self._view.resumable(self.now)
        return True

    def _waits(self) -> bool:
        """A plan stands at a gate."""
        incident = self._view.incident if self._view else None
        return incident is not None and incident.state is State.WAITING_FOR_APPROVAL and incident.plan is not None

    def _begun(self) -> bool:
        """An approved plan is carried out, and no challenger is asked yet: a no still ends it."""
        incident = self._view.incident if self._view else None
        if incident is None or incident.state is not State.OPEN or incident.approval is None:
            return False
        return incident.release is None or not incident.release.under_way

    def _is_approved(self) -> bool:
        return self._view is not None and self._view.let_through(self.now)

    @work(exclusive=True, group="decide")
    async def action_approve(self) -> None:
        """Show what the approval means, in full, and take it."""
        seen = self._view
        if seen is None or seen.incident.plan is None or not self.home_app.may_change():
            return
        plan = seen.incident.plan
        try:
            ttl, four_eyes = await self.ask_apart(self._policy)
        except TriageError as error:
            self.home_app.tell(error)
            return
        typed = seen.incident.model if decision.needs_the_name(plan) else ""
        body = decision.approval(seen, plan, self.now, ttl, four_eyes=four_eyes)
        title = f"Approve plan {short_digest(plan.digest)} of {self.incident}?"
        dialog = Decide(title, body, "Approve", typed=typed)
        self._ask(dialog, lambda desk, said: _approve(desk, self.incident, plan.digest), go_on=True)

    def _policy(self, desk: "Desk") -> "tuple[timedelta, bool]":
        policy = desk.approval_policy(self.incident)
        return policy.ttl, policy.four_eyes

    def action_reject(self) -> None:
        if self._view is not None and self.home_app.may_change():
            body = decision.ending(self._view, "The plan is rejected for good; a new run makes a new one.")
            dialog = Decide(f"Reject the plan of {self.incident}?", body, "Reject", reason=_WHY)
            self._ask(dialog, lambda desk, said: _reject(desk, self.incident, said))

    def action_abort(self) -> None:
        if self._view is not None and self.home_app.may_change():
            dialog = Decide(
                f"Abort {self.incident}?", decision.ending(self._view, _ABORT), "Abort", reason=_WHY, grave=True
            )
            self._ask(dialog, lambda desk, said: _abort(desk, self.incident, said))

    def action_rollback(self) -> None:
        seen = self._view
        if seen is None or seen.incident.release is None or not self.home_app.may_change():
            return
        release = seen.incident.release
        words = (
            f"All traffic of {seen.incident.model} goes back from version {release.challenger} to version"
            f" {release.champion} at once, and the alias with it. It needs no approval."
        )
        dialog = Decide(
            f"Roll {seen.incident.model} back to version {release.champion}?",
            decision.ending(seen, words),
            "Roll back",
            reason=_WHY,
            typed=seen.incident.model,
            grave=True,
        )
        self._ask(dialog, lambda desk, said: _rollback(desk, self.incident, said))

    def action_prevent(self) -> None:
        from tui.screens.prevention import PreventionScreen

        self.app.push_screen(PreventionScreen(self.incident))

    def action_report(self) -> None:
        from tui.screens.report import ReportScreen

        self.app.push_screen(ReportScreen(self.incident))

    def action_resume(self) -> None:
        self.home_app.carry_on(self.incident)
        self.reload()

    def _ask(self, dialog: Decide, decide: "Callable[[Desk, str], str]", *, go_on: bool = False) -> None:
        """Do ``decide`` with the reason that was typed, unless the dialog is cancelled; then ``go_on`` with the run."""

        def answered(said: str | None) -> None:
            if said is not None:
                self.home_app.decide(self.incident, lambda desk: decide(desk, said), go_on=go_on)

        self.app.push_screen(dialog, answered)

    def decided(self) -> None:
        self._led = True
        super().decided()

    def command(self) -> str:
        incident = self._view.incident if self._view else None
        if self._waits() and not self._is_approved() and incident is not None and incident.plan is not None:
            return f"triage approve {self.incident} --plan {short_digest(incident.plan.digest)}"
        return f"triage show {self.incident}"


def _approve(desk: "Desk", incident: str, digest: str) -> str:
    from triage.cli.approvals import account, user

    approved = desk.approve(incident, digest, user(), account=account()).approval
    until = f" until {approved.until:%H:%M} UTC" if approved else ""
    return f"{incident}: plan approved{until}; the run goes on"


def _reject(desk: "Desk", incident: str, reason: str) -> str:
    from triage.cli.approvals import account, user

    return f"{incident}: {desk.reject(incident, reason, user(), account=account()).state_reason}"


def _rollback(desk: "Desk", incident: str, reason: str) -> str:
    from triage.cli.approvals import account, user

    return f"{incident}: {desk.rollback(incident, reason, user(), account=account()).state_reason}"


def _abort(desk: "Desk", incident: str, reason: str) -> str:
    from triage.cli.approvals import user

    return f"{incident}: {desk.abort(incident, reason, user()).state_reason}"
