"""Which alerts would have caught the incident sooner? Proven on its past; nothing is written."""

from pydantic import BaseModel, ConfigDict

from triage.codec import encode
from triage.diagnosis.plan import bound
from triage.errors import TriageError
from triage.incident import Action, Alternative, Effect, Plan
from triage.numbers import span
from triage.prevention.nouns import Proposal
from triage.prevention.record import PROPOSAL
from triage.reading.features import champion
from triage.rulebook.propose import proposed
from triage.rulebook.write import change
from triage.step import Context, Findings

about = None
effect = Effect.READ


class Params(BaseModel):
    """No parameters: what is watched follows from the diagnosis, where rules go from the catalogue."""

    model_config = ConfigDict(extra="forbid")


def run(ctx: Context) -> Findings:
    """With a place to write them to, the rules become a plan that a person is asked about."""
    proposal = proposed(ctx)
    outputs = {PROPOSAL: encode(proposal), "kept": len(proposal.kept), "writable": 0, "said": words(proposal)}
    if left := _not_to_be_written(ctx, proposal):
        return Findings(outputs={**outputs, "said": f"{words(proposal)}; {left}"})
    return Findings(outputs={**outputs, "writable": len(proposal.kept)}, plan=_plan(ctx, proposal))


def _not_to_be_written(ctx: Context, proposal: Proposal) -> str:
    """Why nobody is asked whether the rules may be written, or nothing."""
    if not proposal.kept:
        return "there is nothing to write"
    if ctx.ports.rules is None:
        return "the catalogue names no place to write them to (prevention)"
    try:
        return "they are written already" if change(ctx, proposal).is_nothing else ""
    except TriageError as error:
        return f"they can't be written: {error.message}"


def words(proposal: Proposal) -> str:
    """How many rules, and which of them would have fired first."""
    counted = f"{len(proposal.kept)} of {len(proposal.rules)} rules are proven"
    first = proposal.soonest
    if first is None or first.backtest is None or first.backtest.sooner_seconds is None:
        return f"{counted}; none of them would have fired sooner"
    sooner = first.backtest.sooner_seconds
    when = f"{span(abs(sooner))} {'before' if sooner >= 0 else 'after'} {proposal.alert}"
    return f"{counted}; {first.name} would have fired {when}"


def _plan(ctx: Context, proposal: Proposal) -> Plan:
    version = champion(ctx)
    action = Action(
        step="apply_rules",
        title=f"Write {len(proposal.kept)} alert rules for {ctx.model.name}",
        effect=Effect.CHANGE,
        why=words(proposal),
        params={"digest": proposal.digest},
        before="no rule watches this cause",
        after=", ".join(rule.name for rule in proposal.kept),
        blast_radius="who is paged; nothing that is served",
        risk="an alert that pages in vain: none was refused by its backtest",
        undo=f"'triage rules revert {proposal.incident}'",
        stops_if="their unit tests fail, their metrics are missing, or Prometheus refuses them",
        reaches_users=False,
    )
    left = [rule for rule in proposal.rules if not rule.kept]
    drafted = Plan(
        summary=f"write the alerts that would have caught it: {words(proposal)}",
        actions=(action,),
        not_chosen=tuple(Alternative(rule.name, rule.reason) for rule in left),
        champion=version.version if version else "",
        covers=("apply_rules",),
    )
    return bound(drafted, ctx.incident.evidence)
