"""Make the challenger the champion: the registry's alias, then all traffic; then ask the servers what they serve."""

from dataclasses import replace

from pydantic import BaseModel, ConfigDict

from triage.errors import NotFound, Refused, StepFailed
from triage.incident import Effect, Release, ReleaseStage
from triage.ports import Rollout
from triage.reading.challenger import missing_lineage
from triage.reading.release import Versions, newest, planned
from triage.routing import router_of, send, told, withdraw
from triage.staleness import carry
from triage.step import Context, Findings

about = None
effect = Effect.CHANGE


class Params(BaseModel):
    """No parameters: the versions are the plan's."""

    model_config = ConfigDict(extra="forbid")


def preview(ctx: Context) -> str:
    versions = planned(ctx)
    return (
        f"{ctx.model.registered_model}: alias '{ctx.model.alias}' moves from version {versions.champion} to"
        f" {versions.challenger}, which then answers everything"
    )


def run(ctx: Context) -> Findings:
    """Every condition of the first law is asked for here, whatever the playbook says."""
    versions = planned(ctx)
    _proven(ctx, versions)
    if ctx.stopped():
        raise Refused(f"{ctx.incident.id} was stopped by a person", hint="nothing more is done here")
    carry(ctx.ports.registry, ctx.model.registered_model, versions.champion, versions.challenger)
    return _released(ctx, versions)


def probe(ctx: Context) -> Findings | None:
    """Where an earlier attempt moved the alias, what was left to do after it is done now."""
    registry, versions = ctx.ports.registry, planned(ctx)
    if registry.champion(ctx.model.registered_model, ctx.model.alias).version != versions.challenger:
        return None
    _proven(ctx, versions)
    return _released(ctx, versions)


def undo(ctx: Context, done: Findings) -> None:
    """All traffic, and the alias, back to the champion of before."""
    release = Release(str(done.outputs["previous"]), str(done.outputs["champion"]), ReleaseStage.FULL)
    withdraw(ctx.ports, ctx.model.registered_model, ctx.model.alias, release, f"{ctx.key}/undo")


def _proven(ctx: Context, versions: Versions) -> None:
    """Whether this incident's evidence proves the challenger. Raises Refused for whatever is missing."""
    name, plan = ctx.model.registered_model, ctx.incident.plan
    try:
        version = ctx.ports.registry.version(name, versions.challenger)
    except NotFound as error:
        raise Refused(f"the challenger is gone: {error.message}", hint="start a new run for a new one") from error
    missing = missing_lineage(ctx, version)
    if missing:
        raise Refused(
            f"the lineage of version {version.version} is incomplete: {', '.join(missing)}",
            hint="a version that nobody can rebuild is not released; train it again by the retrain step",
        )
    canary = newest(ctx.incident, "canary")
    seen = canary.outputs if canary else {}
    if not seen.get("passed") or (seen["champion"], seen["challenger"]) != (versions.champion, versions.challenger):
        raise Refused(
            f"no canary of version {versions.challenger} beside version {versions.champion} has passed",
            hint="a release goes through the canary step",
        )
    if plan is None or seen.get("plan") != plan.digest:
        raise Refused("the canary passed under another plan", hint="start a new run")
    release = ctx.incident.release
    if release is None or release.challenger != versions.challenger or release.stage is not ReleaseStage.CANARY:
        stands = release.stage.value if release else "nowhere"
        raise Refused(f"version {versions.challenger} is not in its canary any more ({stands})", hint="start a new run")
    rollout = told(ctx.ports, name)
    full = Rollout(versions.challenger)
    if rollout not in (Rollout(versions.champion, versions.challenger, weight=release.weight), full):
        raise Refused(
            f"the router of '{name}' was told otherwise meanwhile: {rollout}",
            hint="find out who changed it, then start a new run",
        )


def _released(ctx: Context, versions: Versions) -> Findings:
    registry, name, alias = ctx.ports.registry, ctx.model.registered_model, ctx.model.alias
    release = ctx.incident.release
    assert release is not None  # `_proven` asked
    registry.move_alias(name, alias, versions.challenger, expected=versions.champion, key=ctx.key)
    try:
        send(ctx.ports, name, Rollout(versions.challenger), ctx.key)
    except StepFailed:
        registry.move_alias(name, alias, versions.champion, expected=versions.challenger, key=f"{ctx.key}/back")
        carry(registry, name, versions.challenger, versions.champion)
        raise
    if ctx.stopped():
        withdraw(ctx.ports, name, alias, release, f"{ctx.key}/stopped")
        raise Refused(f"{ctx.incident.id} was stopped by a person; version {versions.champion} serves again")
    served = router_of(ctx.ports).serving(name)
    said = ", ".join(f"{one.role} version {one.version}" for one in served) or "nobody could be asked"
    full = replace(release, stage=ReleaseStage.FULL, weight=1.0, reached=True, step=ctx.step, reason=f"serving: {said}")
    outputs = {
        "champion": versions.challenger,
        "previous": versions.champion,
        "served": [one.version for one in served],
        "verified": float(bool(served)),
    }
    return Findings(outputs=outputs, release=full)
