"""Prevention: the rules that would have caught an incident earlier, proven on history, written and taken back."""

from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from triage.errors import Refused, TriageError
from tui.draw import prevention
from tui.draw.lines import note
from tui.draw.prevention import Preview
from tui.screens.decide import Decide
from tui.screens.live import Live
from tui.widgets.sheet import Sheet

if TYPE_CHECKING:
    from triage.desk import Desk
    from triage.prevention.nouns import Proposal
    from triage.prevention.record import Prevention

_DIGITS = 12
UNCOMPUTED = "d computes what would be written now, as a diff."


class PreventionScreen(Live):
    """Rules at the left, the chosen one or the whole change beside them. Writing is a process of its own."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "compute", "Compute", id="prevention.compute", tooltip="find the rules and backtest them"),
        Binding("d", "diff", "Diff", id="prevention.diff", tooltip="what would be written"),
        Binding("t", "test", "Test", id="prevention.test", tooltip="promtool's unit tests, and whether metrics exist"),
        Binding("a", "apply", "Apply", id="prevention.apply"),
        Binding("x", "revert", "Take back", id="prevention.revert"),
        Binding("tab", "app.focus_next", "Panel", show=False, id="prevention.panel"),
    ]

    def __init__(self, incident: str) -> None:
        super().__init__()
        self.incident = incident
        self.PLACE = f"queue ▸ {incident} ▸ prevention"
        self._stands: Prevention | None = None
        self._preview: Preview | None = None
        self._computing = False

    def panels(self) -> ComposeResult:
        yield Sheet(id="standing", classes="-bare")
        with Horizontal(id="prevention-body"):
            yield Sheet("Rules", id="rules")
            with Vertical(id="rule-and-change"):
                yield Sheet("Backtest", id="rule")
                yield Sheet("The change", id="change")

    def begin(self) -> None:
        self.sheet("standing").can_focus = False
        self.sheet("rules").focus()

    def gather(self, desk: "Desk") -> "Prevention":
        from triage.prevention.record import read

        return read(desk.events(self.incident))

    def show(self, found: "Prevention") -> None:
        self._stands = found
        self._draw()

    @property
    def _proposal(self) -> "Proposal | None":
        if self._preview is not None:
            return self._preview.proposal
        return self._stands.proposal if self._stands else None

    def _draw(self) -> None:
        if self._stands is None:
            return
        self.sheet("standing").fill(prevention.head(self._stands, self._computing))
        proposal = self._proposal
        beside = self._preview is not None and not self.has_class("-wide")  # where the diff has no panel of its own
        rules = prevention.index(proposal, preview=beside) if proposal else []
        self.sheet("rules").fill(rules, "No rules were looked for yet.\n\nc computes and backtests them.")
        self.sheet("change").fill(
            prevention.change(self._preview.diff, self._preview.nowhere) if self._preview else [], UNCOMPUTED
        )
        self._draw_rule()
        self.refresh_bindings()

    def _draw_rule(self) -> None:
        key, proposal = self.sheet("rules").cursor, self._proposal
        shown = self.sheet("rule")
        if key == prevention.DIFF and self._preview is not None:
            shown.retitle("What would be written")
            shown.fill(prevention.change(self._preview.diff, self._preview.nowhere))
            return
        rule = next((rule for rule in proposal.rules if rule.name == key), None) if proposal else None
        shown.retitle(f"Rule {rule.name}" if rule else "Backtest")
        shown.fill(prevention.detail(rule) if rule else [], "Nothing to show yet.")

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    @on(Sheet.Moved, "#rules")
    def _moved(self) -> None:
        self._draw_rule()

    @on(Sheet.Opened, "#rules")
    def _opened(self) -> None:
        self.add_class("-reading")
        self.sheet("rule").focus()

    def action_back(self) -> None:
        if self.has_class("-reading"):
            self.remove_class("-reading")
            self.sheet("rules").focus()
        else:
            super().action_back()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        stage = self._stands.stage.value if self._stands else ""
        if action in ("compute", "diff", "test", "apply") and self._computing:
            return None
        if action in ("test", "apply"):
            return True if self._proposal is not None and self._proposal.kept else None
        if action == "revert":
            return True if stage in ("applied", "unknown") else None
        return True

    def action_diff(self) -> None:
        """The files as they would be written; computed first where they were not."""
        if self._preview is None:
            self.action_compute()
        else:
            self._to_diff()

    def _to_diff(self) -> None:
        if self.has_class("-wide"):
            self.sheet("change").focus()
        else:
            self.sheet("rules").choose(prevention.DIFF)

    def action_compute(self) -> None:
        """Look for rules, backtest them, and compare with what is written."""
        if self._computing or not self.home_app.may_change():
            return
        self._computing = True
        self._draw()
        self._compute()

    @work(exclusive=True, group="compute")
    async def _compute(self) -> None:
        try:
            self._preview = await self.ask_apart(lambda desk: _previewed(desk, self.incident))
        except TriageError as error:
            self.home_app.tell(error)
        finally:
            self._computing = False
        self._draw()
        self._to_diff()
        self.reload()

    @work(exclusive=True, group="compute")
    async def action_test(self) -> None:
        self.home_app.say("testing the rules …")
        try:
            told = await self.ask_apart(lambda desk: _tested(desk, self.incident))
        except TriageError as error:
            self.home_app.tell(error)
            return
        self.sheet("rule").retitle("Tests")
        self.sheet("rule").fill([note(line, "") for line in told])

    @work(exclusive=True, group="compute")
    async def action_apply(self) -> None:
        """Show the change once more, as it is now, and write it where a person agrees."""
        if not self.home_app.may_change():
            return
        try:
            preview = self._preview = await self.ask_apart(lambda desk: _previewed(desk, self.incident))
        except TriageError as error:
            self.home_app.tell(error)
            return
        if preview.nowhere:
            self.home_app.tell(Refused(preview.nowhere))
            return
        count = len(preview.proposal.kept)
        dialog = Decide(f"Write {count} rules after {self.incident}?", prevention.change(preview.diff), "Write")
        words = ("rules", "apply", self.incident, "--digest", _typed(preview.proposal.digest))
        self.app.push_screen(dialog, lambda said: self._launch(said, words))

    @work(exclusive=True, group="compute")
    async def action_revert(self) -> None:
        """Show what taking them back changes, and do exactly that where a person agrees."""
        if not self.home_app.may_change():
            return
        try:
            diff, digest = await self.ask_apart(lambda desk: _taken_back(desk, self.incident))
        except TriageError as error:
            self.home_app.tell(error)
            return
        body = [*(prevention.head(self._stands, computing=False) if self._stands else []), *prevention.change(diff)]
        dialog = Decide(f"Take back the rules after {self.incident}?", body, "Take back", grave=True)
        words = ("rules", "revert", self.incident, "--digest", _typed(digest))
        self.app.push_screen(dialog, lambda said: self._launch(said, words))

    def _launch(self, said: str | None, words: tuple[str, ...]) -> None:
        if said is None:
            return
        try:
            self.home_app.executor.launch(f"rules {self.incident}", words)
        except TriageError as error:
            self.home_app.tell(error)
        else:
            self.home_app.say("on its way; the journal will say how it ended")

    def command(self) -> str:
        return f"triage rules preview {self.incident}"


def _typed(digest: str) -> str:
    """As much of ``digest`` as a person would type."""
    return digest.removeprefix("sha256:")[:_DIGITS]


def _taken_back(desk: "Desk", incident: str) -> tuple[str, str]:
    """What a revert changes, as a diff, and its digest."""
    from triage.wiring import rules_of

    change, _ = rules_of(desk).taking_back(incident)
    return change.diff(), change.digest


def _previewed(desk: "Desk", incident: str) -> Preview:
    from triage.wiring import rules_of

    rules = rules_of(desk)
    proposal, ctx = rules.propose(incident)
    try:
        return Preview(proposal, rules.change(ctx, proposal).diff())
    except Refused as error:
        return Preview(proposal, "", str(error))


def _tested(desk: "Desk", incident: str) -> tuple[str, ...]:
    from triage.wiring import rules_of

    rules = rules_of(desk)
    proposal, ctx = rules.propose(incident)
    proof = rules.test(ctx, proposal)
    passed = {True: "✓ passed", False: "✗ failed", None: "? not run"}[proof.tested.passed]
    told = [f"unit tests: {passed}, {proof.cases} cases", proof.tested.words]
    if proof.unasked:
        told.append(f"? metrics: {proof.unasked}")
    elif not proof.missing:
        told.append("✓ metrics: all of them are there now")
    return (*told, *(f"✗ missing: {name}: {reason}" for name, reason in proof.missing.items()))
