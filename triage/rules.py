"""What a front end may do with the prevention rules of an incident: look, propose, test, apply, take back.

Each change is an intent, an effect and an outcome in the incident's journal; a process that was killed in between left
an intent without an outcome, and applying again finds out and finishes.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from triage.codec import encode
from triage.errors import ConfigError, NotFound, Refused, TriageError
from triage.journal import Entry, Journal
from triage.prevention import record
from triage.prevention.nouns import Proposal
from triage.prevention.record import INTENT, OUTCOME, PROPOSAL, PROPOSED, Prevention, Stage

if TYPE_CHECKING:
    from triage.catalog import Catalog
    from triage.incident import Incident, Window
    from triage.ports import RulesWritten
    from triage.rulebook.prove import Proof
    from triage.rulebook.write import Change
    from triage.step import Context, Ports

MOST_OTHERS = 50
"""Earlier incidents of the model whose windows are no false alarms."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person asked for: thresholds by rule, and rules that are not wanted."""

    by_hand: Mapping[str, float]
    without: tuple[str, ...] = ()


class Applied(NamedTuple):
    """What an apply changed, where it is now, and what it was proven with."""

    proposal: Proposal
    change: "Change"
    written: "RulesWritten"
    proof: "Proof"


class Rules:
    """The rules of the incidents of one journal. ``catalog`` overrules the one that an incident ran with."""

    def __init__(
        self, journal: Journal, connect: "Callable[[Catalog], Ports]", catalog: "Catalog | None" = None
    ) -> None:
        self._journal = journal
        self._connect = connect
        self._given = catalog

    def standing(self, incident: str) -> Prevention:
        """What became of the rules of ``incident``. Raises NotFound."""
        return record.read(self._journal.events(incident))

    def propose(
        self, incident: str, choices: Choices | None = None, progress: Callable[[str], None] = lambda line: None
    ) -> tuple[Proposal, "Context"]:
        """Compute the rules; those of the plain incident, without choices, are kept in the journal. Raises Refused."""
        from triage.rulebook.propose import proposed

        ctx = self.context(incident, progress)
        wanted = choices or Choices({})
        found = proposed(ctx, by_hand=wanted.by_hand, without=wanted.without, apart=self._others(ctx.incident))
        if not wanted.by_hand and not wanted.without:
            self._keep(found)
        return found, ctx

    def test(self, ctx: "Context", proposal: Proposal) -> "Proof":
        from triage.rulebook.prove import proven

        return proven(ctx, proposal)

    def change(self, ctx: "Context", proposal: Proposal) -> "Change":
        """What an apply would change. Raises Refused where nothing says where rules go."""
        from triage.rulebook.write import change

        return change(ctx, proposal)

    def apply(self, ctx: "Context", proposal: Proposal, by: str, *, allow_missing: bool = False) -> Applied:
        """Write the rules of ``proposal``. Its outcome is in the journal, also where it raises Refused."""
        from triage.rulebook.write import apply

        incident = ctx.incident.id
        intended = self.change(ctx, proposal)
        self._keep(proposal)
        before, after = self._bounds(incident, intended, proposal)
        intent = {"action": "apply", "by": by, "digest": proposal.digest, "before": before, "after": after}
        self._journal.append(incident, [Entry(INTENT, intent)])
        try:
            changed, written, proof = apply(ctx, proposal, allow_missing=allow_missing)
        except TriageError as error:
            self._failed(incident, "apply", error)
            raise
        self._done(incident, "apply", written)
        return Applied(proposal, changed, written, proof)

    def taking_back(
        self, incident: str, progress: Callable[[str], None] = lambda line: None
    ) -> "tuple[Change, Context]":
        """What a revert would change. Raises Refused where nothing of ``incident`` is written."""
        from triage.rulebook.write import takes_back

        stands = self.standing(incident)
        if stands.stage not in (Stage.APPLIED, Stage.UNKNOWN) or stands.after is None:
            raise Refused(f"no rules of {incident} are written", hint=f"'triage rules apply {incident}' writes them")
        ctx = self.context(incident, progress)
        before = dict(stands.before) if stands.before is not None else None
        return takes_back(ctx, incident, before, dict(stands.after)), ctx

    def revert(self, ctx: "Context", change: "Change", by: str) -> "RulesWritten":
        """Take the rules back, as `taking_back` said."""
        from triage.rulebook.write import store

        incident = ctx.incident.id
        self._journal.append(incident, [Entry(INTENT, {"action": "revert", "by": by})])
        try:
            written = store(ctx).write(change.after, f"triage: take back the rules after {incident}")
        except TriageError as error:
            self._failed(incident, "revert", error)
            raise
        self._done(incident, "revert", written)
        return written

    def context(self, incident: str, progress: Callable[[str], None] = lambda line: None) -> "Context":
        """A context over ``incident``, with the catalogue as it is now: rules are for the time to come."""
        from triage.scope import Scope
        from triage.step import Context, seeded

        found = self._journal.read(incident)
        catalog = self._given or self._catalog(found)
        return Context(
            incident=found,
            step="rules",
            params=None,
            key=f"{incident}/rules",
            catalog=catalog,
            model=catalog.model(found.model),
            ports=self._connect(catalog),
            scope=Scope(),
            rng=seeded("rules"),
            progress=progress,
        )

    def _keep(self, proposal: Proposal) -> None:
        """Write the proposal down, unless exactly this one is the last that was."""
        known = self.standing(proposal.incident).proposal
        if known is None or encode(known) != encode(proposal):
            self._journal.append(proposal.incident, [Entry(PROPOSED, {PROPOSAL: proposal})])

    def _bounds(
        self, incident: str, intended: "Change", proposal: Proposal
    ) -> "tuple[dict[str, str | None], dict[str, str | None]]":
        """What was there before the first of several applies in a row, so that a revert leads all the way back."""
        stands = self.standing(incident)
        open_ = stands.stage in (Stage.APPLIED, Stage.UNKNOWN) and stands.before is not None
        before = {**intended.before, **(dict(stands.before or {}) if open_ else {})}
        return before, dict(intended.after)

    def _failed(self, incident: str, action: str, error: TriageError) -> None:
        outcome = {"action": action, "outcome": "refused", "words": error.message}
        self._journal.append(incident, [Entry(OUTCOME, outcome)])

    def _done(self, incident: str, action: str, written: "RulesWritten") -> None:
        outcome = {"action": action, "outcome": "done", **encode(written)}
        self._journal.append(incident, [Entry(OUTCOME, outcome)])

    def _catalog(self, incident: "Incident") -> "Catalog":
        from triage.catalog import Catalog

        kept = Catalog.restore(self._journal.document(incident.catalog_digest))
        path = kept.folder / Path(kept.file).name
        with suppress(NotFound, ConfigError):  # a catalogue that is gone, or faulty now, was once right
            current = Catalog.load(path)
            if incident.model in current.models:
                return current
        return kept

    def _others(self, incident: "Incident") -> "tuple[Window, ...]":
        """The windows of the model's other incidents in which its KPI had really got worse."""
        same = [one.id for one in self._journal.summaries() if one.model == incident.model and one.id != incident.id]
        found = [self._journal.read(name) for name in same[:MOST_OTHERS]]
        return tuple(
            dict.fromkeys(
                other.window
                for other in found
                if other.diagnosis is not None
                and other.diagnosis.drop is not None
                and other.diagnosis.drop.worse
                and other.window.end <= incident.window.start
            )
        )
