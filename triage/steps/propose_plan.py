"""Propose the safe next steps, with the reasons against the others."""

from pydantic import BaseModel, ConfigDict

from triage.diagnosis.plan import plan
from triage.errors import TriageError
from triage.incident import Effect
from triage.step import Context, Findings, unmeasured

about = None
effect = Effect.READ


class Params(BaseModel):
    """No parameters: the plan follows from the diagnosis."""

    model_config = ConfigDict(extra="forbid")


def run(ctx: Context) -> Findings:
    if ctx.incident.diagnosis is None:
        unmeasured("there is no diagnosis to plan from")
    try:
        champion = ctx.ports.registry.champion(ctx.model.registered_model, ctx.model.alias).version
    except TriageError as error:
        ctx.progress(f"the champion is not known: {error.message}")
        champion = "that serves now (the registry did not say which)"
    return Findings(plan=plan(ctx.incident.diagnosis, ctx.model.registered_model, champion, ctx.incident.evidence))
