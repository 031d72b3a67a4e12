"""Let the challenger answer a copy of the traffic that nobody sees, and judge the paired rows."""

from dataclasses import replace
from datetime import datetime
from itertools import takewhile
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from triage.catalog import Task
from triage.codec import decode, encode
from triage.errors import TriageError
from triage.incident import CauseKind, Effect, Evidence, Measure, Release, ReleaseStage, Source, Verdict, Window
from triage.ports import Rollout
from triage.reading.release import Versions, bounded, compared, policy
from triage.reading.serving import UNWATCHED, watched
from triage.reading.shadow import paired
from triage.routing import in_charge, send, unclaimed
from triage.step import LEFT_FOR_A_PERSON, Context, Findings, UnderWay
from triage.trial import comparison
from triage.trial.comparison import Margins
from triage.trial.footprint import FootprintMargins
from triage.trial.guardrail import GuardrailResult
from triage.trial.metrics import LOG_LOSS, RMSE
from triage.trial.shadow import ShadowLimits, ShadowReport, ShadowRows, judge_shadow
from triage.trial.verdict import TrialVerdict

about = CauseKind.UNKNOWN
effect = Effect.CHANGE
ERROR_RATE = 0.05
"""Of all looks together: each spends half of what is left."""
_VERDICTS = {TrialVerdict.PASS.value: Verdict.SUPPORTS, TrialVerdict.FAIL.value: Verdict.REFUTES}


class Params(BaseModel):
    """No parameters: share, rows and margins are the catalogue's."""

    model_config = ConfigDict(extra="forbid")


def preview(ctx: Context) -> str:
    versions, share = compared(ctx), policy(ctx).shadow.share
    return (
        f"{ctx.model.registered_model}: {share:.0%} of the requests are copied to version {versions.challenger};"
        f" version {versions.champion} goes on answering all of them"
    )


def run(ctx: Context) -> Findings | UnderWay:
    versions, share = compared(ctx), policy(ctx).shadow.share
    if share == 0:
        return Findings(outputs={"passed": 1.0, "verdict": "left out", "reason": "the catalogue copies no requests"})
    release = Release(
        versions.champion, versions.challenger, ReleaseStage.SHADOW, shadow=share, step=ctx.step, reason="paired rows"
    )
    return UnderWay({"phase": "mirror"}, ctx.ports.clock.now(), "about to copy requests", release=release)


def probe(ctx: Context) -> Findings | UnderWay | None:
    """Nothing is done before the first word of it is written down."""
    return None


def undo(ctx: Context, done: Findings) -> None:
    """Stop copying; the champion has answered all along."""
    send(ctx.ports, ctx.model.registered_model, Rollout(compared(ctx).champion), f"{ctx.key}/undo")


def tick(ctx: Context) -> Findings | UnderWay:
    match ctx.record.progress["phase"]:
        case "mirror":
            return _mirror(ctx, compared(ctx))
        case "watch":
            return _watch(ctx, compared(ctx))
        case _:
            return _stop(ctx, compared(ctx))


def _mirror(ctx: Context, versions: Versions) -> UnderWay:
    share = policy(ctx).shadow.share
    if ctx.stopped():
        return _stopping(ctx, "stopped")
    rollout = Rollout(versions.champion, versions.challenger, shadow=share)
    unclaimed(ctx.ports, ctx.model.registered_model, versions.champion, versions.challenger)
    send(ctx.ports, ctx.model.registered_model, rollout, f"{ctx.key}/mirror")
    now = ctx.ports.clock.now()
    assert ctx.incident.release is not None  # written down before
    state = {"phase": "watch", "since": encode(now)}
    said = f"version {versions.challenger} is asked as well, since {now:%H:%M}"
    return UnderWay(state, now + policy(ctx).shadow.pause, said, release=replace(ctx.incident.release, reached=True))


def _watch(ctx: Context, versions: Versions) -> UnderWay:
    """One look: first at what serves users, which ends the copying where it suffers; then at the rows that came.

    Judged are the first rows that suffice, twice as many, and what there is after the longest wait.
    """
    limits, now = policy(ctx).shadow, ctx.ports.clock.now()
    since = decode(datetime, ctx.record.progress["since"])
    if ctx.stopped():
        return _stopping(ctx, "stopped")
    over = now - since >= limits.longest
    judged_before = sum(1 for look in ctx.record.looks if look["judged"])
    wanted = limits.min_rows * 2**judged_before
    serving = watched(ctx, versions, since, now - policy(ctx).lag)
    look: dict[str, Any] = {"at": encode(now), "judged": False, "rows": 0, "serving": [_told(one) for one in serving]}
    suffers = [one.statement for one in serving if one.verdict is TrialVerdict.FAIL]
    if suffers:
        said = f"what serves users suffers: {'; '.join(suffers)}"
        look |= {"verdict": TrialVerdict.FAIL.value, "statement": said}
        return _stopping(ctx, TrialVerdict.FAIL.value, look, said)
    unseen = [one for one in serving if one.verdict in (TrialVerdict.ERROR, TrialVerdict.NO_DATA)]
    look["unwatched"] = any(one.due_at is None for one in unseen)
    if look["unwatched"] and _unwatched_before(ctx) + 1 >= UNWATCHED:
        verdict, said = _blind(unseen[0])
        return _stopping(ctx, verdict, look | {"verdict": verdict, "statement": said}, said)
    # What was asked before the copying began, and what is not logged yet, has no second answer, and no fault.
    lag = min(policy(ctx).lag, (now - since) / 4)
    try:
        rows, sources = paired(ctx, versions, Window(since + lag, now - lag))
    except TriageError as error:
        said = f"can't be judged now: {error.message}"
        look |= {"verdict": TrialVerdict.ERROR.value, "statement": said}
        return _stopping(ctx, TrialVerdict.ERROR.value, look, said) if over else _again(ctx, now, said, look)
    count, labelled = len(rows.champion), None if rows.truth is None else int(np.isfinite(rows.truth).sum())
    look["rows"] = count
    if min(count, count if labelled is None else labelled) < wanted and not over:
        told = "" if labelled is None else f", {labelled:,} of them labelled"
        said = f"{count:,} paired rows{told}; {wanted:,} are waited for"
        return _again(ctx, now, said, look | {"verdict": TrialVerdict.NO_DATA.value, "statement": said})
    if unseen:
        verdict, said = _blind(unseen[0])
        look |= {"verdict": verdict, "statement": said}
        return _stopping(ctx, verdict, look, said) if over else _again(ctx, now, said, look)
    report = _judged(ctx, rows, confidence=1 - ERROR_RATE / 2 ** (judged_before + 1))
    said = f"{report.verdict.value.replace('_', ' ')}: {'; '.join(report.reasons)}"
    look |= {"judged": True, "verdict": report.verdict.value, "statement": said}
    if report.verdict in (TrialVerdict.PASS, TrialVerdict.FAIL) or over:
        look |= {"report": bounded(encode(report)), "sources": encode(sources)}
        return _stopping(ctx, report.verdict.value, look, said)
    return _again(ctx, now, said, look)


def _again(ctx: Context, now: datetime, said: str, look: dict[str, Any]) -> UnderWay:
    return UnderWay(ctx.record.progress, now + policy(ctx).shadow.pause, said, look=look)


def _blind(one: GuardrailResult) -> tuple[str, str]:
    return one.verdict.value, f"what serves users can't be watched: {one.statement}"


def _unwatched_before(ctx: Context) -> int:
    """How many looks in a row, up to the last one, could not tell how those fare who are served."""
    return sum(1 for _ in takewhile(lambda look: look.get("unwatched"), reversed(ctx.record.looks)))


def _told(one: GuardrailResult) -> dict[str, Any]:
    return {
        "name": one.name,
        "verdict": one.verdict.value,
        "statement": one.statement,
        "harm": bounded(encode(one.harm)),
    }


def _judged(ctx: Context, rows: ShadowRows, confidence: float) -> ShadowReport:
    limits = policy(ctx).shadow
    classes = ctx.model.task is Task.CLASSIFICATION
    quality = None
    if rows.truth is not None:
        metric = LOG_LOSS if classes else RMSE
        known = np.isfinite(rows.truth) & np.isfinite(rows.champion)
        margin = 0.0
        if known.any():
            values = metric.values(rows.truth[known], rows.champion[known], 0.5)
            margin = ctx.model.comparison.healthy_margin * float(metric.finish(values.mean()))
        quality = Margins(overall={metric.name: margin}, min_rows=ctx.model.comparison.min_rows, min_units=12)
    return judge_shadow(
        rows,
        ShadowLimits(
            failure_margin=limits.failure_margin,
            quality=quality,
            footprint=FootprintMargins(latency_growth=None),
            min_rows=limits.min_rows,
        ),
        ctx.rng,
        task=comparison.Task.BINARY if classes else comparison.Task.REGRESSION,
        confidence=confidence,
    )


def _stopping(ctx: Context, verdict: str, look: dict[str, Any] | None = None, said: str = "") -> UnderWay:
    """The verdict is on disk before the copying ends."""
    release = ctx.incident.release
    assert release is not None  # written down before
    idle = replace(release, stage=ReleaseStage.IDLE, shadow=0.0, reached=False, reason=f"shadow: {verdict}")
    state = {"phase": "stop", "verdict": verdict}
    return UnderWay(state, ctx.ports.clock.now(), said, look=look, release=idle)


def _stop(ctx: Context, versions: Versions) -> Findings:
    release, verdict = ctx.incident.release, str(ctx.record.progress["verdict"])
    assert release is not None  # written down before
    in_charge(ctx.ports, ctx.model.registered_model, release)
    send(ctx.ports, ctx.model.registered_model, Rollout(versions.champion), f"{ctx.key}/stop")
    look = ctx.record.looks[-1] if ctx.record.looks else {}
    passed = verdict == TrialVerdict.PASS.value
    outputs: dict[str, Any] = {
        "verdict": verdict,
        "passed": float(passed),
        "champion": versions.champion,
        "challenger": versions.challenger,
        "report": look.get("report"),
    }
    told = look.get("statement", verdict)
    said = f"version {versions.challenger} in the shadow of version {versions.champion}: {told}"
    if not passed:
        outputs[LEFT_FOR_A_PERSON] = (
            f"{said}; version {versions.champion} answered all the time and goes on: read the comparison, and start a"
            " new run for another challenger"
        )
    evidence = Evidence(
        id="shadow",
        step=ctx.step,
        about=about,
        verdict=_VERDICTS.get(verdict, Verdict.INCONCLUSIVE),
        statement=said,
        subject="challenger",
        measures=(Measure("paired_rows", float(look.get("rows", 0))),),
        sources=tuple(decode(Source, one) for one in look.get("sources", ())),
    )
    return Findings(evidence=(evidence,), outputs=outputs, release=replace(release, reached=True))
