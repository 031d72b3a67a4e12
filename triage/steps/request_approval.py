"""Wait until a person approved exactly this plan: the gate before any change of what is served."""

from pydantic import BaseModel, ConfigDict

from triage.incident import Effect
from triage.step import Context, Findings

about = None
effect = Effect.READ


class Params(BaseModel):
    """No parameters: who may approve, and for how long, is the catalogue's."""

    model_config = ConfigDict(extra="forbid")


def run(ctx: Context) -> Findings:
    """Runs only once the engine found a valid approval; says whose it is."""
    approval = ctx.incident.approval
    assert approval is not None
    return Findings(outputs={"plan": approval.plan_digest, "by": approval.by, "account": approval.account})
