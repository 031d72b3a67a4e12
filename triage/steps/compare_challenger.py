"""Champion against challenger on the same rows, none of which the challenger was trained on."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from triage.catalog import Task
from triage.codec import decode, encode
from triage.errors import StepFailed
from triage.incident import CauseKind, Effect, Evidence, Measure, Source, Verdict, Window
from triage.ports import ModelVersion
from triage.reading import windows
from triage.reading.analysis import blocks
from triage.reading.challenger import holdout, in_window
from triage.reading.features import features
from triage.reading.labels import labels
from triage.reading.release import bounded, released_here
from triage.step import LEFT_FOR_A_PERSON, Context, Findings
from triage.trial import comparison
from triage.trial.compare import compare
from triage.trial.comparison import Margins, PairedRows, TrialReport
from triage.trial.metrics import LOG_LOSS, RMSE
from triage.trial.verdict import TrialVerdict

about = CauseKind.UNKNOWN
effect = Effect.READ
INCIDENT, HEALTHY = "incident", "healthy"
MOST_SEGMENTS = 40
_VERDICTS = {TrialVerdict.PASS: Verdict.SUPPORTS, TrialVerdict.FAIL: Verdict.REFUTES}


class Params(BaseModel):
    """Margins are the catalogue's."""

    model_config = ConfigDict(extra="forbid")

    trained_by: str = Field("retrain", description="Id of the step that trained the challenger.")


def run(ctx: Context) -> Findings:
    record = ctx.incident.steps.get(ctx.params.trained_by)
    if record is None or "version" not in record.outputs:
        raise StepFailed(f"no challenger: step '{ctx.params.trained_by}' registered none", hint="see why it did not")
    registry, name = ctx.ports.registry, ctx.model.registered_model
    challenger = registry.version(name, record.outputs["version"])
    champion = registry.version(name, record.outputs["champion"])
    trained = decode(Window, record.outputs["window"])
    ctx.progress(f"comparing version {challenger.version} with version {champion.version} on the same rows")
    spans = {INCIDENT: holdout(ctx), HEALTHY: Window(windows.healthy_span(ctx).start, trained.start)}
    pairs, skipped, sources = [], [], []
    for title, read in ((INCIDENT, windows.current(ctx)), (HEALTHY, windows.healthy(ctx))):
        rows, few = _paired(ctx, title, read, spans[title], champion, challenger)
        pairs.append(rows)
        skipped += few
        sources.append(replace(read.source, window=spans[title], rows=len(rows.truth)))
    report = compare(
        pairs,
        {INCIDENT: _margins(ctx, pairs[0]), HEALTHY: _margins(ctx, pairs[1])},
        ctx.rng,
        task=comparison.Task.BINARY if ctx.model.task is Task.CLASSIFICATION else comparison.Task.REGRESSION,
    )
    return _findings(ctx, report, champion, challenger, tuple(sources), skipped)


def _paired(
    ctx: Context,
    title: str,
    read: windows.WindowRead,
    span: Window,
    champion: ModelVersion,
    challenger: ModelVersion,
) -> tuple[PairedRows, list[str]]:
    """The rows of ``span`` scored by both, and the declared segments that are too small to judge."""
    inside = in_window(ctx, read, span)
    time = ctx.catalog.dataset(ctx.model.serving_log.dataset).time
    order = np.argsort(read.rows[time][inside].to_numpy(), kind="stable")
    rows = read.rows[inside].iloc[order].reset_index(drop=True)
    truth = labels(ctx, read).values[inside][order]
    registry = ctx.ports.registry
    nothing = np.array([])
    old, new = (registry.predictor(one).predict(rows) if len(rows) else nothing for one in (champion, challenger))
    segments, few = _segments(rows, features(ctx).segments, np.isfinite(truth), ctx.model.comparison.min_rows)
    units = blocks(ctx, read)[inside][order]
    return PairedRows(title, truth, old, new, cluster=units, segments=segments), [f"{title}: {one}" for one in few]


def _segments(
    rows: pd.DataFrame, declared: tuple[str, ...], labelled: np.ndarray, fewest: int
) -> tuple[dict[str, np.ndarray], list[str]]:
    """A mask for each value of each declared segment that has enough labelled rows, the largest first."""
    large, few = [], []
    for feature in declared:
        values = rows[feature]
        for value, count in values[labelled].value_counts().items():
            name = f"{feature}={value}"
            if count < fewest:
                few.append(name)
            else:
                large.append((int(count), name, (values == value).to_numpy(dtype=bool, na_value=False)))
    large.sort(key=lambda item: (-item[0], item[1]))
    few += [name for _, name, _ in large[MOST_SEGMENTS:]]
    return {name: mask for _, name, mask in large[:MOST_SEGMENTS]}, few


def _margins(ctx: Context, rows: PairedRows) -> Margins:
    """The catalogue's fractions of the champion's loss in these rows, as absolute margins."""
    policy = ctx.model.comparison
    known = np.isfinite(rows.truth) & np.isfinite(rows.champion)
    metric = LOG_LOSS if ctx.model.task is Task.CLASSIFICATION else RMSE

    def level(mask: np.ndarray) -> float:
        chosen = known & mask
        if not chosen.any():
            return 0.0
        return float(metric.finish(metric.values(rows.truth[chosen], rows.champion[chosen], 0.5).mean()))

    overall = policy.incident_margin if rows.name == INCIDENT else policy.healthy_margin
    everything = np.ones(len(known), bool)
    return Margins(
        overall={metric.name: overall * level(everything)},
        segments={name: {metric.name: policy.segment_margin * level(mask)} for name, mask in rows.segments.items()},
        min_rows=policy.min_rows,
        min_units=12,
    )


def _findings(
    ctx: Context,
    report: TrialReport,
    champion: ModelVersion,
    challenger: ModelVersion,
    sources: tuple[Source, ...],
    skipped: list[str],
) -> Findings:
    incident = report.windows[0].scopes[0]
    deciding = next((metric for metric in incident.metrics if metric.margin is not None), None)
    figures = ""
    measures = [Measure("segments_judged", sum(len(window.scopes) - 1 for window in report.windows))]
    if deciding is not None:
        gain = deciding.harm.negated
        figures = (
            f": {deciding.metric} {deciding.champion:.4g} → {deciding.challenger:.4g} on {incident.n_rows:,} held-out"
            f" rows of the incident"
        )
        measures.append(Measure(f"{deciding.metric}_gain", gain.value, "", gain.low, gain.high))
    worst = [reason for window in report.windows for scope in window.scopes for reason in _told(scope)]
    doubts = f"; {'; '.join(worst[:3])}" if worst else ""
    said = f"challenger version {challenger.version} against champion version {champion.version}: {report.verdict}"
    evidence = Evidence(
        id="challenger",
        step=ctx.step,
        about=about,
        verdict=_VERDICTS.get(report.verdict, Verdict.INCONCLUSIVE),
        statement=f"{said}{figures}{doubts}",
        subject="challenger",
        measures=tuple(measures),
        sources=(
            *sources,
            Source("model", champion.name, champion.version),
            Source("model", challenger.name, challenger.version),
        ),
        window=holdout(ctx),
    )
    passed = report.verdict is TrialVerdict.PASS
    goes_on = passed and released_here(ctx)
    outputs: dict[str, Any] = {
        "verdict": report.verdict.value,
        "passed": float(passed),
        "can_release": float(goes_on),
        "champion": champion.version,
        "challenger": challenger.version,
        "report": bounded(encode(report)),
        "not_judged": skipped[:200],
    }
    if not goes_on:
        outputs[LEFT_FOR_A_PERSON] = _left(ctx, report.verdict, champion, challenger)
    return Findings(evidence=(evidence,), outputs=outputs)


def _told(scope: comparison.ScopeComparison) -> list[str]:
    return [] if scope.verdict is TrialVerdict.PASS else [f"{scope.title}: {reason}" for reason in scope.reasons]


def _left(ctx: Context, verdict: TrialVerdict, champion: ModelVersion, challenger: ModelVersion) -> str:
    """What a person has to do where the release does not go on by itself."""
    name = ctx.model.registered_model
    if verdict is TrialVerdict.PASS:
        return (
            f"challenger {name} version {challenger.version} passed against version {champion.version}; what is left"
            f" for a person: shadow it, canary it at 10%, then move the alias '{ctx.model.alias}'"
        )
    what = "failed" if verdict is TrialVerdict.FAIL else f"did not pass ({verdict.value.replace('_', ' ')})"
    return (
        f"challenger {name} version {challenger.version} {what} against version {champion.version}, which goes on"
        " serving; what is left for a person: read the comparison, do not release it"
    )
