"""Propose the safe next steps, with the reasons against the others."""

from pydantic import BaseModel, ConfigDict

from triage.diagnosis.plan import RETRAINED, plan
from triage.errors import NotFound, Refused, TriageError
from triage.incident import CauseKind, Diagnosis, Effect
from triage.reading import windows
from triage.reading.challenger import judge_readiness
from triage.reading.served_by import mostly_served_by
from triage.reading.serving import canary_stops, shadow_stops
from triage.step import Context, Findings, unmeasured

about = None
effect = Effect.READ


class Params(BaseModel):
    """The plan follows from the diagnosis."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    routine: bool = False
    """Propose a retrain also where the model has not got worse: continuous training."""


def run(ctx: Context) -> Findings:
    diagnosis = ctx.incident.diagnosis
    if diagnosis is None:
        unmeasured("there is no diagnosis to plan from")
    no_champion = ""
    try:
        champion = ctx.ports.registry.champion(ctx.model.registered_model, ctx.model.alias).version
    except NotFound as error:
        champion, no_champion = "", error.message
    except TriageError as error:
        ctx.progress(f"the champion is not known: {error.message}")
        champion = "that serves now (the registry did not say which)"
    return Findings(
        plan=plan(
            diagnosis,
            ctx.model.registered_model,
            champion,
            ctx.incident.evidence,
            previous=_previous(ctx, diagnosis, champion),
            too_early=_too_early(ctx, diagnosis),
            no_champion=no_champion,
            routine=ctx.params.routine,
            stops={"shadow": shadow_stops(ctx.model), "canary": canary_stops(ctx.model)},
        )
    )


def _too_early(ctx: Context, diagnosis: Diagnosis) -> str:
    """Why the newest rows are not fit to train on yet, where retraining is the remedy and can be judged."""
    kind = diagnosis.causes[0].kind if diagnosis.causes else None
    retrains = kind in RETRAINED or (kind is None and ctx.params.routine)
    if not retrains or ctx.model.training is None:
        return ""
    try:
        judge_readiness(ctx)
    except Refused as error:
        return error.message.removeprefix("too early to retrain: ")
    except TriageError as error:
        ctx.progress(f"whether the rows are fit to train on is not known yet: {error.message}")
    return ""


def _previous(ctx: Context, diagnosis: Diagnosis, champion: str) -> str:
    """The version to go back to after a bad deploy, or nothing where none is known.

    What the registry keeps of moves comes first, then what answered in the healthy span, then the next older version.
    """
    cause = diagnosis.causes[0] if diagnosis.causes else None
    if cause is None or cause.kind is not CauseKind.BAD_DEPLOY:
        return ""
    arrived = cause.subject.removeprefix("version ").strip()
    if arrived and arrived != champion:
        return champion  # what was deployed is not what the registry says
    registry, name = ctx.ports.registry, ctx.model.registered_model
    try:
        moved = next((one for one in reversed(registry.moves(name)) if one.version == champion), None)
        if moved is not None and moved.alias == ctx.model.alias and moved.previous:
            return moved.previous
        known = [one.version for one in registry.versions(name)]
        before = _answered_before(ctx)
    except TriageError as error:
        ctx.progress(f"the version before is not known: {error.message}")
        return ""
    if before in known and before != champion:
        return before
    older = [one for one in known if one.isdigit() and champion.isdigit() and int(one) < int(champion)]
    return max(older, key=int, default="")


def _answered_before(ctx: Context) -> str:
    """The version that answered most of the healthy span, where the serving log names versions."""
    column = ctx.model.serving_log.version
    rows = windows.healthy(ctx).rows
    return mostly_served_by(rows[column]) if column is not None and column in rows else ""
