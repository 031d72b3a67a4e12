"""Rule infrastructure in or out: did a service level change with the KPI, and enough to explain it?"""

from dataclasses import replace

from pydantic import BaseModel, ConfigDict, Field

from triage.catalog import Direction, LevelKind, ServiceLevel
from triage.diagnosis.scorecard import STRENGTH
from triage.errors import SourceUnavailable, TriageError, Unmeasurable
from triage.health.burn import Burn
from triage.health.compare import Change, Limits, SignalVerdict, Worse, judge
from triage.health.explain import Explanation, Signal, explain
from triage.incident import CauseKind, Effect, Evidence, Measure, Source, Verdict
from triage.ports import Series
from triage.reading import metrics
from triage.reading.budget import burn, has_budget
from triage.reading.part import logged_part
from triage.step import Context, Findings, unmeasured

about = CauseKind.INFRASTRUCTURE
effect = Effect.READ
WHOLE = "infrastructure"
KEPT_STRENGTH = 0.3
"""How strongly a change speaks that nothing ties to the KPI and that broke no promise."""


class Params(BaseModel):
    """What counts as a change of a service level."""

    model_config = ConfigDict(extra="forbid")

    least_change: float = Field(
        0.10, ge=0, description="smallest change that matters, as a fraction of the expected level"
    )
    least_z: float = Field(4.0, gt=0, description="smallest departure that matters, in robust standard deviations")


def run(ctx: Context) -> Findings:
    if not ctx.model.service_levels:
        unmeasured(
            "the catalogue names no service level", hint=f"add service_levels to models.{ctx.model.name} in triage.yaml"
        )
    limits = Limits(relative=ctx.params.least_change, z=ctx.params.least_z)
    evidence, signals, failed = [], [], []
    for promised in ctx.model.service_levels:
        try:
            series, source = metrics.one_series(ctx, promised.query, promised.step or ctx.model.kpi.step)
        except (Unmeasurable, SourceUnavailable) as error:
            failed.append(error)
            signals.append(_missing(promised, error))
            evidence.append(_unmeasured(ctx, promised, error))
            continue
        verdict = judge(
            series,
            ctx.incident.window,
            name=promised.name,
            unit=promised.unit,
            worse=_worse(promised),
            limits=limits,
            rng=ctx.rng,
        )
        signals.append(Signal(series, verdict, broken=verdict.is_worse and not _kept(verdict.level, promised)))
        evidence.append(_evidence(ctx, promised, series, source, verdict))
        if has_budget(promised):
            evidence.append(_budget(ctx, promised))
    down = next((error for error in failed if isinstance(error, SourceUnavailable)), None)
    if down is not None and len(failed) == len(signals):
        raise down
    kpi, kpi_source = metrics.kpi(ctx)
    worse = _against(ctx.model.kpi.direction)
    found = _as_promised(explain(kpi, signals, ctx.incident.window, kpi_worse=worse, rng=ctx.rng), signals)
    if found.verdict is Verdict.SUPPORTS and found.share is None and (part := logged_part(ctx)) < 1:
        said = f"{found.statement}; {1 - part:.0%} of the drop is of requests that left no row in the serving log"
        found = replace(found, statement=said, share=1 - part)
    whole = Evidence(
        id=WHOLE,
        step=ctx.step,
        about=about,
        verdict=found.verdict,
        statement=found.statement,
        hint=found.hint,
        subject=found.suspects[0].name if found.verdict is Verdict.SUPPORTS and found.suspects else "",
        measures=(
            *(
                [Measure("share_of_drop", found.share, "", found.share_low, found.share_high)]
                if found.share is not None
                else []
            ),
            *([Measure("lost_meanwhile", found.lost_meanwhile)] if found.lost_meanwhile is not None else []),
            *(
                [Measure(STRENGTH, KEPT_STRENGTH)]
                if _hardly_open(found.verdict, signals, asked_in_vain=down is not None)
                else []
            ),
            Measure("signals_measured", sum(s.verdict.change is not Change.UNMEASURED for s in signals)),
            Measure("signals_changed", sum(s.verdict.is_worse for s in signals)),
        ),
        sources=(kpi_source,),
        window=ctx.incident.window,
    )
    return Findings(evidence=(whole, *evidence))


def _hardly_open(verdict: Verdict, signals: list[Signal], *, asked_in_vain: bool) -> bool:
    """Whether all that is left open is a change that broke no promise, or signals that never had a sample beside others
    that are as always. One that fell silent, or could not be asked for, leaves more open than that."""
    if verdict is not Verdict.INCONCLUSIVE or any(signal.broken for signal in signals):
        return False
    gone = [signal for signal in signals if signal.verdict.change is Change.UNMEASURED]
    if not gone:
        return True
    silent = any(signal.series.values.size for signal in gone)
    return not silent and not asked_in_vain and not any(signal.verdict.is_worse for signal in signals)


def _as_promised(found: Explanation, signals: list[Signal]) -> Explanation:
    """A change that nothing ties to the KPI but its time, and that broke no promise, is no proof of a fault."""
    if found.verdict is not Verdict.SUPPORTS or found.share is not None:
        return found
    if any(signal.broken for signal in signals):
        return found
    statement = f"{found.statement}; but every service level stays within its objective"
    return replace(found, verdict=Verdict.INCONCLUSIVE, statement=statement)


def _kept(level: float | None, promised: ServiceLevel) -> bool:
    if level is None:
        return False
    return level >= promised.target if promised.direction is Direction.HIGHER_IS_BETTER else level <= promised.target


def _budget(ctx: Context, promised: ServiceLevel) -> Evidence:
    """How fast the error budget burns. A level that always burnt explains no drop, so this is shown and not weighed."""
    name = f"infrastructure.{promised.name}.budget"
    try:
        found, sources = burn(ctx, promised)
    except (Unmeasurable, SourceUnavailable) as error:
        return replace(_unmeasured(ctx, promised, error), id=name)
    rates = [(f"burn_rate_{item.pair.short_seconds / 60:g}min", item.short_rate) for item in found.pairs]
    rates += [(f"burn_rate_{item.pair.long_seconds / 3600:g}h", item.long_rate) for item in found.pairs]
    measured = [item for item in found.pairs if item.burn is not Burn.UNMEASURED]
    verdict = {Burn.BURNING: Verdict.INCONCLUSIVE, Burn.WITHIN_BUDGET: Verdict.REFUTES}.get(
        found.burn, Verdict.INCONCLUSIVE if measured else Verdict.UNMEASURED
    )
    return Evidence(
        id=name,
        step=ctx.step,
        about=about,
        verdict=verdict,
        subject=promised.name,
        statement=f"{promised.name} {found.statement}",
        hint="" if measured else "let the query answer zero where nothing failed; keep three days of history",
        measures=(
            *(Measure(name, rate, "times") for name, rate in rates),
            Measure("objective", found.objective, "ratio"),
        ),
        sources=sources,
        part_of=WHOLE,
        window=ctx.incident.window,
    )


def _worse(promised: ServiceLevel) -> Worse:
    if promised.kind is LevelKind.THROUGHPUT:
        return Worse.BOTH
    return _against(promised.direction)


def _against(direction: Direction) -> Worse:
    return Worse.LOWER if direction is Direction.HIGHER_IS_BETTER else Worse.HIGHER


def _missing(promised: ServiceLevel, error: TriageError) -> Signal:
    import numpy as np

    nothing = Series({}, np.zeros(0), np.zeros(0))
    return Signal(
        nothing, SignalVerdict(promised.name, promised.unit, _worse(promised), Change.UNMEASURED, reason=error.message)
    )


def _unmeasured(ctx: Context, promised: ServiceLevel, error: TriageError) -> Evidence:
    return Evidence(
        id=f"infrastructure.{promised.name}",
        step=ctx.step,
        about=about,
        verdict=Verdict.UNMEASURED,
        subject=promised.name,
        statement=f"{promised.name} could not be measured: {error.message}",
        hint=error.hint,
        sources=(Source("query", promised.query),),
        part_of=WHOLE,
    )


def _evidence(ctx: Context, promised: ServiceLevel, series: Series, source: Source, found: SignalVerdict) -> Evidence:
    verdict = {
        Change.CHANGED: Verdict.INCONCLUSIVE,
        Change.STEADY: Verdict.REFUTES,
        Change.UNMEASURED: Verdict.UNMEASURED,
    }[found.change]
    window = ctx.incident.window
    times, values = metrics.thinned(series, (window.start - 3 * window.length).timestamp())
    return Evidence(
        id=f"infrastructure.{promised.name}",
        step=ctx.step,
        about=about,
        verdict=verdict,
        subject=promised.name,
        statement=found.statement,
        measures=(
            Measure("expected", found.expected, promised.unit),
            Measure("level", found.level, promised.unit),
            Measure("shift", found.shift, promised.unit, found.shift_low, found.shift_high),
            Measure("robust_z", found.z),
            Measure("target", promised.target, promised.unit),
        ),
        sources=(source,),
        part_of=WHOLE,
        window=window,
        chart={
            "type": "series",
            "name": promised.name,
            "unit": promised.unit,
            "times": times,
            "values": values,
            "expected": None,
            "target": promised.target,
            "onset": found.onset.at.timestamp() if found.onset else None,
            "windows": [{"name": "incident", "start": window.start.timestamp(), "end": window.end.timestamp()}],
        },
    )
