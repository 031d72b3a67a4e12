"""Measure how far the KPI fell, against its season, and since when."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict

from triage.catalog import Direction
from triage.codec import encode
from triage.health.compare import Change, Worse, judge
from triage.health.level import Level, level
from triage.health.seasonal import BaselineKind
from triage.incident import CauseKind, Drop, Effect, Evidence, Measure, Source, Verdict
from triage.numbers import figure
from triage.ports import Series
from triage.reading import metrics
from triage.step import Context, Findings, unmeasured

about = CauseKind.UNKNOWN
effect = Effect.READ


class Params(BaseModel):
    """No parameters: the KPI is the catalogue's."""

    model_config = ConfigDict(extra="forbid")


def run(ctx: Context) -> Findings:
    kpi = ctx.model.kpi
    series, source, moved = metrics.kpi_across_gap(ctx)
    traffic = metrics.traffic(ctx)
    found = level(series, ctx.incident.window, ctx.rng, traffic[0] if traffic else None)
    if isinstance(found, str):
        unmeasured(
            f"{kpi.name} could not be compared with its history: {found}", hint="check the KPI's query in triage.yaml"
        )
    lower = kpi.direction is Direction.HIGHER_IS_BETTER
    verdict = judge(
        series,
        ctx.incident.window,
        name=kpi.name,
        unit=kpi.unit,
        worse=Worse.LOWER if lower else Worse.HIGHER,
        rng=ctx.rng,
    )
    onset = verdict.onset
    drop = Drop(
        kpi=kpi.name,
        unit=kpi.unit,
        healthy=found.expected,
        current=found.current,
        change=found.shift,
        low=found.low,
        high=found.high,
        worse=(found.shift < 0) is lower and found.shift != 0,
        onset=onset.at if onset else None,
        onset_low=onset.low if onset else None,
        onset_high=onset.high if onset else None,
    )
    if verdict.change is Change.UNMEASURED and not _real(drop):
        unmeasured(
            f"what is known of {kpi.name} is no proof that it did not get worse: {verdict.reason}",
            hint="check that what the KPI counts still arrives: 'triage doctor' asks its query",
        )
    evidence = Evidence(
        id="kpi",
        step=ctx.step,
        about=about,
        verdict=Verdict.INCONCLUSIVE,
        subject=kpi.name,
        statement=(
            f"{kpi.name} is {figure(found.current, kpi.unit)} against {figure(found.expected, kpi.unit)} expected"
            f" by the {found.baseline}{f' {moved.days} days before' if moved else ''}"
            f"{', each point weighed by its traffic' if found.weighed else ''}"
        ),
        measures=(
            Measure("expected", found.expected, kpi.unit),
            Measure("current", found.current, kpi.unit),
            Measure("change", found.shift, kpi.unit, found.low, found.high),
            Measure("target", kpi.target, kpi.unit),
        ),
        sources=(source, traffic[1]) if traffic else (source,),
        window=ctx.incident.window,
        chart=_chart(ctx, series, found, drop, moved),
    )
    return Findings(evidence=(evidence, _season(ctx, found, drop, source)), outputs={"drop": encode(drop)})


def _real(drop: Drop) -> bool:
    return drop.worse and not drop.low <= 0 <= drop.high


def _season(ctx: Context, found: Level, drop: Drop, source: Source) -> Evidence:
    """The comparison holds the season equal, so a drop that remains is not the season's."""
    seasonal = found.baseline is not BaselineKind.RECENT
    if seasonal and _real(drop):
        verdict, said = Verdict.REFUTES, f"{drop.kpi} got worse against the {found.baseline} as well"
    elif seasonal:
        verdict, said = Verdict.INCONCLUSIVE, f"against the {found.baseline} {drop.kpi} is within its usual range"
    else:
        verdict, said = Verdict.INCONCLUSIVE, f"{drop.kpi} has too little history to know its season"
    return Evidence(
        id="seasonal",
        step=ctx.step,
        about=CauseKind.SEASONAL,
        verdict=verdict,
        statement=said,
        sources=(source,),
        window=ctx.incident.window,
    )


def _chart(ctx: Context, series: Series, found: Level, drop: Drop, moved: timedelta) -> dict[str, object]:
    """The KPI beside what was expected of it; what was moved up to the incident is drawn where it was."""
    window, spans = ctx.incident.window, ctx.model.windows
    since = (window.start - spans.gap - spans.healthy).timestamp()
    times, values = metrics.thinned(series, since + moved.total_seconds())
    expected = [float(value) for value in _at(times, found)]
    start = window.start.timestamp()
    times = [time - moved.total_seconds() if time < start else time for time in times]
    healthy_end = (window.start - spans.gap).timestamp()
    return {
        "type": "series",
        "name": ctx.model.kpi.name,
        "unit": ctx.model.kpi.unit,
        "times": times,
        "values": values,
        "expected": expected,
        "target": ctx.model.kpi.target,
        "onset": drop.onset.timestamp() if drop.onset else None,
        "windows": [
            {"name": "healthy", "start": since, "end": healthy_end},
            {"name": "incident", "start": window.start.timestamp(), "end": window.end.timestamp()},
        ],
    }


def _at(times: list[float], found: Level) -> list[float]:
    import numpy as np

    return list(np.interp(times, found.times, found.expectation))
