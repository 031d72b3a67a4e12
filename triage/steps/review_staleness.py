"""Take the stale tag off the champion, but only where this run measured recent data and found nothing wrong with it."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from triage.catalog import PositiveDuration
from triage.incident import CauseKind, Effect
from triage.step import Context, Findings
from triage.steps.mark_stale import TAG, incidents, listed

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
    stays = _why_it_stays(ctx)
    if stays:
        ctx.progress(f"{ctx.model.registered_model} stays stale: {stays}")
        return Findings(outputs={"cleared": False, "why": stays})
    registry = ctx.ports.registry
    champion = registry.champion(ctx.model.registered_model, ctx.model.alias)
    before = incidents(champion.tags)
    # What is taken off is written down first: a process killed between the two tags loses nothing.
    registry.tag(champion, REVIEWED, listed((ctx.incident.id, *before)))
    registry.tag(champion, TAG, "")
    return _cleared(champion.version, before)


def probe(ctx: Context) -> Findings | None:
    champion = ctx.ports.registry.champion(ctx.model.registered_model, ctx.model.alias)
    reviewer, *before = incidents(champion.tags, REVIEWED) or ("",)
    if reviewer != ctx.incident.id or incidents(champion.tags):
        return None
    return _cleared(champion.version, tuple(before))


def undo(ctx: Context, done: Findings) -> None:
    if not done.outputs["cleared"]:
        return
    cleared = ctx.ports.registry.version(ctx.model.registered_model, done.outputs["version"])
    since = [name for name in incidents(cleared.tags) if name not in done.outputs["before"]]
    ctx.ports.registry.tag(cleared, TAG, listed((*done.outputs["before"], *since)))
    ctx.ports.registry.tag(cleared, REVIEWED, "")


def _cleared(version: str, before: tuple[str, ...]) -> Findings:
    return Findings(outputs={"cleared": True, "version": version, "before": list(before)})


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
