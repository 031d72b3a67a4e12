"""Did it help? Follow the KPI after the change, to a deadline that respects how late labels come."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from triage.catalog import Direction, PerRow
from triage.catalog.release import RecoveryPolicy
from triage.codec import encode
from triage.errors import Superseded, TriageError
from triage.health.seasonal import baseline_for
from triage.incident import CauseKind, Effect, Evidence, Measure, Release, ReleaseStage, Source, Verdict, Window
from triage.ports import Series
from triage.reading.metrics import HISTORY
from triage.reading.release import bounded
from triage.routing import in_charge
from triage.step import CONCLUDED, LEFT_FOR_A_PERSON, Context, Findings, UnderWay, unmeasured
from triage.trial.recovery import Followed, Recovery, RecoveryLimits, RecoveryReport, judge_recovery

about = CauseKind.UNKNOWN
effect = Effect.READ
LEAST_PAUSE = timedelta(minutes=1)
_VERDICTS = {Recovery.RECOVERED: Verdict.SUPPORTS, Recovery.CANNOT_TELL_YET: Verdict.INCONCLUSIVE}


class Params(BaseModel):
    """No parameters: KPI, deadline and what counts as recovered are the catalogue's."""

    model_config = ConfigDict(extra="forbid")


def run(ctx: Context) -> Findings | UnderWay:
    return tick(ctx)


def tick(ctx: Context) -> Findings | UnderWay:
    release = ctx.incident.release
    if release is None or release.since is None or not release.reached:
        unmeasured("nothing was released, so nothing can have helped")
    now = ctx.ports.clock.now()
    if ctx.incident.withdrawal is not None:
        by = ctx.incident.withdrawal
        return Findings(outputs={"verdict": "withdrawn", "why": f"rolled back by {by.by}: {by.reason}"})
    limits = _limits(ctx)
    due = now + max(LEAST_PAUSE, ctx.model.kpi.step)
    over = now >= release.since + limits.deadline + limits.label_delay
    try:
        report, source = _judged(ctx, limits, release.since, now)
    except (TriageError, ValueError) as error:
        said = f"can't be judged now: {error.message if isinstance(error, TriageError) else error}"
        look = {"at": encode(now), "verdict": Recovery.CANNOT_TELL_YET.value, "statement": said}
        if over:
            return _blind(ctx, release, said)
        return UnderWay({}, due, said, look=look)
    if not report.closed:
        look = {"at": encode(now), "verdict": report.verdict.value, "statement": report.reason}
        look |= {"regained": bounded(encode(report.regained)), "points": report.n_points}
        return UnderWay({}, due, f"{report.verdict.value.replace('_', ' ')}: {report.reason}", look=look)
    return _closed(ctx, release, report, source)


def _limits(ctx: Context) -> RecoveryLimits:
    policy = ctx.model.release.recovery if ctx.model.release else RecoveryPolicy()
    by_label = ctx.model.labels is not None and ctx.model.kpi.per_row is PerRow.LABEL
    return RecoveryLimits(
        deadline=policy.deadline,
        label_delay=ctx.model.labels.delay if ctx.model.labels is not None and by_label else timedelta(),
        settle=min(policy.settle + ctx.model.kpi.step, policy.deadline / 2),  # a point looks back over its step
        required_share=policy.required_share,
        min_points=policy.min_points,
    )


def _judged(
    ctx: Context, limits: RecoveryLimits, released_at: datetime, now: datetime
) -> tuple[RecoveryReport, Source]:
    """The KPI with its season taken out: healthy, in the incident, and since the change."""
    kpi, incident = ctx.model.kpi, ctx.incident.window
    span = Window(incident.start - HISTORY, now + kpi.step)
    found = ctx.ports.metrics.range(kpi.query, span, kpi.step.total_seconds())
    if len(found.series) != 1:
        unmeasured(f"the query of {kpi.name} returned {len(found.series)} series", hint="'triage doctor' runs it")
    times, values = _without_season(found.series[0], incident.start.timestamp(), now.timestamp())
    inside = (times >= incident.start.timestamp()) & (times < incident.end.timestamp())
    after = times > released_at.timestamp()
    followed = Followed(
        healthy=values[times < incident.start.timestamp()],
        incident=values[inside],
        after=values[after],
        after_times=tuple(datetime.fromtimestamp(at, tz=released_at.tzinfo) for at in times[after].tolist()),
        higher_is_better=kpi.direction is Direction.HIGHER_IS_BETTER,
    )
    return judge_recovery(followed, limits, released_at=released_at, now=now), found.source


def _without_season(series: Series, start: float, now: float) -> tuple[np.ndarray, np.ndarray]:
    """Times and what is left of the values after their expected course, on its level; as they are without history."""
    baseline = baseline_for(series, start, now)
    if isinstance(baseline, str):
        return series.times, series.values
    level = float(np.nanmedian(baseline.expected[: baseline.split]))
    return baseline.times, baseline.residual + level


def _closed(ctx: Context, release: Release, report: RecoveryReport, source: Source) -> Findings:
    kpi = ctx.model.kpi
    served = release.champion if release.stage is ReleaseStage.WITHDRAWN else release.challenger
    said = f"{kpi.name} with version {served}: {report.verdict.value.replace('_', ' ')}, {report.reason}"
    measures = [Measure("healthy", report.healthy, kpi.unit), Measure("incident", report.incident, kpi.unit)]
    if report.after is not None:
        measures.append(Measure("after", report.after, kpi.unit))
    if report.regained is not None:
        one = bounded(encode(report.regained))
        measures.append(Measure("regained", one["value"], "share of the drop", one["low"], one["high"]))
    verdict = _VERDICTS.get(report.verdict, Verdict.REFUTES)
    evidence = Evidence(
        "recovery", ctx.step, about, verdict, said, subject=kpi.name, measures=tuple(measures), sources=(source,)
    )
    outputs: dict[str, Any] = {
        "verdict": report.verdict.value,
        "recovered": float(report.verdict is Recovery.RECOVERED),
        "report": bounded(encode(report)),
    }
    if report.verdict is Recovery.RECOVERED:
        return Findings(evidence=(evidence,), outputs=outputs | {CONCLUDED: f"recovered: {said}"})
    back, learned = _if_worse(ctx, release, report)
    outputs[LEFT_FOR_A_PERSON] = f"{said}. {learned}"
    return Findings(evidence=(evidence,), outputs=outputs, release=back)


def _if_worse(ctx: Context, release: Release, report: RecoveryReport) -> tuple[Release | None, str]:
    """What follows from no recovery: a release that made it worse is withdrawn, unless another version serves by now;
    what was learned is said."""
    if report.verdict is Recovery.WORSE and release.stage is ReleaseStage.FULL:
        if superseded := _superseded(ctx, release):
            return None, f"Nothing is taken back: {superseded}"
        reason = f"worse after the release: {report.reason}"
        back = replace(release, stage=ReleaseStage.WITHDRAWN, weight=0.0, reached=False, reason=reason)
        return back, f"Version {release.champion} serves again. The first cause, or its remedy, was not the right one"
    if report.verdict is Recovery.CANNOT_TELL_YET:
        return None, "Nobody can tell from the KPI; look at it by hand"
    return None, "The first cause, or its remedy, was not all of it: look at the causes after it, and start a new run"


def _superseded(ctx: Context, release: Release) -> str:
    """What another change released since, or nothing (also where the router can't be asked just now)."""
    try:
        in_charge(ctx.ports, ctx.model.registered_model, release)
    except Superseded as error:
        return str(error)
    except TriageError as error:
        ctx.progress(f"the router can't be asked: {error.message}")
    return ""


def _blind(ctx: Context, release: Release, said: str) -> Findings:
    """The deadline passed and the KPI could not be read: nobody may call that a recovery."""
    outputs = {"verdict": Recovery.CANNOT_TELL_YET.value, "recovered": 0.0}
    kpi = ctx.model.kpi.name
    evidence = Evidence(
        "recovery", ctx.step, about, Verdict.UNMEASURED, f"{kpi} after the release: {said}", hint="run 'triage doctor'"
    )
    left = f"whether {kpi} recovered is not known by the deadline: {said}"
    return Findings(evidence=(evidence,), outputs={**outputs, LEFT_FOR_A_PERSON: left})
