"""The causal ladder: what is known of each kind of cause, in the order in which they are ruled in or out."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from triage.incident import Cause, CauseKind, Evidence, Incident, Verdict

RUNGS = (
    CauseKind.INFRASTRUCTURE,
    CauseKind.DATA_QUALITY,
    CauseKind.SERVING_SKEW,
    CauseKind.FEATURE_DRIFT,
    CauseKind.LABEL_SHIFT,
    CauseKind.CONCEPT_DRIFT,
    CauseKind.BAD_DEPLOY,
)
"""Always shown, also when nothing was looked at; the other kinds only where there is something to say of them."""

KIND_NAMES = {
    CauseKind.INFRASTRUCTURE: "infrastructure",
    CauseKind.DATA_QUALITY: "data quality",
    CauseKind.SERVING_SKEW: "serving skew",
    CauseKind.FEATURE_DRIFT: "feature drift",
    CauseKind.LABEL_SHIFT: "label shift",
    CauseKind.CONCEPT_DRIFT: "concept drift",
    CauseKind.BAD_DEPLOY: "bad deploy",
    CauseKind.LABEL_FAULT: "label fault",
    CauseKind.SEASONAL: "seasonal",
    CauseKind.UNKNOWN: "unknown",
}


def spoken(what: str) -> str:
    """What could not be measured, in words where it is a kind of cause."""
    return next((name for kind, name in KIND_NAMES.items() if kind.value == what), what)


VERDICT_GLYPHS = {
    Verdict.SUPPORTS: "●",
    Verdict.REFUTES: "○",
    Verdict.INCONCLUSIVE: "◐",
    Verdict.UNMEASURED: "?",
}


class Standing(StrEnum):
    """What is known of one kind of cause."""

    CAUSE = "cause"
    POSSIBLE = "possible"
    UNCLEAR = "unclear"
    UNMEASURED = "unmeasured"
    UNCHECKED = "not checked"
    RULED_OUT = "ruled out"

    @property
    def glyph(self) -> str:
        return _GLYPHS[self]


_GLYPHS = {
    Standing.CAUSE: "●",
    Standing.POSSIBLE: "◐",
    Standing.UNCLEAR: "◌",
    Standing.UNMEASURED: "?",
    Standing.UNCHECKED: "·",
    Standing.RULED_OUT: "○",
}


@dataclass(frozen=True, slots=True)
class Rung:
    """One kind of cause, what is known of it, and in one line why."""

    kind: CauseKind
    name: str
    standing: Standing
    note: str
    evidence: tuple[str, ...]


def ladder(incident: Incident) -> tuple[Rung, ...]:
    """A rung per kind of cause: the seven of `RUNGS`, then any other that has evidence or was ranked."""
    causes = incident.diagnosis.causes if incident.diagnosis else ()
    excluded = incident.diagnosis.ruled_out if incident.diagnosis else ()
    named = {item.about for item in incident.evidence} | {cause.kind for cause in causes}
    named |= {item.kind for item in excluded}
    if not any(cause.kind is CauseKind.UNKNOWN for cause in causes):
        named.discard(CauseKind.UNKNOWN)  # evidence about no cause, such as that the KPI fell
    return tuple(_rung(kind, incident) for kind in CauseKind if kind in RUNGS or kind in named)


def _rung(kind: CauseKind, incident: Incident) -> Rung:
    evidence = [item for item in incident.evidence if item.about is kind]
    standing, note = _standing(kind, incident, evidence)
    unmeasured = sum(item.verdict is Verdict.UNMEASURED for item in evidence)
    if unmeasured and standing not in (Standing.UNMEASURED, Standing.UNCHECKED):
        note = f"{note} ({unmeasured} of {len(evidence)} checks unmeasured)"
    return Rung(kind, KIND_NAMES[kind], standing, note, tuple(item.id for item in evidence))


def _standing(kind: CauseKind, incident: Incident, evidence: list[Evidence]) -> tuple[Standing, str]:
    diagnosis = incident.diagnosis
    measured = not evidence or any(item.verdict is not Verdict.UNMEASURED for item in evidence)
    if diagnosis is not None:
        ranked = [(rank, cause) for rank, cause in enumerate(diagnosis.causes) if cause.kind is kind]
        if ranked and (ranked[0][1].evidence or kind is CauseKind.UNKNOWN):
            rank, cause = ranked[0]
            first = rank == 0 and kind is not CauseKind.UNKNOWN
            return (Standing.CAUSE if first else Standing.POSSIBLE), _named(cause)
        for item in diagnosis.ruled_out:
            if item.kind is kind and measured:
                return Standing.RULED_OUT, item.reason
    return _from_evidence(evidence)


def _from_evidence(evidence: Iterable[Evidence]) -> tuple[Standing, str]:
    """Evidence that was not, or not yet, drawn to a conclusion; it can make a cause possible but rule none out."""
    by_verdict = {item.verdict: item for item in reversed(list(evidence))}
    for verdict, standing in (
        (Verdict.SUPPORTS, Standing.POSSIBLE),
        (Verdict.INCONCLUSIVE, Standing.UNCLEAR),
        (Verdict.REFUTES, Standing.UNCLEAR),
        (Verdict.UNMEASURED, Standing.UNMEASURED),
    ):
        if verdict in by_verdict:
            return standing, by_verdict[verdict].statement
    return Standing.UNCHECKED, "no evidence was gathered"


def _named(cause: Cause) -> str:
    named = cause.statement if cause.statement.startswith(cause.subject) else f"{cause.subject}: {cause.statement}"
    return named if cause.subject else cause.statement
