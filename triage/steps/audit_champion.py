"""Could the champion be built again today? What is not kept of its making, before anything is retrained."""

from pydantic import BaseModel, ConfigDict, Field

from triage.codec import digest
from triage.incident import CauseKind, Effect, Evidence, Measure, Source, Verdict
from triage.lineage.audit import Mark
from triage.reading.provenance import audit
from triage.step import Context, Findings

about = CauseKind.UNKNOWN
effect = Effect.READ


class Params(BaseModel):
    """Whether the training data is read again, to compare its digest with the recorded one."""

    model_config = ConfigDict(extra="forbid")

    reread: bool = Field(False, description="read the training rows again and compare their digest")


def run(ctx: Context) -> Findings:
    champion = ctx.ports.registry.champion(ctx.model.registered_model, ctx.model.alias)
    found = audit(ctx.catalog, ctx.model, ctx.ports, champion, reread=ctx.params.reread)
    kept = sum(item.mark is Mark.KEPT for item in found.items)
    evidence = Evidence(
        id="audit",
        step=ctx.step,
        about=about,
        verdict=Verdict.INCONCLUSIVE,
        statement=found.statement,
        subject=f"version {champion.version}",
        measures=(Measure("kept", kept), Measure("needed", len(found.items))),
        sources=(Source("model", champion.name, champion.version, digest(found)),),
        hint=next((item.hint for item in found.items if item.mark is not Mark.KEPT), ""),
    )
    outputs = {"version": champion.version, "rebuildable": float(found.rebuildable), "gaps": list(found.gaps)}
    return Findings(evidence=(evidence,), outputs=outputs)
