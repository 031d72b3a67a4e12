"""Was the model served what the feature pipeline computes? Row by row, for the same entity and time."""

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from triage.diagnosis.scorecard import SHARE, STRENGTH
from triage.drift.quality.skew import FeatureParity, Skew, SourceParity
from triage.drift.resample import block_sums, difference
from triage.errors import Refused, TriageError, Unmeasurable
from triage.incident import CauseKind, Effect, Evidence, Measure, Source, Verdict
from triage.reading import windows
from triage.reading.analysis import blocks, impact
from triage.reading.labels import labels
from triage.reading.loaded import loaded
from triage.reading.logged import predictions
from triage.reading.losses import model_loss
from triage.reading.parity import parity
from triage.reading.part import logged_part
from triage.reading.usual import usual_version
from triage.reading.weight import CLEAR_SHARE, LEAST_SHARE, together, weights
from triage.step import Context, Findings

about = CauseKind.SERVING_SKEW
effect = Effect.READ
WHOLE = "serving_skew"
UNPROVEN_STRENGTH = 0.6


class Params(BaseModel):
    """No parameters: the reference is the catalogue's."""

    model_config = ConfigDict(extra="forbid")


def run(ctx: Context) -> Findings:
    compared = parity(ctx)
    found, reference, key = compared.found, compared.reference, compared.key
    sources = (windows.current(ctx).source, compared.source)
    if not found.skewed:
        said = f"{found.matched} served rows agree with the recomputed ones in all of {len(found.features)} features"
        return Findings(evidence=(_whole(ctx, Verdict.REFUTES, said, found, sources),))
    parts = [
        _evidence(ctx, one, _share(ctx, reference, key, one.skewed), found, sources)
        for one in found.sources
        if one.skewed
    ]
    guilty = [item for item in parts if item.verdict is Verdict.SUPPORTS]
    if guilty:
        said = f"served rows differ from the recomputed ones in {', '.join(item.subject for item in guilty)}"
        return Findings(evidence=(_whole(ctx, Verdict.SUPPORTS, said, found, sources, guilty), *parts))
    said = f"{len(found.skewed)} features differ from the recomputed ones, which changes nothing that matters"
    return Findings(evidence=(_whole(ctx, Verdict.REFUTES, said, found, sources), *parts))


def _share(
    ctx: Context, reference: pd.DataFrame, key: str, names: tuple[str, ...]
) -> tuple[float, float, float] | None:
    """The share of the drop that goes away when ``names`` are put right; None where that can't be measured."""
    try:
        healthy, current, version = windows.healthy(ctx), windows.current(ctx), usual_version(ctx)
        before, now = labels(ctx, healthy), labels(ctx, current)
        if version is None:
            return None
        rows = current.rows
        right = reference.drop_duplicates(key).set_index(key).reindex(rows[key])
        known = np.isfinite(now.values) & right[list(names)].notna().any(axis=1).to_numpy()
        mended = rows.assign(**{name: right[name].to_numpy() for name in names})[known]
        predict, loss = loaded(ctx, version).predict, model_loss(ctx)
        said = predictions(ctx, current)[known]
        served, could = loss(now.values[known], said), loss(now.values[known], predict(mended))
        usual = loss(before.values, predictions(ctx, healthy))
    except (Unmeasurable, Refused, TriageError) as error:
        ctx.progress(f"what the skew costs is not known: {error.message}")
        return None
    drop = float(np.nanmean(served) - np.nanmean(usual)) / logged_part(ctx)
    if drop <= 0 or not known.any():
        return None
    stretches = blocks(ctx, current)[known]
    cost, low, high, _ = difference(block_sums(could, stretches), block_sums(served, stretches), ctx.rng)
    undone = tuple(part / drop for part in (cost, low, high))
    injected = _injected(ctx, names)
    if injected is not None:  # what it costs by itself and what it costs on top of all else: the Shapley mean
        undone = tuple((one + other) / 2 for one, other in zip(undone, injected, strict=True))
    return min(1.0, undone[0]), min(1.0, undone[1]), min(1.0, undone[2])


def _injected(ctx: Context, names: tuple[str, ...]) -> tuple[float, float, float] | None:
    """What the same features cost, injected into healthy rows; None where they were not all replayed."""
    try:
        weighed = weights(impact(ctx))
    except TriageError:
        return None
    parts = [weighed[name] for name in names if name in weighed]
    if len(parts) < len(names):
        return None
    whole = together(parts)
    if whole.share is None or whole.low is None or whole.high is None:
        return None
    return whole.share, whole.low, whole.high


def _said(one: FeatureParity) -> str:
    instead = f", most others served as {one.filler!r}" if one.filler is not None else ""
    instead += f", {one.relation}" if one.relation else ""
    return f"{one.feature} ({one.equal:.0%} equal{instead})"


def _evidence(
    ctx: Context,
    parity: SourceParity,
    share: tuple[float, float, float] | None,
    found: Skew,
    sources: tuple[Source, ...],
) -> Evidence:
    features_ = [one for one in found.features if one.feature in parity.skewed]
    said = ", ".join(_said(one) for one in features_[:6])
    measures: tuple[Measure, ...] = (Measure("rows_equal", parity.equal, "share of rows"),)
    if share is None:
        verdict, measures = Verdict.SUPPORTS, (*measures, Measure(STRENGTH, UNPROVEN_STRENGTH))
        said += "; what that costs is not known"
    elif share[0] >= LEAST_SHARE and share[1] > 0:
        verdict = Verdict.SUPPORTS
        measures = (
            *measures,
            Measure(SHARE, *share[:1], "", *share[1:]),
            Measure(STRENGTH, min(1.0, share[0] / CLEAR_SHARE)),
        )
        said += f"; with the right values {share[0]:.0%} of the drop goes away"
    else:
        verdict, measures = Verdict.INCONCLUSIVE, (*measures, Measure(SHARE, share[0], "", share[1], share[2]))
        said += "; with the right values the drop hardly changes"
    return Evidence(
        id=f"{WHOLE}.{parity.source}",
        step=ctx.step,
        about=about,
        verdict=verdict,
        subject=parity.source,
        statement=f"served and recomputed values differ: {said}",
        measures=measures,
        sources=sources,
        window=ctx.incident.window,
        part_of="" if verdict is Verdict.SUPPORTS else WHOLE,
    )


def _whole(
    ctx: Context,
    verdict: Verdict,
    said: str,
    found: Skew,
    sources: tuple[Source, ...],
    guilty: list[Evidence] | None = None,
) -> Evidence:
    strengths = [item.measure(STRENGTH) or 0.0 for item in guilty or ()]
    return Evidence(
        id=WHOLE,
        step=ctx.step,
        about=about,
        verdict=verdict,
        statement=said,
        measures=(
            Measure("rows_matched", found.matched, "rows"),
            Measure("features_skewed", len(found.skewed)),
            Measure(STRENGTH, max(strengths, default=1.0)),
        ),
        sources=sources,
        window=ctx.incident.window,
    )
