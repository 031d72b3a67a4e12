"""Who lost most: segments, of one feature or two, whose rows got worse more than everyone else's."""

from pydantic import BaseModel, ConfigDict, Field

from triage.drift.concept.slices import Slice, SliceSearch, worst_slices
from triage.drift.resample import design_effect
from triage.incident import CauseKind, Effect, Evidence, Measure, Verdict
from triage.reading import windows
from triage.reading.analysis import blocks
from triage.reading.features import features
from triage.reading.labels import labels
from triage.reading.logged import predictions
from triage.reading.losses import kpi_loss
from triage.step import Context, Findings, unmeasured

about = CauseKind.UNKNOWN
effect = Effect.READ
WHOLE = "segments"
FEWEST_LABELS = 100


class Params(BaseModel):
    """How many are shown."""

    model_config = ConfigDict(extra="forbid")

    most: int = Field(5, ge=1, le=50, description="how many segments are shown at most, the clearest first")


def run(ctx: Context) -> Findings:
    healthy, current = windows.healthy(ctx), windows.current(ctx)
    before, now = labels(ctx, healthy), labels(ctx, current)
    if min(before.known, now.known) < FEWEST_LABELS:
        unmeasured(
            f"{now.known} labels of the incident window and {before.known} of the healthy span have arrived,"
            f" {FEWEST_LABELS} are needed",
            hint="run again once labels have arrived",
        )
    loss = kpi_loss(ctx)
    lost, lost_now = loss(before.values, predictions(ctx, healthy)), loss(now.values, predictions(ctx, current))
    found = worst_slices(
        healthy.rows,
        lost,
        current.rows,
        lost_now,
        features(ctx).names,
        most=ctx.params.most,
        design_effect=max(design_effect(lost, blocks(ctx, healthy)), design_effect(lost_now, blocks(ctx, current))),
    )
    sources = (healthy.source, current.source, before.source, now.source)
    parts = [
        Evidence(
            id=f"{WHOLE}.{place}",
            step=ctx.step,
            about=about,
            verdict=Verdict.SUPPORTS,
            subject=str(segment),
            statement=_said(segment),
            measures=_measures(segment),
            sources=sources,
            window=ctx.incident.window,
            part_of=WHOLE,
        )
        for place, segment in enumerate(found.worst, 1)
    ]
    whole = Evidence(
        id=WHOLE,
        step=ctx.step,
        about=about,
        verdict=Verdict.SUPPORTS if found.worst else Verdict.REFUTES,
        subject="segments",
        statement=_summed_up(found),
        measures=(Measure("segments_tried", found.tried), Measure("segments_found", len(found.worst))),
        sources=sources,
        window=ctx.incident.window,
    )
    return Findings(evidence=(whole, *parts), outputs={"segments": len(found.worst)})


def _summed_up(found: SliceSearch) -> str:
    tried = f"of {found.tried:,} segments of one feature or two"
    left = f"; {found.features_left_out} features were left out" if found.features_left_out else ""
    if not found.worst:
        return f"{tried} none got worse more than the rest: the loss is spread evenly{left}"
    named = ", ".join(str(segment) for segment in found.worst[:3])
    more = f" and {len(found.worst) - 3} more" if len(found.worst) > 3 else ""
    return f"{tried} {named}{more} got worse more than the rest{left}"


def _said(segment: Slice) -> str:
    share = segment.share_of_drop
    part = f": {share:.0%} of what all rows lost" if share is not None else ""
    return f"{segment} lost {segment.change:.3g} a row, all others {segment.rest_change:.3g}{part}"


def _measures(segment: Slice) -> tuple[Measure, ...]:
    return (
        Measure("change", segment.change, "loss"),
        Measure("change_elsewhere", segment.rest_change, "loss"),
        Measure("part_of_loss", segment.share_of_drop),
        Measure("z", segment.z),
        Measure("p_value", segment.p_value),
        Measure("rows_before", segment.rows_baseline, "rows"),
        Measure("rows_now", segment.rows_current, "rows"),
    )
