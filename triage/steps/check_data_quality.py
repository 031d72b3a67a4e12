"""Look for broken data: nulls, stuck values, units, renames, types, ranges, and rows missing, late or doubled."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pydantic import BaseModel, ConfigDict

from triage.catalog import PerRow
from triage.codec import decode
from triage.diagnosis.scorecard import STRENGTH
from triage.drift.attribution.game import Mechanism
from triage.drift.quality.arrivals import find_row_faults
from triage.drift.quality.fault import DataFault, FaultKind, SourceFault, by_source
from triage.drift.quality.inspect import QualityReport
from triage.errors import Unmeasurable
from triage.incident import CauseKind, Drop, Effect, Evidence, Measure, Source, Verdict
from triage.reading import windows
from triage.reading.analysis import HARMLESS_BY_ITSELF, impact, quality
from triage.reading.features import features
from triage.reading.parity import skewed
from triage.reading.weight import CLEAR_SHARE, Weight, together, weights
from triage.step import Context, Findings, unmeasured

about = CauseKind.DATA_QUALITY
effect = Effect.READ
WHOLE = "data_quality"
UNPROVEN_STRENGTH = 0.6
"""How strongly a fault speaks whose cost could not be replayed."""


class Params(BaseModel):
    """No parameters: limits come from the healthy windows."""

    model_config = ConfigDict(extra="forbid")


def run(ctx: Context) -> Findings:
    report = quality(ctx)
    if not report.features_checked:
        unmeasured(
            "; ".join(f"{one.what}: {one.reason}" for one in report.unmeasured) or "no feature could be checked",
            hint="compare the serving log's columns with the model's signature: 'triage doctor' lists both",
        )
    sources = (windows.healthy(ctx).source, windows.current(ctx).source)
    try:
        found_costs = impact(ctx)
        weighed, missing, by_labels = weights(found_costs), "", found_costs.by_labels
    except Unmeasurable as error:
        weighed, missing, by_labels = {}, str(error), ""
    sources_of = features(ctx).sources
    all_faults = (*report.faults, *_alone(report, weighed, sources_of, by_labels))
    served = skewed(ctx)
    mine = [fault for fault in all_faults if fault.feature not in served]
    groups = [(group, own) for group in _grouped(mine, sources_of) if (own := _own(group, weighed))]
    rows = find_row_faults(windows.healthy(ctx).arrivals, windows.current(ctx).arrivals[0])
    found = [
        *(_evidence(ctx, group, faults, weighed, missing, sources) for group, faults in groups),
        *(_of_rows(ctx, fault, sources) for fault in _widest(rows)),
    ]
    guilty = [item for item in found if item.verdict is Verdict.SUPPORTS]
    if guilty:
        verdict, said = Verdict.SUPPORTS, f"broken data from {', '.join(item.subject for item in guilty)}"
    elif any(item.verdict is Verdict.INCONCLUSIVE for item in found):
        verdict, said = Verdict.INCONCLUSIVE, "there are faults in the data; whether they matter is not known"
    elif found:
        faults_found = "1 fault" if len(found) == 1 else f"{len(found)} faults"
        verdict, said = (
            Verdict.REFUTES,
            f"{faults_found} in the data, none of which changes what the model gets right",
        )
    else:
        verdict, said = Verdict.REFUTES, f"no fault in {report.features_checked} features"
    others = sorted({fault.feature for fault in all_faults if fault.feature in served})
    if others:
        said += f"; {', '.join(others[:5])} are as they should be in the pipeline: only what was served is wrong"
    whole = Evidence(
        id=WHOLE,
        step=ctx.step,
        about=about,
        verdict=verdict,
        statement=f"{said} (against {report.healthy_windows} healthy windows)",
        measures=(
            Measure("features", report.features_checked),
            Measure("faults", sum(len(faults) for _, faults in groups) + len(rows)),
            Measure(STRENGTH, max((item.measure(STRENGTH) or 0.0 for item in guilty), default=1.0)),
        ),
        sources=sources,
        window=ctx.incident.window,
    )
    return Findings(evidence=(whole, *found), outputs={"faults": len(found)})


def _widest(faults: tuple[DataFault, ...]) -> list[DataFault]:
    """The widest fault of each kind, which tells of the others of its kind."""
    widest: dict[FaultKind, DataFault] = {}
    for fault in sorted(faults, key=lambda one: -one.share):
        first = widest.setdefault(fault.kind, fault)
        if first is not fault:
            widest[fault.kind] = replace(first, statement=f"{first.statement}; {fault.statement}")
    return list(widest.values())


def _of_rows(ctx: Context, fault: DataFault, sources: tuple[Source, ...]) -> Evidence:
    """Whole rows at fault: what is said of the window then rests on the rows that are there, once each.

    Rows that came twice also lower a KPI that counts every row, which supports the cause where that is much of the
    drop. What rows that are not there would have held can't be known.
    """
    name = f"{WHOLE}.rows.{fault.kind.replace(' ', '_')}"
    drop = _relative_drop(ctx)
    measures: tuple[Measure, ...] = ()
    counted_twice = fault.kind is FaultKind.DUPLICATES and ctx.model.kpi.per_row is PerRow.LABEL
    if counted_twice and drop is not None and fault.share >= drop * CLEAR_SHARE:
        verdict, measures = Verdict.SUPPORTS, (Measure(STRENGTH, UNPROVEN_STRENGTH),)
        said = f"{fault.statement}; a KPI that counts each of them moves by that much"
    else:
        verdict = Verdict.INCONCLUSIVE
        said = f"{fault.statement}; other findings rest on the rows that are there"
    return Evidence(
        id=name,
        step=ctx.step,
        about=about,
        verdict=verdict,
        subject="rows",
        statement=said,
        hint="look at what writes the serving log; run again when the rows are there"
        if fault.kind is not FaultKind.DUPLICATES
        else "look for retries in what writes the serving log, or for files that the path names twice",
        measures=(Measure("rows", fault.share, "share of rows"), *measures),
        sources=sources,
        window=ctx.incident.window,
        part_of="" if verdict is Verdict.SUPPORTS else WHOLE,
    )


def _no_worse(ctx: Context) -> bool:
    """Whether labelled rows show that the model does as well as before, by a KPI that is the model's own loss."""
    if ctx.model.kpi.per_row is not PerRow.LOSS:
        return False
    observed = impact(ctx).loss.observed
    return observed is not None and observed <= 0


def _relative_drop(ctx: Context) -> float | None:
    """How far the KPI moved, as a fraction of its healthy level, where an earlier step measured a drop."""
    measured = next((step.outputs["drop"] for step in ctx.incident.steps.values() if "drop" in step.outputs), None)
    drop = decode(Drop, measured) if measured is not None else None
    return abs(drop.change / drop.healthy) if drop is not None and drop.worse and drop.healthy else None


def _grouped(faults: Sequence[DataFault], sources: Mapping[str, str]) -> tuple[SourceFault, ...]:
    """Faults by their source. Features that moved alone, or lost their ties, are known by that and by nothing that
    they have in common: each is a group of its own, unless its source is broken otherwise."""
    broken = {fault.source for fault in faults if fault.kind not in _SOFT}
    own = [replace(one, source="") if one.kind in _SOFT and one.source not in broken else one for one in faults]
    return by_source(own, sources)


_SOFT = frozenset({FaultKind.TORN, FaultKind.DETACHED})
_UNRELATED = "'{}' no longer goes with the outcome, as if it were joined to the wrong rows"
_ALONE = {
    Mechanism.BROKEN_DEPENDENCE: (
        FaultKind.TORN,
        "'{}' no longer goes with the other features, as if it were joined to the wrong rows",
    ),
    Mechanism.CORRUPTION: (FaultKind.DETACHED, "'{}' moved, and the features that usually go with it did not"),
}


def _alone(
    report: QualityReport, weighed: dict[str, Weight], sources: Mapping[str, str], by_labels: str
) -> tuple[DataFault, ...]:
    """Features that lost their ties to the others, or moved without them, and show no other fault."""
    known = {fault.feature for fault in report.faults}
    found = []
    for name, weight in weighed.items():
        if weight.mechanism in _ALONE and name not in known and not weight.follows:
            kind, said = _ALONE[weight.mechanism]
            said = _UNRELATED if name == by_labels else said
            found.append(DataFault(kind, name, sources.get(name, ""), 1.0, 0.0, 1.0, said.format(name)))
    return tuple(found)


def _own(group: SourceFault, weighed: dict[str, Weight]) -> list[DataFault]:
    """The faults of ``group`` that are broken data, and not a population that moved."""
    return [
        fault
        for fault in group.faults
        if fault.kind not in HARMLESS_BY_ITSELF
        or (fault.feature in weighed and weighed[fault.feature].mechanism is not Mechanism.COVARIATE_DRIFT)
    ]


def _evidence(
    ctx: Context,
    group: SourceFault,
    faults: list[DataFault],
    weighed: dict[str, Weight],
    missing: str,
    sources: tuple[Source, ...],
) -> Evidence:
    names = tuple(dict.fromkeys(fault.feature for fault in faults if fault.feature))
    known = [weighed[name] for name in names if name in weighed]
    heaviest = together(known) if known else None
    said = "; ".join(fault.statement for fault in faults[:5]) + (
        f" and {len(faults) - 5} more" if len(faults) > 5 else ""
    )
    measures: tuple[Measure, ...]
    if heaviest is not None and (heaviest.harmless or (heaviest.share is None and _no_worse(ctx))):
        verdict, measures = Verdict.REFUTES, heaviest.measures
        said += f"; replayed through {heaviest.through} it costs nothing that matters"
        said = said if heaviest.harmless else f"{said}, as labelled rows are no worse than before"
    elif heaviest is None or heaviest.share is None:
        verdict = Verdict.SUPPORTS
        measures = (Measure(STRENGTH, UNPROVEN_STRENGTH),)
        said += f"; what it costs is not known: {missing}" if missing else ""
    elif heaviest.matters:
        verdict, measures = Verdict.SUPPORTS, heaviest.measures
        said += f"; replayed through {heaviest.through} it explains {heaviest.share:.0%} of the drop"
    else:
        verdict, measures = Verdict.REFUTES, heaviest.measures
        said += f"; replayed through {heaviest.through} it changes nothing that matters"
    onset = min((fault.onset for fault in faults if fault.onset is not None), default=None)
    return Evidence(
        id=f"{WHOLE}.{group.source}",
        step=ctx.step,
        about=about,
        verdict=verdict,
        subject=names[0] if len(names) == 1 else group.source,
        statement=said + (f" (since {onset:%Y-%m-%d %H:%M})" if onset else ""),
        measures=(Measure("rows", max(fault.share for fault in faults), "share of rows"), *measures),
        sources=sources,
        window=ctx.incident.window,
        part_of="" if verdict is Verdict.SUPPORTS else WHOLE,
    )
