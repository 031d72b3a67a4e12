"""Are the labels themselves to be trusted? Coverage, delay, constant and flipped values."""

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from triage.diagnosis.scorecard import STRENGTH
from triage.drift.codes import as_floats
from triage.drift.concept.labels import LabelFaultKind, LabelReport, label_faults
from triage.errors import Unmeasurable
from triage.incident import CauseKind, Effect, Evidence, Measure, Verdict
from triage.reading import windows
from triage.reading.labels import Labelled, labels
from triage.reading.logged import predictions
from triage.reading.losses import kpi_loss
from triage.reading.weight import CLEAR_SHARE
from triage.step import Context, Findings, unmeasured

about = CauseKind.LABEL_FAULT
effect = Effect.READ
AMBIGUOUS_STRENGTH, MIRRORED_STRENGTH = 0.4, 0.8
"""Labels that run against the scores look like a changed concept: they speak, but not loudly. A world that turns over
by more than half is rarer than a column that does."""
MIRRORED = 0.5
"""Of the ranking above chance that the scores had, what they must have below it."""


class Params(BaseModel):
    """No parameters: labels and their delay are the catalogue's."""

    model_config = ConfigDict(extra="forbid")


def run(ctx: Context) -> Findings:
    healthy, current = windows.healthy(ctx), windows.current(ctx)
    before, now = labels(ctx, healthy), labels(ctx, current)
    assert ctx.model.labels is not None  # `labels` has said so already
    time = ctx.catalog.dataset(ctx.model.serving_log.dataset).time
    served, served_now = as_floats(healthy.rows[time]), as_floats(current.rows[time])
    due = served_now <= (ctx.incident.window.end - ctx.model.labels.delay).timestamp()
    if not due.any():
        unmeasured(
            "no label of the incident window is due yet", hint=f"they are due {ctx.model.labels.delay} after the event"
        )
    report = label_faults(
        before.values,
        predictions(ctx, healthy),
        now.values[due],
        predictions(ctx, current)[due],
        delays=_delays(before, served),
        current_delays=_delays(now, served_now)[due],
    )
    most = _most_explained(ctx, report, before, now)
    if report.faults:
        verdict, said = Verdict.SUPPORTS, "; ".join(fault.statement for fault in report.faults)
        if most is not None and most < CLEAR_SHARE:
            verdict = Verdict.INCONCLUSIVE
            said += f"; whatever the missing ones would say, they explain at most {most:.0%} of the drop"
    elif report.unmeasured:
        verdict, said = Verdict.UNMEASURED, "; ".join(one.reason for one in report.unmeasured)
    else:
        verdict, said = (
            Verdict.REFUTES,
            f"{report.coverage:.1%} of rows have a label ({report.healthy_coverage:.1%} before)",
        )
    evidence = Evidence(
        id="label_fault",
        step=ctx.step,
        about=about,
        verdict=verdict,
        statement=said + ("; in labels and scores alone a changed concept looks the same" if report.ambiguous else ""),
        measures=(
            Measure("coverage", report.coverage, "share of rows"),
            Measure("healthy_coverage", report.healthy_coverage, "share of rows"),
            Measure("ranking", report.ranking, "AUC"),
            Measure("healthy_ranking", report.healthy_ranking, "AUC"),
            Measure(STRENGTH, _strength(report)),
        ),
        sources=(before.source, now.source),
        window=ctx.incident.window,
        hint=_hint(ctx, verdict, ambiguous=report.ambiguous),
    )
    return Findings(evidence=(evidence,), outputs={"coverage": report.coverage})


def _most_explained(ctx: Context, report: LabelReport, before: Labelled, now: Labelled) -> float | None:
    """The largest share of the drop that labels which did not come could make, had every one of them been a best case;
    None where other faults are there as well, or labelled rows show no drop."""
    if not report.faults or any(fault.kind is not LabelFaultKind.MISSING for fault in report.faults):
        return None
    try:
        loss = kpi_loss(ctx)
        usual = loss(before.values, predictions(ctx, windows.healthy(ctx)))
        losses = loss(now.values, predictions(ctx, windows.current(ctx)))
    except Unmeasurable:
        return None
    if np.isnan(losses).all():
        return None
    level = float(np.nanmean(losses))
    drop = level - float(np.nanmean(usual))
    lost = 1 - report.coverage / max(report.healthy_coverage, 1e-9)
    return max(0.0, lost * (level - float(np.nanquantile(usual, 0.01))) / drop) if drop > 0 else None


def _strength(report: LabelReport) -> float:
    """How clearly the faults speak: in full, unless all that is known is that labels run against the scores."""
    unclear = (LabelFaultKind.FLIPPED, LabelFaultKind.UNRELATED)
    if not report.faults or any(fault.kind not in unclear for fault in report.faults):
        return 1.0
    flipped = [fault for fault in report.faults if fault.kind is LabelFaultKind.FLIPPED]
    if any(0.5 - fault.current >= MIRRORED * (fault.healthy - 0.5) for fault in flipped):
        return MIRRORED_STRENGTH
    return AMBIGUOUS_STRENGTH


def _hint(ctx: Context, verdict: Verdict, *, ambiguous: bool) -> str:
    if verdict is Verdict.UNMEASURED:
        return f"check that labels arrive, and carry the keys of the serving log (models.{ctx.model.name}.labels)"
    return "label an audit sample of the window by hand" if ambiguous else ""


def _delays(labelled: Labelled, served: np.ndarray) -> pd.Series:
    return pd.Series(pd.to_timedelta(labelled.arrived - served, unit="s"))
