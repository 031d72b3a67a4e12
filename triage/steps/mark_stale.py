"""Tag the champion as stale in the registry: it stays so until recent data says otherwise."""

from pydantic import BaseModel, ConfigDict

from triage.incident import Effect
from triage.step import Context, Findings

about = None
effect = Effect.CHANGE
gated = False  # a tag never changes what is served
TAG = "triage.stale"


class Params(BaseModel):
    """No parameters: the model is the incident's."""

    model_config = ConfigDict(extra="forbid")


def preview(ctx: Context) -> str:
    return f"{ctx.model.registered_model}: the version that serves gets the tag {TAG} = {ctx.incident.id}"


def run(ctx: Context) -> Findings:
    champion = ctx.ports.registry.champion(ctx.model.registered_model, ctx.model.alias)
    before = (champion.tags or {}).get(TAG, "")
    ctx.ports.registry.tag(champion, TAG, ctx.incident.id)
    return Findings(outputs={"version": champion.version, "before": before})


def probe(ctx: Context) -> Findings | None:
    champion = ctx.ports.registry.champion(ctx.model.registered_model, ctx.model.alias)
    if (champion.tags or {}).get(TAG) != ctx.incident.id:
        return None
    return Findings(outputs={"version": champion.version, "before": ""})


def undo(ctx: Context, done: Findings) -> None:
    champion = ctx.ports.registry.version(ctx.model.registered_model, done.outputs["version"])
    ctx.ports.registry.tag(champion, TAG, done.outputs["before"])
