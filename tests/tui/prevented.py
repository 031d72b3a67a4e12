"""Two prevention rules, one kept and one refused, as a journal tells them."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from tests.report import sample
from tests.tui.world import StillClock
from triage.incident import Source
from triage.journal import Entry, Journal
from triage.prevention.nouns import Backtest, Decision, Proposal, Role, Rule, RuleKind, Signal, Worse
from triage.prevention.record import PROPOSAL, PROPOSED

SIGNAL = Signal(
    RuleKind.PSI, "user_location", Role.CAUSE, "psi{}", "triage_psi", Worse.HIGHER, "nats", 3600, 900, "page"
)
BACKTEST = Backtest(
    Source("query", "psi{}"),
    False,
    sample.WINDOW,
    3600,
    1.0,
    14.0,
    0,
    4.0,
    0,
    sample.NOW - timedelta(hours=34),
    31 * 3600.0,
    0.02,
    0.31,
)
KEPT = Rule(SIGNAL, 0.1, "three times the worst healthy window", Decision.KEPT, "", BACKTEST)
NOISY = replace(
    KEPT,
    signal=replace(SIGNAL, subject="[b]user_age"),
    decision=Decision.REFUSED,
    reason="it would have been noisy",
    backtest=replace(BACKTEST, false_alarms=9, fires_at=None, sooner_seconds=None),
)
TWO_RULES = Proposal(
    "recommender-1", "recommender", "ModelQualityDrop", "feature drift", (KEPT, NOISY), "sha256:" + "cd" * 32
)


def told(home: Path, *entries: Entry) -> Path:
    """Write that the rules were proposed after the first incident, and then ``entries``."""
    journal = Journal(home / "journal.db", StillClock())
    journal.append("recommender-1", [Entry(PROPOSED, {PROPOSAL: TWO_RULES}), *entries])
    journal.close()
    return home
