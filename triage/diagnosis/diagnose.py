"""Evidence to a diagnosis: ranked causes with shares of the drop, what is ruled out, what was not measured."""

from collections.abc import Sequence

from triage.diagnosis.scorecard import SHARE, Scorecard, Scores, score, strength_of
from triage.incident import Cause, CauseKind, Diagnosis, Drop, Evidence, RuledOut, Unmeasured, Verdict
from triage.numbers import figure, percent, whole_percent

LEAST_PROBABILITY = 0.02
"""Causes below this are not listed, unless nothing else is, or evidence speaks for the kind and names none likelier."""

MATERIAL_LOSS = 0.10
"""A loss of the KPI, as a fraction of its healthy level: it is said not to have got worse where less is certain."""

_TELLING = (Verdict.SUPPORTS, Verdict.REFUTES, Verdict.INCONCLUSIVE)

_NEXT_CHECK = {
    CauseKind.INFRASTRUCTURE: "make the service levels answer: 'triage doctor' names the queries that return nothing",
    CauseKind.DATA_QUALITY: "make the serving log of the incident window readable",
    CauseKind.SERVING_SKEW: "name a reference dataset in the catalogue: rows that the feature pipeline recomputes",
    CauseKind.FEATURE_DRIFT: "give the model a training baseline in the catalogue",
    CauseKind.CONCEPT_DRIFT: "wait for labels of the incident window, or label an audit sample",
    CauseKind.LABEL_SHIFT: "wait for labels of the incident window, or label an audit sample",
    CauseKind.BAD_DEPLOY: "give the serving log a column with the served model version and its prediction",
    CauseKind.LABEL_FAULT: "check the label pipeline's arrival and coverage",
    CauseKind.SEASONAL: "keep a longer history of healthy windows",
}


def diagnose(evidence: Sequence[Evidence], drop: Drop | None, card: Scorecard) -> Diagnosis:
    """The diagnosis that ``evidence`` gives under ``card``; without a drop it says that nothing has to be explained."""
    summed_up = [item for item in evidence if not item.part_of]
    scores = score(summed_up, card)
    unmeasured = tuple(
        Unmeasured(_looked_at(item), item.statement, item.hint)
        for item in evidence
        if item.verdict is Verdict.UNMEASURED
    )
    contributions = _contributions(scores)
    if drop is not None and not _fell(drop):
        said = f"{drop.kpi} has not got worse: {_level(drop)}. Nothing has to be explained"
        if _may_have_fallen(drop):
            said = f"whether {drop.kpi} got worse can't be told yet: {_level(drop)} ({_range(drop)})"
        noticed = _noticed(evidence)
        return Diagnosis(
            statement=f"{said}. Yet {noticed}" if noticed else said,
            causes=(),
            ruled_out=_ruled_out(summed_up),
            unmeasured=unmeasured,
            drop=drop,
            next_check=_closer_look(drop) if _may_have_fallen(drop) else "",
            contributions=contributions,
        )
    causes = _causes(summed_up, scores)
    return Diagnosis(
        statement=_statement(causes[0], drop),
        causes=causes,
        ruled_out=_ruled_out(summed_up),
        unmeasured=unmeasured,
        drop=drop,
        next_check=_next_check(summed_up, scores),
        contributions=contributions,
    )


def _looked_at(item: Evidence) -> str:
    """The kind of cause, or what evidence about no cause is of."""
    return item.about.value if item.about is not CauseKind.UNKNOWN else item.subject or item.step


def _noticed(evidence: Sequence[Evidence]) -> str:
    """What is wrong with the data though nobody was harmed by it: the first three faults, in words."""
    kinds = (CauseKind.DATA_QUALITY, CauseKind.SERVING_SKEW)
    faults = [item for item in evidence if item.about in kinds and item.subject and item.verdict in _TELLING]
    if not faults:
        return ""
    more = f" (and {len(faults) - 3} more)" if len(faults) > 3 else ""
    return "; ".join(f"{item.subject}: {item.statement}" for item in faults[:3]) + more


def _fell(drop: Drop) -> bool:
    return drop.worse and not drop.low <= 0 <= drop.high


def _may_have_fallen(drop: Drop) -> bool:
    """It looks worse, and a loss that would matter is not excluded: too few rows, or a window that began too early."""
    worst = drop.low if drop.change < 0 else drop.high
    return drop.worse and bool(drop.healthy) and abs(worst / drop.healthy) >= MATERIAL_LOSS


def _range(drop: Drop) -> str:
    ends = sorted((drop.low / abs(drop.healthy), drop.high / abs(drop.healthy)))
    return " to ".join(percent(end) for end in ends)


def _closer_look(drop: Drop) -> str:
    since = f" that begins when it seems to have changed ({drop.onset:%Y-%m-%d %H:%M} UTC)" if drop.onset else ""
    return f"diagnose a window{since}, or a longer one once it has passed: this one holds too little to tell"


def _causes(evidence: Sequence[Evidence], scores: Scores) -> tuple[Cause, ...]:
    """Each kind's probability, divided among its subjects by how much of the drop each explains."""
    causes = []
    for kind, probability in scores.probabilities.items():
        found = [item for item in evidence if item.about is kind and item.verdict is Verdict.SUPPORTS]
        if kind is CauseKind.UNKNOWN:  # evidence about no cause speaks for none
            found = []
        subjects = sorted({item.subject for item in found if item.subject})
        named = [(subject, [item for item in found if item.subject == subject]) for subject in subjects]
        common = [item.id for item in found if not item.subject]
        if not named:
            causes.append(_cause(kind, "", probability, found))
            continue
        weights = [max(_weight(item) for item in items) for _, items in named]
        total = sum(weights)
        for (subject, items), weight in zip(named, weights, strict=True):
            part = probability * (weight / total if total else 1 / len(named))
            causes.append(_cause(kind, subject, part, items, common))
    causes.sort(key=lambda cause: (-cause.probability, -(cause.share_of_drop or 0), cause.kind, cause.subject))
    first = {cause.kind: cause.subject for cause in reversed(causes) if cause.evidence}
    listed = [
        cause for cause in causes if cause.probability >= LEAST_PROBABILITY or first.get(cause.kind) == cause.subject
    ]
    return tuple(listed or causes[:1])


def _weight(item: Evidence) -> float:
    share = item.measure(SHARE)
    return max(0.0, share) if share is not None else 0.1 * strength_of(item)


def _cause(
    kind: CauseKind, subject: str, probability: float, found: Sequence[Evidence], common: Sequence[str] = ()
) -> Cause:
    best = max(found, key=_weight, default=None)
    share = next((measure for measure in best.measures if measure.name == SHARE), None) if best else None
    return Cause(
        kind=kind,
        subject=subject,
        probability=round(probability, 4),
        share_of_drop=share.value if share else None,
        share_low=share.low if share else None,
        share_high=share.high if share else None,
        statement=best.statement if best else _without_evidence(kind),
        evidence=(*(item.id for item in found), *common),
    )


def _without_evidence(kind: CauseKind) -> str:
    if kind is CauseKind.UNKNOWN:
        return "something that none of the checks looks at, or could measure"
    return "no evidence for it, and not ruled out"


def _ruled_out(evidence: Sequence[Evidence]) -> tuple[RuledOut, ...]:
    """Kinds that some evidence refutes and none supports; a kind with an unmeasured part is not ruled out."""
    ruled = []
    for kind in CauseKind:
        found = [item for item in evidence if item.about is kind]
        refuting = [item for item in found if item.verdict is Verdict.REFUTES]
        if refuting and not any(item.verdict in (Verdict.SUPPORTS, Verdict.UNMEASURED) for item in found):
            ruled.append(
                RuledOut(kind, "; ".join(item.statement for item in refuting), tuple(item.id for item in refuting))
            )
    return tuple(ruled)


def _next_check(evidence: Sequence[Evidence], scores: Scores) -> str:
    """What to measure next: the likeliest kind that could not be measured."""
    missing = [item.about for item in evidence if item.verdict is Verdict.UNMEASURED and item.about in _NEXT_CHECK]
    return _NEXT_CHECK[max(missing, key=lambda kind: scores.probabilities.get(kind, 0.0))] if missing else ""


def _statement(cause: Cause, drop: Drop | None) -> str:
    named = cause.kind.value.replace("_", " ") + (f" in {cause.subject}" if cause.subject else "")
    if cause.kind is CauseKind.UNKNOWN:
        return f"The cause is not known{f': {_level(drop)}' if drop else ''}"
    head = f"Most likely {named} ({whole_percent(cause.probability)})"
    if drop is None:
        return head
    if cause.share_of_drop is None:
        return f"{head}: {_level(drop)}"
    relative = abs(drop.change / drop.healthy) if drop.healthy else 0.0
    explained = max(0.0, cause.share_of_drop) * relative
    return f"{head}: it explains {percent(explained)} of the {percent(relative)} by which {drop.kpi} got worse"


def _level(drop: Drop) -> str:
    moved = f", {_way(drop)} by {percent(abs(drop.change / drop.healthy))}" if drop.healthy else ""
    return f"{drop.kpi} is {figure(drop.current, drop.unit)} against {figure(drop.healthy, drop.unit)} expected{moved}"


def _way(drop: Drop) -> str:
    return "up" if drop.change > 0 else "down"


def _contributions(scores: Scores) -> dict[str, list[dict[str, object]]]:
    """Every term by kind, as `triage explain` prints it."""
    table: dict[str, list[dict[str, object]]] = {}
    for term in scores.terms:
        table.setdefault(term.kind.value, []).append({"evidence": term.evidence, "points": round(term.points, 4)})
    return table
