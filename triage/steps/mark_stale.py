"""Tag the champion as stale in the registry: it stays so until recent data says otherwise.

The tag holds the ids of all incidents that called the version stale, so that each adds and takes back only its own.
"""

import json
from collections.abc import Iterable, Mapping

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
    return f"{ctx.model.registered_model}: {ctx.incident.id} is added to the tag {TAG} of the version that serves"


def run(ctx: Context) -> Findings:
    champion = ctx.ports.registry.champion(ctx.model.registered_model, ctx.model.alias)
    named = incidents(champion.tags)
    if ctx.incident.id not in named:
        ctx.ports.registry.tag(champion, TAG, listed((*named, ctx.incident.id)))
    return Findings(outputs={"version": champion.version})


def probe(ctx: Context) -> Findings | None:
    champion = ctx.ports.registry.champion(ctx.model.registered_model, ctx.model.alias)
    if ctx.incident.id not in incidents(champion.tags):
        return None
    return Findings(outputs={"version": champion.version})


def undo(ctx: Context, done: Findings) -> None:
    marked = ctx.ports.registry.version(ctx.model.registered_model, done.outputs["version"])
    rest = [name for name in incidents(marked.tags) if name != ctx.incident.id]
    ctx.ports.registry.tag(marked, TAG, listed(rest))


def incidents(tags: Mapping[str, str] | None, tag: str = TAG) -> tuple[str, ...]:
    """The incidents that ``tag`` names, oldest first; what someone else wrote there counts as one."""
    text = (tags or {}).get(tag, "")
    try:
        named = json.loads(text)
    except ValueError:
        named = text
    return tuple(map(str, named)) if isinstance(named, list) else (text,) if text else ()


def listed(names: Iterable[str]) -> str:
    """The tag's value for ``names``: nothing where there are none."""
    held = list(names)
    return json.dumps(held) if held else ""
