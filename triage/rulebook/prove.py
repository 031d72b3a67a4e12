"""What can be tried before anything is written: the rules' own unit tests, and whether their metrics exist now."""

from dataclasses import dataclass
from datetime import timedelta

from triage.errors import TriageError
from triage.incident import Window
from triage.ports import RulesTested
from triage.prevention.bundle import Bundle, Settings, bundle
from triage.prevention.cases import count
from triage.prevention.nouns import Proposal, RuleKind
from triage.prevention.rule_file import file_name
from triage.step import Context
from triage.watch.history import WATCHED

RECENT = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Proof:
    """``tested`` by promtool on ``cases`` cases. ``missing`` names the rules whose metric has no sample now, with the
    reason; ``unasked`` says why that could not be asked.
    """

    tested: RulesTested
    cases: int
    missing: dict[str, str]
    unasked: str = ""

    @property
    def holds(self) -> bool:
        """Whether nothing speaks against writing the rules; what could not be tried does not."""
        return self.tested.passed is not False and not self.missing


def settings(ctx: Context) -> Settings:
    named = ctx.catalog.prevention
    if named is None:
        return Settings()
    return Settings(named.runbook_url or "", named.receiver, named.webhook_url)


def files(ctx: Context, proposal: Proposal, before: str = "") -> Bundle:
    """What ``proposal`` becomes, beside the rules that the file holds ``before``."""
    return bundle(proposal, ctx.model, settings(ctx), before)


def proven(ctx: Context, proposal: Proposal) -> Proof:
    """Try it; writes nothing that lasts."""
    made = files(ctx, proposal)
    cases = count(made.tests)
    if ctx.ports.rule_tester is None or not cases:
        tested = RulesTested(None, "there is nothing to test" if not cases else "nothing here can test rules")
    else:
        tested = ctx.ports.rule_tester.test(file_name(ctx.model.name), made.rules, made.tests)
    if ctx.catalog.prometheus.recorded is not None:
        return Proof(tested, cases, {}, "the metrics are a recording: whether they exist now can't be asked")
    return Proof(tested, cases, _missing(ctx, proposal))


def _missing(ctx: Context, proposal: Proposal) -> dict[str, str]:
    now = ctx.ports.clock.now()
    found: dict[str, str] = {}
    asked: dict[str, str] = {}
    for rule in proposal.kept:
        signal = rule.signal
        if signal.query not in asked:
            asked[signal.query] = _absent(ctx, signal.query, Window(now - RECENT, now))
        if asked[signal.query]:
            watch = f": 'triage watch {ctx.model.name}' exposes it" if signal.kind in WATCHED else ""
            vector = (
                " (where no series is the same as none, write 'or vector(0)')" if signal.kind is RuleKind.BURN else ""
            )
            found[rule.name] = f"{asked[signal.query]}{watch}{vector}"
    return found


def _absent(ctx: Context, query: str, window: Window) -> str:
    try:
        result = ctx.ports.metrics.range(query, window, 60.0)
    except TriageError as error:
        return error.message
    return "" if result.series else f"no sample of {query} in the last 15 minutes"
