"""List what was changed around the incident: deploys, restarts, targets that went away, newly registered versions."""

from pydantic import BaseModel, ConfigDict

from triage.errors import Unmeasurable
from triage.incident import CauseKind, Effect, Evidence, Measure, Verdict
from triage.numbers import between, moment
from triage.reading.changes import Changes, changes
from triage.step import Context, Findings

about = CauseKind.UNKNOWN
effect = Effect.READ
TOLD = 5


class Params(BaseModel):
    """No parameters: the queries are the catalogue's, the versions the registry's."""

    model_config = ConfigDict(extra="forbid")


def run(ctx: Context) -> Findings:
    found = changes(ctx)
    if not found.sources:
        reasons = "; ".join(error.message for error in found.missing)
        raise Unmeasurable(f"no change could be read: {reasons}", hint=found.missing[0].hint)
    evidence = Evidence(
        id="changes",
        step=ctx.step,
        about=about,
        verdict=Verdict.INCONCLUSIVE,
        statement=_statement(found),
        measures=(Measure("changes", len(found.events)), Measure("sources_that_did_not_answer", len(found.missing))),
        sources=found.sources,
        window=found.span,
        hint=found.missing[0].hint if found.missing else "",
    )
    return Findings(evidence=(evidence,), outputs=found.output)


def _statement(found: Changes) -> str:
    told = "; ".join(f"{event.statement} at {moment(event.at)}" for event in found.events[:TOLD])
    more = f"; {len(found.events) - TOLD} more" if len(found.events) > TOLD else ""
    span = between(found.span.start, found.span.end)
    said = f"changes, {span}: {told}{more}" if found.events else f"no change seen, {span}"
    missing = f" (not readable: {'; '.join(error.message for error in found.missing)})" if found.missing else ""
    return said + missing
