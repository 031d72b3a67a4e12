"""What became of an incident's prevention rules, read from its events."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from triage.codec import decode
from triage.incident import Event
from triage.prevention.nouns import Proposal

PROPOSAL = "proposal"
"""The output of a step that proposes rules."""
WRITTEN = "rules_written"
"""The output of a step that writes them."""
PROPOSED, INTENT, OUTCOME = "rules_proposed", "rules_intent", "rules_outcome"


class Stage(StrEnum):
    """``unknown``: an intent without an outcome, for the process that had it ended in between."""

    NOTHING = "nothing"
    PROPOSED = "proposed"
    APPLIED = "applied"
    REVERTED = "reverted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Prevention:
    """Where the rules of an incident stand. ``applied`` is the proposal that is written, where one is.

    ``before`` and ``after`` are the files as the applies in a row that lead to it found and left them; ``words`` are of
    the last attempt, also of one that was refused and changed nothing.
    """

    stage: Stage = Stage.NOTHING
    proposal: Proposal | None = None
    applied: Proposal | None = None
    at: datetime | None = None
    by: str = ""
    where: str = ""
    loaded: bool | None = None
    words: str = ""
    before: Mapping[str, str | None] | None = None
    after: Mapping[str, str | None] | None = None


@dataclass(frozen=True, slots=True)
class RulesReport:
    """The prevention rules of an incident as a report has them: each with its threshold, backtest and decision."""

    stage: Stage
    at: datetime | None
    by: str
    where: str
    loaded: bool | None
    words: str
    proposal: Proposal | None


def reported(events: Iterable[Event]) -> RulesReport | None:
    """For a report; None where no rules were ever proposed."""
    found = read(events)
    if found.stage is Stage.NOTHING:
        return None
    shown = found.applied or found.proposal
    return RulesReport(found.stage, found.at, found.by, found.where, found.loaded, found.words, shown)


def read(events: Iterable[Event]) -> Prevention:
    """Fold the events of one incident; those that are about something else are passed over."""
    found, settled = Prevention(), Prevention()
    for event in events:
        if event.kind == PROPOSED:
            found = _proposed(found, event, event.data[PROPOSAL])
        elif event.kind == INTENT:
            settled, found = found, _intended(found, event, event.data)
        elif event.kind == OUTCOME:
            found = _ended(found, settled, event, event.data)
        elif event.kind == "step_finished":
            outputs = event.data.get("outputs") or {}
            if PROPOSAL in outputs:
                found = _proposed(found, event, outputs[PROPOSAL])
            if WRITTEN in outputs:
                written = {"action": "apply", "outcome": "done", **outputs[WRITTEN]}
                found = _ended(_intended(found, event, written), found, event, written)
    return found


def _proposed(found: Prevention, event: Event, proposal: Any) -> Prevention:
    stage = found.stage if found.stage in (Stage.APPLIED, Stage.UNKNOWN) else Stage.PROPOSED
    return replace(found, stage=stage, proposal=decode(Proposal, proposal), at=event.at)


def _intended(found: Prevention, event: Event, data: Mapping[str, Any]) -> Prevention:
    intended = replace(found, stage=Stage.UNKNOWN, at=event.at, by=str(data.get("by", "")))
    if data["action"] != "apply":
        return intended
    return replace(intended, applied=found.proposal, before=data.get("before"), after=data.get("after"))


def _ended(found: Prevention, settled: Prevention, event: Event, data: Mapping[str, Any]) -> Prevention:
    words = str(data.get("words", ""))
    if data["outcome"] != "done":
        stage = settled.stage if settled.stage in (Stage.APPLIED, Stage.UNKNOWN) else Stage.REFUSED
        return replace(settled, stage=stage, at=event.at, words=words)
    where, loaded = str(data.get("where", "")), data.get("loaded")
    if data["action"] == "apply":
        return replace(found, stage=Stage.APPLIED, at=event.at, words=words, where=where, loaded=loaded)
    gone = replace(found, applied=None, before=None, after=None)
    return replace(gone, stage=Stage.REVERTED, at=event.at, words=words, where=where, loaded=loaded)
