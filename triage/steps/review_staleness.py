"""Take the stale tag off the champion, but only where this run measured recent data and found nothing wrong with it."""

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field

from triage.catalog import PositiveDuration
from triage.incident import CauseKind, Effect, ReleaseStage
from triage.staleness import TAG, answered, incidents, listed, marks, unmark, written
from triage.step import Context, Findings

about = None
effect = Effect.CHANGE
gated = False  # a tag never changes what is served
REVIEWED = "triage.stale.reviewed"
"""The tag that keeps which incident took the stale tag off, and what it held."""

NEEDED = (CauseKind.DATA_QUALITY, CauseKind.FEATURE_DRIFT)
"""What must have been measured and ruled out beside the KPI: the model's inputs."""


class Params(BaseModel):
    """How old the data may be that speaks for the model."""

    model_config = ConfigDict(extra="forbid")

    recent: PositiveDuration = Field(
        timedelta(hours=48), description="the incident window must have ended at most this long ago"
    )
    recovered_by: str = Field("", description="id of a watch_recovery step: its verdict is the newest data there is")


def preview(ctx: Context) -> str:
    stays = _why_it_stays(ctx)
    what = f"{ctx.model.registered_model}: the tag {TAG}"
    return f"{what} stays: {stays}" if stays else f"{what} is taken off the version that serves"


def run(ctx: Context) -> Findings:
    registry = ctx.ports.registry
    champion = registry.champion(ctx.model.registered_model, ctx.model.alias)
    stays = _why_it_stays(ctx) or _another_serves(ctx, champion.version)
    if stays:
        ctx.progress(f"{ctx.model.registered_model} stays stale: {stays}")
        return Findings(outputs={"cleared": False, "why": stays})
    gone = answered(marks(champion.tags), _measured_until(ctx), ctx.incident.id)
    # What is taken off is written down first: a process killed between the two tags loses nothing.
    registry.tag(champion, REVIEWED, listed((ctx.incident.id, *gone)))
    return _cleared(champion.version, gone, unmark(registry, champion, gone))


def probe(ctx: Context) -> Findings | None:
    champion = ctx.ports.registry.champion(ctx.model.registered_model, ctx.model.alias)
    reviewer, *gone = incidents(champion.tags, REVIEWED) or ("",)
    left = incidents(champion.tags)
    if reviewer != ctx.incident.id or set(gone) & set(left):
        return None
    return _cleared(champion.version, tuple(gone), left)


def undo(ctx: Context, done: Findings) -> None:
    if not done.outputs.get("before"):
        return
    cleared = ctx.ports.registry.version(ctx.model.registered_model, done.outputs["version"])
    ctx.ports.registry.tag(cleared, TAG, written({**dict.fromkeys(done.outputs["before"], ""), **marks(cleared.tags)}))
    ctx.ports.registry.tag(cleared, REVIEWED, "")


def _cleared(version: str, gone: tuple[str, ...], left: tuple[str, ...]) -> Findings:
    outputs = {"cleared": not left, "version": version, "before": list(gone)}
    if left:
        outputs["why"] = f"not answered by this data: {', '.join(left)}"
    return Findings(outputs=outputs)


def _measured_until(ctx: Context) -> datetime:
    """Up to when what was seen may be answered here: after a release that helped, all that was before it."""
    release = ctx.incident.release
    since = release.since if release is not None and ctx.params.recovered_by else None
    return since or ctx.incident.window.end


def _another_serves(ctx: Context, champion: str) -> str:
    """What is wrong with letting this run's data speak for ``champion``, or nothing."""
    if ctx.params.recovered_by:
        release = ctx.incident.release
        measured = (
            "" if release is None else release.challenger if release.stage is ReleaseStage.FULL else release.champion
        )
    else:
        marked = [one for one in ctx.incident.steps.values() if one.uses == "mark_stale" and "version" in one.outputs]
        measured = (
            str(marked[0].outputs["version"]) if marked else ctx.incident.plan.champion if ctx.incident.plan else ""
        )
    return f"version {champion} serves, and version {measured} was measured" if measured not in ("", champion) else ""


def _why_it_stays(ctx: Context) -> str:
    """The reason why the model is still stale, or nothing. Whatever was not measured is a reason."""
    if ctx.params.recovered_by:
        watched = ctx.incident.steps.get(ctx.params.recovered_by)
        verdict = watched.outputs.get("verdict") if watched else None
        return "" if verdict == "recovered" else f"the model has not recovered ({verdict or 'nobody looked'})"
    diagnosis = ctx.incident.diagnosis
    if diagnosis is None or diagnosis.drop is None:
        return "how far the KPI moved was not measured"
    if diagnosis.causes:
        return diagnosis.statement
    missing = [kind for kind in NEEDED if kind not in {ruled.kind for ruled in diagnosis.ruled_out}]
    if missing:
        return f"{' and '.join(kind.replace('_', ' ') for kind in missing)} could not be ruled out"
    age = ctx.ports.clock.now() - ctx.incident.window.end
    if age > ctx.params.recent:
        return f"the data is not recent: its window ended {ctx.incident.window.end:%Y-%m-%d %H:%M} UTC"
    return ""
