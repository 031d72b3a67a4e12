"""Did the world change? The error at equal inputs, and what the scores still mean, once labels have arrived."""

from dataclasses import replace

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from triage.catalog import PerRow
from triage.diagnosis.scorecard import SHARE, STRENGTH
from triage.drift.concept.calibration import CalibrationShift, LabelChange, calibration_shift
from triage.drift.concept.equal_inputs import ConceptShift, error_at_equal_inputs
from triage.drift.concept.estimate import expected_loss
from triage.drift.concept.slices import worst_slices
from triage.drift.concept.stream import StreamChange, find_rise
from triage.drift.resample import design_effect
from triage.errors import Unmeasurable
from triage.incident import CauseKind, Effect, Evidence, Measure, Source, Verdict, Window
from triage.reading import windows
from triage.reading.analysis import blocks
from triage.reading.counterpart import counterparts
from triage.reading.features import features
from triage.reading.labels import Labelled, labels
from triage.reading.logged import predictions
from triage.reading.losses import kpi_loss, model_loss
from triage.reading.parity import answers_moved, skewed
from triage.reading.part import logged_part
from triage.reading.weight import CLEAR_SHARE, LEAST_SHARE
from triage.step import Context, Findings

about = CauseKind.CONCEPT_DRIFT
effect = Effect.READ
FEWEST_LABELS = 100
FEWEST_ERRORS = 2.0
"""Standard errors by which labelled rows must be worse for their drop to be one."""
MOST_SEGMENTS = 3
WRONG_ANSWERS = 0.2
"""Standard deviations of the answers by which wrongly served features must have moved them to count."""


class Params(BaseModel):
    """No parameters: labels and losses are the catalogue's."""

    model_config = ConfigDict(extra="forbid")


def run(ctx: Context) -> Findings:
    healthy, current = windows.healthy(ctx), windows.current(ctx)
    before, now = labels(ctx, healthy), labels(ctx, current)
    said, said_now = predictions(ctx, healthy), predictions(ctx, current)
    if now.known < FEWEST_LABELS:
        _say_what_scores_tell(ctx, before, said, now, said_now)
    loss, alike = kpi_loss(ctx), counterparts(ctx)
    shift = error_at_equal_inputs(
        healthy.rows,
        loss(before.values, alike.said),
        alike.rows_now,
        loss(now.values, alike.said_now),
        alike.inputs,
        ctx.rng,
        baseline_blocks=blocks(ctx, healthy),
        current_blocks=blocks(ctx, current),
    )
    sources = (healthy.source, current.source, before.source, now.source)
    calibration = calibration_shift(before.values, said, now.values, said_now)
    drop, error = _drop(loss(before.values, said), loss(now.values, said_now))
    drop, error = (part / logged_part(ctx) for part in (drop, error))
    concept = _concept(ctx, shift, drop if drop > FEWEST_ERRORS * error else 0.0, alike.aside, calibration, sources)
    if concept.verdict is Verdict.SUPPORTS and ctx.model.kpi.per_row is PerRow.LABEL:
        concept = unless_skewed(concept, sorted(skewed(ctx)) if answers_moved(ctx) >= WRONG_ANSWERS else [])
        concept = unless_spoiled(concept, alike.broken if moved_by(said, alike.said) >= WRONG_ANSWERS else ())
    places: list[Evidence] = []
    if concept.verdict is Verdict.SUPPORTS:
        lost = np.concatenate((loss(before.values, alike.said), loss(now.values, alike.said_now)))
        rise = _rise(ctx, lost, pd.concat((healthy.rows, current.rows)))
        concept = with_onset(concept, rise, ctx.incident.window)
        places = _where(ctx, before.values - alike.said, now.values - alike.said_now, sources)
    prior = _explained_by_prior(loss(before.values, said), before.values, now.values)
    return Findings(evidence=(concept, *places, _label_shift(ctx, calibration, shift, prior, drop, sources)))


def unless_skewed(concept: Evidence, names: list[str]) -> Evidence:
    """Rows that were served wrong values had no equal inputs; what that cost a KPI that is the label itself, and not
    the model's answer, can't be replayed and put aside."""
    if not names:
        return concept
    served = f"{', '.join(names[:3])} {'was' if len(names) == 1 else 'were'} served wrong, so inputs were not equal"
    return replace(concept, verdict=Verdict.INCONCLUSIVE, statement=f"{concept.statement}; but {served}")


def unless_spoiled(concept: Evidence, names: tuple[str, ...]) -> Evidence:
    """What people do depends on what the model says to them: answers that were made from broken inputs cost a KPI that
    is the label itself, and the replay of a label can't show it."""
    if not names or concept.verdict is not Verdict.SUPPORTS:
        return concept
    arrived = f"{', '.join(names[:3])} arrived broken, and what was answered from it is part of the outcome"
    return replace(concept, verdict=Verdict.INCONCLUSIVE, statement=f"{concept.statement}; but {arrived}")


def moved_by(said: np.ndarray, other: np.ndarray) -> float:
    """How far ``other`` answers (n,) are from ``said``, in standard deviations of these; 0 where they don't vary."""
    known = np.isfinite(said) & np.isfinite(other)
    spread = float(said[known].std()) if known.any() else 0.0
    return float(np.abs(other[known] - said[known]).mean()) / spread if spread > 0 else 0.0


def with_onset(concept: Evidence, rise: StreamChange | None, window: Window) -> Evidence:
    """``concept`` with when the loss rose, where a ``rise`` was found that is of the incident: not one that began long
    before its ``window``."""
    if rise is None or rise.onset is None or rise.onset < window.start - window.length:
        return concept
    return replace(
        concept,
        statement=f"{concept.statement}; the loss rose most at about {rise.onset:%Y-%m-%d %H:%M} ({rise.detector})",
        measures=(*concept.measures, Measure("onset", rise.onset.timestamp(), "unix seconds")),
    )


def _rise(ctx: Context, lost: np.ndarray, rows: pd.DataFrame) -> StreamChange | None:
    """Where the loss (n,) of ``rows`` rose, where a detector along the stream finds a rise."""
    time = ctx.catalog.dataset(ctx.model.serving_log.dataset).time
    try:
        return find_rise(lost, rows[time].reset_index(drop=True))
    except Unmeasurable:
        return None


def _where(
    ctx: Context, residuals: np.ndarray, residuals_now: np.ndarray, sources: tuple[Source, ...]
) -> list[Evidence]:
    """The segments in which labels, less what was answered, changed most against all other rows."""
    healthy, current = windows.healthy(ctx), windows.current(ctx)
    effects = (
        design_effect(residuals, blocks(ctx, healthy)),
        design_effect(residuals_now, blocks(ctx, current)),
    )
    found = worst_slices(
        healthy.rows,
        residuals,
        current.rows,
        residuals_now,
        features(ctx).names,
        most=MOST_SEGMENTS,
        design_effect=max(effects),
        either_way=True,
    )
    return [
        Evidence(
            id=f"concept_drift:{place}",
            step=ctx.step,
            about=about,
            verdict=Verdict.SUPPORTS,
            subject=str(segment),
            statement=(
                f"the outcome changed where {segment}: {segment.change:+.3g} against what was answered,"
                f" {segment.rest_change:+.3g} in all other rows"
            ),
            measures=(
                Measure("change", segment.change, "label"),
                Measure("change_elsewhere", segment.rest_change, "label"),
                Measure("p_value", segment.p_value),
            ),
            sources=sources,
            window=ctx.incident.window,
            part_of="concept_drift",
        )
        for place, segment in enumerate(found.worst, 1)
        if abs(segment.change) > abs(segment.rest_change)
    ]


def _drop(before: np.ndarray, now: np.ndarray) -> tuple[float, float]:
    """What labelled rows lost in the mean, and its standard error."""
    known, known_now = before[np.isfinite(before)], now[np.isfinite(now)]
    error = np.sqrt(known.var() / max(len(known), 1) + known_now.var() / max(len(known_now), 1))
    return float(known_now.mean() - known.mean()), float(error)


def _explained_by_prior(loss: np.ndarray, labels_: np.ndarray, labels_now: np.ndarray) -> float | None:
    """What the loss would gain if only the share of the classes had shifted: each class's own loss, weighed anew."""
    known = np.isfinite(loss) & np.isfinite(labels_)
    classes = np.unique(labels_[known])
    if len(classes) != 2 or not np.isin(labels_now[np.isfinite(labels_now)], classes).all():
        return None
    share_now = float((labels_now[np.isfinite(labels_now)] == classes[1]).mean())
    low, high = (float(loss[known & (labels_ == one)].mean()) for one in classes)
    return (1 - share_now) * low + share_now * high - float(loss[known].mean())


def _say_what_scores_tell(
    ctx: Context, before: Labelled, said: np.ndarray, now: Labelled, said_now: np.ndarray
) -> None:
    """Without labels: what the scores lead one to expect, and when labels will tell. Raises Unmeasurable."""
    due = ctx.incident.window.end + (ctx.model.labels.delay if ctx.model.labels else ctx.incident.window.length * 0)
    reason = f"only {now.known} labels of the incident window have arrived, {FEWEST_LABELS} are needed"
    try:
        expected = expected_loss(before.values, said, said_now, model_loss(ctx), ctx.rng)
        reason += f"; by the scores alone the loss would be {expected.expected:.4g} against {expected.healthy:.4g}"
    except Unmeasurable:
        pass
    raise Unmeasurable(reason, hint=f"labels of the whole window are due by {due:%Y-%m-%d %H:%M} UTC; run again then")


def _concept(
    ctx: Context,
    shift: ConceptShift,
    drop: float,
    aside: tuple[str, ...],
    calibration: CalibrationShift,
    sources: tuple[Source, ...],
) -> Evidence:
    share, low, high = (
        (min(1.0, part / drop) for part in (shift.concept, shift.low, shift.high)) if drop > 0 else (None, None, None)
    )
    if share is None or low is None or high is None:
        verdict, said = Verdict.REFUTES, "labelled rows are no worse than before"
    elif low > 0 and share >= 2 * LEAST_SHARE:
        if shift.at_current is not None and shift.at_current[0] > 0:
            share, low, high = (min(1.0, part / drop) for part in shift.at_current)
        verdict, said = Verdict.SUPPORTS, f"at equal inputs the outcome is worse: {share:.0%} of the drop"
    elif high < CLEAR_SHARE or (share < LEAST_SHARE and low < 0):
        verdict, said = Verdict.REFUTES, "at equal inputs the outcome is as it was"
    else:
        verdict, said = Verdict.INCONCLUSIVE, f"at equal inputs the outcome may be worse ({share:.0%} of the drop)"
    if verdict is Verdict.SUPPORTS and calibration.change is LabelChange.PRIOR_SHIFT:
        verdict, said = Verdict.INCONCLUSIVE, f"{said}, but only the share of the classes has shifted"
    if aside:
        said += f" (put aside: {'; '.join(aside)})"
    strength = min(1.0, max(0.0, share or 0.0) / CLEAR_SHARE) if verdict is Verdict.SUPPORTS else 1.0
    return Evidence(
        id="concept_drift",
        step=ctx.step,
        about=about,
        verdict=verdict,
        statement=(
            f"{said}; labels are {calibration.label_rate:.3g} on average, the scores lead one to expect"
            f" {calibration.expected_rate:.3g}"
        ),
        measures=(
            Measure(SHARE, share, "", low, high),
            Measure(STRENGTH, strength),
            Measure("change_at_equal_inputs", shift.concept, "loss", shift.low, shift.high),
            Measure("change_in_all", drop, "loss"),
            Measure("separability", shift.separability, "AUC"),
            Measure("label_rate", calibration.label_rate),
            Measure("expected_label_rate", calibration.expected_rate),
            Measure("calibration_p_value", calibration.p_value),
            Measure("labelled_rows", shift.n_current, "rows"),
        ),
        sources=sources,
        window=ctx.incident.window,
    )


def _label_shift(
    ctx: Context,
    calibration: CalibrationShift,
    shift: ConceptShift,
    prior: float | None,
    drop: float,
    sources: tuple[Source, ...],
) -> Evidence:
    shifted = calibration.change is LabelChange.PRIOR_SHIFT and shift.changed
    said = (
        "the share of the classes shifted"
        if shifted
        else "the share of the classes is as the scores lead one to expect"
    )
    if calibration.change is LabelChange.CONCEPT:
        said = "the classes did not shift alone: what the scores mean changed too"
    return Evidence(
        id="label_shift",
        step=ctx.step,
        about=CauseKind.LABEL_SHIFT,
        verdict=Verdict.SUPPORTS if shifted else Verdict.REFUTES,
        statement=f"{said} ({calibration.healthy_rate:.3g} before, {calibration.label_rate:.3g} now)",
        measures=(
            Measure("label_rate", calibration.label_rate),
            Measure("healthy_label_rate", calibration.healthy_rate),
            Measure("calibration_p_value", calibration.p_value),
            *([Measure(SHARE, min(1.0, prior / drop))] if shifted and prior is not None and drop > 0 else []),
        ),
        sources=sources,
        window=ctx.incident.window,
    )
