"""Which features moved beyond their season, and what each move costs, replayed through the champion."""

import math
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

from triage.diagnosis.scorecard import STRENGTH
from triage.drift.attribution.game import Mechanism
from triage.drift.shift.compare import FeatureDrift, Movement
from triage.drift.shift.exact import ExactTests
from triage.errors import TriageError, Unmeasurable
from triage.incident import CauseKind, Effect, Evidence, Measure, Source, Verdict
from triage.reading import windows
from triage.reading.analysis import broken, follows_classes, impact, movement, quality
from triage.reading.exact import exact
from triage.reading.parity import skewed
from triage.reading.weight import Weight, weights
from triage.step import Context, Findings, unmeasured

about = CauseKind.FEATURE_DRIFT
effect = Effect.READ
WHOLE = "feature_drift"


class Params(BaseModel):
    """How much is shown."""

    model_config = ConfigDict(extra="forbid")

    shown: int = Field(12, ge=1, le=500, description="how many features get evidence of their own")
    exact: tuple[str, ...] = Field(
        (), description="features whose KS and PSI are also taken of all values, which are read once more"
    )


def run(ctx: Context) -> Findings:
    drifts = movement(ctx)
    measured = [drift for drift in drifts if drift.verdict is not Movement.UNMEASURED]
    if not measured:
        unmeasured(
            f"none of {len(drifts)} features could be compared: {drifts[0].reason if drifts else 'there are none'}"
        )
    moved = sorted((drift for drift in measured if drift.verdict is Movement.MOVED), key=lambda drift: -drift.severity)
    sources = (windows.healthy(ctx).source, windows.current(ctx).source)
    try:
        cost = impact(ctx)
        weighed, missing, unknown = weights(cost), "", {one.what: one.reason for one in cost.loss.unmeasured}
    except Unmeasurable as error:
        weighed, missing, unknown = {}, str(error), {}
    faulty = {*broken(quality(ctx).faults), *skewed(ctx)}
    classes = follows_classes(ctx)
    candidates = [drift for drift in moved if drift.name not in faulty and _drifted(weighed.get(drift.name))]
    evidence = [
        _evidence(ctx, drift, weighed.get(drift.name), missing or unknown.get(drift.name, ""), sources, classes)
        for drift in candidates[: ctx.params.shown]
    ]
    if ctx.params.exact:
        tested = exact(ctx, ctx.params.exact)
        evidence += [_exactly(ctx, name, tested.get(name), sources) for name in ctx.params.exact]
    open_ = [drift.name for drift in candidates if drift.name in unknown and drift.name not in classes]
    lost = [drift for drift in drifts if drift.verdict is Movement.UNMEASURED]
    evidence += [_unmeasured(ctx, drift) for drift in lost[: ctx.params.shown]]
    fault = windows.baseline_fault(ctx)
    if fault is not None:
        evidence.append(_no_baseline(ctx, fault))
    return Findings(
        evidence=(_whole(ctx, drifts, lost, moved, candidates, evidence, missing, sources, classes, open_), *evidence),
        outputs={"features": len(drifts), "moved": len(moved)},
    )


def _drifted(weight: Weight | None) -> bool:
    """Whether the population moved, as far as the other features tell; a broken input is the quality step's."""
    return weight is None or bool(weight.follows) or weight.mechanism is Mechanism.COVARIATE_DRIFT


def _whole(
    ctx: Context,
    drifts: tuple[FeatureDrift, ...],
    lost: list[FeatureDrift],
    moved: list[FeatureDrift],
    candidates: list[FeatureDrift],
    evidence: list[Evidence],
    missing: str,
    sources: tuple[Source, ...],
    classes: frozenset[str],
    open_: list[str],
) -> Evidence:
    guilty = [item for item in evidence if item.verdict is Verdict.SUPPORTS]
    harmless = len(candidates) - len(guilty)
    counted = f"{len(moved)} of {len(drifts)} features moved beyond their season"
    if lost and not guilty:
        names = ", ".join(drift.name for drift in lost[:5]) + (f" and {len(lost) - 5} more" if len(lost) > 5 else "")
        verdict, statement = Verdict.INCONCLUSIVE, f"{counted}; not measured: {names}"
    elif not moved:
        verdict, statement = Verdict.REFUTES, f"none of {len(drifts)} features moved beyond its season"
    elif missing:
        verdict, statement = Verdict.INCONCLUSIVE, f"{counted}; what that costs is not known: {missing}"
    elif guilty:
        verdict = Verdict.SUPPORTS
        statement = (
            f"{counted}; {', '.join(item.subject for item in guilty)} cost something, {harmless} changed nothing"
        )
    elif open_:
        verdict, statement = Verdict.INCONCLUSIVE, f"{counted}; what {', '.join(open_[:5])} cost could not be replayed"
    elif classes:
        verdict, statement = Verdict.REFUTES, f"{counted}, as the new shares of the classes alone would move them"
    else:
        verdict, statement = Verdict.REFUTES, f"{counted}, and none of them changes what the model gets right"
    return Evidence(
        id=WHOLE,
        step=ctx.step,
        about=about,
        verdict=verdict,
        statement=statement,
        measures=(
            Measure("features", len(drifts)),
            Measure("moved", len(moved)),
            Measure(STRENGTH, max((item.measure(STRENGTH) or 0.0 for item in guilty), default=1.0)),
        ),
        sources=sources,
        window=ctx.incident.window,
    )


def _evidence(
    ctx: Context,
    drift: FeatureDrift,
    weight: Weight | None,
    missing: str,
    sources: tuple[Source, ...],
    classes: frozenset[str],
) -> Evidence:
    described = f"{drift.name} moved: {drift.reason}" if drift.reason else f"{drift.name} moved"
    if drift.name in classes:
        verdict, cost = Verdict.REFUTES, "as the new shares of the classes alone would move it"
    elif weight is None:
        verdict = Verdict.INCONCLUSIVE
        cost = f"what it costs is not known: {missing}" if missing else "too small a change to replay"
    elif weight.follows:
        verdict, cost = Verdict.REFUTES, f"it moved along with {weight.follows}"
    elif weight.matters:
        verdict = Verdict.SUPPORTS
        cost = f"replayed through {weight.through} it explains {weight.share:.0%} of the drop"
    else:
        verdict, cost = Verdict.REFUTES, f"replayed through {weight.through} it changes nothing that matters"
    return Evidence(
        id=f"{WHOLE}.{drift.name}",
        step=ctx.step,
        about=about,
        verdict=verdict,
        subject=drift.name,
        statement=f"{described}; {cost}",
        measures=(*_statistics(drift), *(weight.measures if weight else (Measure(STRENGTH, 0.3),))),
        sources=sources,
        window=ctx.incident.window,
        chart=chart(drift),
        part_of="" if verdict is Verdict.SUPPORTS else WHOLE,
    )


def _statistics(drift: FeatureDrift) -> tuple[Measure, ...]:
    return (
        Measure("psi", drift.psi.effect if drift.psi else None, "nats"),
        Measure("psi_by_chance", drift.psi_null, "nats"),
        Measure("psi_in_healthy_windows", drift.psi_history, "nats"),
        *([Measure("ks", drift.ks.effect)] if drift.ks else []),
        Measure("jensen_shannon", drift.jensen_shannon),
        Measure("adjusted_p", drift.adjusted_p),
        Measure("rows_now", drift.n_current, "rows"),
    )


def _exactly(ctx: Context, name: str, found: ExactTests | None, sources: tuple[Source, ...]) -> Evidence:
    """The exact tests of one feature, beside those of its bins: the same numbers, without their error."""
    taken = {name: test for name, test in (("ks", found.ks), ("psi", found.psi)) if test} if found else {}
    reason = found.reason if found else f"the serving log has no column '{name}'"
    said = ", ".join(f"{test.method} {test.effect:.4g} (p {test.p_value:.2g})" for test in taken.values())
    return Evidence(
        id=f"{WHOLE}.{name}:exact",
        step=ctx.step,
        about=about,
        verdict=Verdict.INCONCLUSIVE if taken else Verdict.UNMEASURED,
        subject=name,
        statement=f"{name} by all values: {said}; what the change costs, these tests can't tell" if taken else reason,
        measures=tuple(
            measure
            for short, test in taken.items()
            for measure in (
                Measure(f"exact_{short}", test.effect),
                Measure(f"exact_{short}_p_value", test.p_value),
            )
        ),
        sources=sources,
        window=ctx.incident.window,
        hint="" if taken else "correct the step's parameter 'exact' in the playbook",
        part_of=WHOLE,
    )


def _unmeasured(ctx: Context, drift: FeatureDrift) -> Evidence:
    return Evidence(
        id=f"{WHOLE}.{drift.name}",
        step=ctx.step,
        about=about,
        verdict=Verdict.UNMEASURED,
        subject=drift.name,
        statement=f"{drift.name}: {drift.reason}",
        hint=f"mend the column in the serving log, or name it under models.{ctx.model.name}.leave_out",
        part_of=WHOLE,
    )


def _no_baseline(ctx: Context, fault: TriageError) -> Evidence:
    return Evidence(
        id=f"{WHOLE}:baseline",
        step=ctx.step,
        about=about,
        verdict=Verdict.UNMEASURED,
        subject="training baseline",
        statement=f"the training baseline could not be read, only recent windows were compared: {fault.message}",
        hint=fault.hint or f"check datasets.{ctx.model.baseline.dataset} in triage.yaml: 'triage doctor' reads it",
        part_of=WHOLE,
    )


def chart(drift: FeatureDrift) -> Mapping[str, object]:
    """The two distributions over each other, and each bin's part of the PSI."""
    return {
        "type": "distribution",
        "feature": drift.name,
        "kind": "numeric" if drift.kind.is_number else "categorical",
        "labels": [bin_.label for bin_ in drift.bins],
        "edges": [[bin_.low, bin_.high] for bin_ in drift.bins] if drift.kind.is_number else None,
        "baseline": [bin_.baseline for bin_ in drift.bins],
        "current": [bin_.current for bin_ in drift.bins],
        "psi": [bin_.psi for bin_ in drift.bins],
        "psi_past": [value if math.isfinite(value) else None for value in drift.psi_past],
    }
