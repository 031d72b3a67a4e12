"""Weigh all evidence into ranked causes, each with its probability and its share of the drop."""

from pydantic import BaseModel, ConfigDict

from triage.codec import decode
from triage.diagnosis.diagnose import diagnose
from triage.diagnosis.scorecard import shipped
from triage.incident import Drop, Effect
from triage.step import Context, Findings

about = None
effect = Effect.READ


class Params(BaseModel):
    """No parameters: the weights are the product's."""

    model_config = ConfigDict(extra="forbid")


def run(ctx: Context) -> Findings:
    measured = next((step.outputs["drop"] for step in ctx.incident.steps.values() if "drop" in step.outputs), None)
    drop = decode(Drop, measured) if measured is not None else None
    return Findings(diagnosis=diagnose(ctx.incident.evidence, drop, shipped()))
