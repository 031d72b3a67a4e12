"""Write the proposed alert rules and have them loaded, once somebody approved exactly these."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from triage.codec import decode, encode
from triage.errors import Refused
from triage.incident import Effect
from triage.prevention.nouns import Proposal
from triage.prevention.record import PROPOSAL, WRITTEN
from triage.rulebook.write import apply, change, store, takes_back
from triage.step import Context, Findings

about = None
effect = Effect.CHANGE


class Params(BaseModel):
    """Which rules may be written."""

    model_config = ConfigDict(extra="forbid")

    allow_missing: bool = Field(False, description="also rules whose metrics are not there yet")


def preview(ctx: Context) -> str:
    diff = change(ctx, _proposal(ctx))
    return diff.diff() or "the rules are written already"


def run(ctx: Context) -> Findings:
    proposal = _proposal(ctx)
    plan = ctx.incident.plan
    if plan is not None and all(action.params.get("digest") != proposal.digest for action in plan.actions):
        raise Refused("the rules are not those that the plan names", hint="start a new run")
    changed, written, proof = apply(ctx, proposal, allow_missing=ctx.params.allow_missing)
    tested = {"tests": proof.tested.words[-300:], "cases": proof.cases}
    return _findings(ctx, {**encode(written), "before": changed.before, "after": changed.after, **tested})


def probe(ctx: Context) -> Findings | None:
    """Files that hold exactly these rules were written by an earlier attempt; what was before them is not known."""
    intended = change(ctx, _proposal(ctx))
    if not store(ctx).holds(intended.after):
        return None
    return _findings(ctx, {"where": "", "loaded": None, "words": "found written", "after": intended.after})


def undo(ctx: Context, done: Findings) -> None:
    written = done.outputs[WRITTEN]
    back = takes_back(ctx, ctx.incident.id, written.get("before"), written["after"])
    store(ctx).write(back.after, f"triage: take back the rules after {ctx.incident.id}")


def _findings(ctx: Context, written: dict[str, Any]) -> Findings:
    approval = ctx.incident.approval
    rules = len(_proposal(ctx).kept)
    said = "1 alert rule" if rules == 1 else f"{rules} alert rules"
    said += f" written to {written['where']}" if written["where"] else " found written"
    said += "; Prometheus has loaded them" if written["loaded"] else ""
    return Findings(outputs={WRITTEN: {**written, "by": approval.by if approval else ""}, "said": said})


def _proposal(ctx: Context) -> Proposal:
    """Of the newest step that proposed rules."""
    found = [record.outputs[PROPOSAL] for record in ctx.incident.steps.values() if PROPOSAL in record.outputs]
    if not found:
        raise Refused("no rules were proposed", hint="a step 'propose_rules' comes before this one")
    return decode(Proposal, found[-1])
