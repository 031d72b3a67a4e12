"""Tag the champion as stale in the registry: it stays so until recent data says otherwise.

The tag holds the ids of all incidents that called the version stale, so that each adds and takes back only its own.
"""

from pydantic import BaseModel, ConfigDict

from triage.incident import Effect
from triage.staleness import TAG, incidents, mark, unmark
from triage.step import Context, Findings

about = None
effect = Effect.CHANGE
gated = False  # a tag never changes what is served


class Params(BaseModel):
    """No parameters: the model is the incident's."""

    model_config = ConfigDict(extra="forbid")


def preview(ctx: Context) -> str:
    return f"{ctx.model.registered_model}: {ctx.incident.id} is added to the tag {TAG} of the version that serves"


def run(ctx: Context) -> Findings:
    champion = ctx.ports.registry.champion(ctx.model.registered_model, ctx.model.alias)
    mark(ctx.ports.registry, champion, ctx.incident.id, ctx.incident.window.end)
    return Findings(outputs={"version": champion.version})


def probe(ctx: Context) -> Findings | None:
    champion = ctx.ports.registry.champion(ctx.model.registered_model, ctx.model.alias)
    if ctx.incident.id not in incidents(champion.tags):
        return None
    return Findings(outputs={"version": champion.version})


def undo(ctx: Context, done: Findings) -> None:
    marked = ctx.ports.registry.version(ctx.model.registered_model, done.outputs["version"])
    unmark(ctx.ports.registry, marked, (ctx.incident.id,))
