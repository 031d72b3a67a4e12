"""Who was champion when, and who moved the alias: what triage did, and what it found done by somebody else."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from triage.codec import decode
from triage.incident import Approval, Event, Plan
from triage.ports import AliasMove

MOVES = frozenset({"promote", "rollback"})
"""Steps that move the champion's alias."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """Which version the alias pointed at when an incident looked."""

    at: datetime
    version: str
    incident: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What an incident's journal says of a move: who let it happen, why, and the digest of plan and evidence."""

    by: str
    why: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Reign:
    """``version`` became champion at ``at`` or, where nobody of us saw it happen, after ``not_before``.

    ``outside`` is True where the alias was moved past the registry's gates: nobody's approval stands behind it.
    """

    version: str
    previous: str
    at: datetime
    not_before: datetime | None = None
    outside: bool = False
    by: str = ""
    why: str = ""
    evidence: str = ""
    incident: str = ""


def told(events: Iterable[Event]) -> tuple[tuple[Sighting, ...], Decision | None]:
    """What the events of one incident say: the champion at each of its plans, and whose approval let it be moved."""
    plan: Plan | None = None
    seen: list[Sighting] = []
    decided: Decision | None = None
    for event in events:
        if event.kind == "planned":
            plan = decode(Plan, event.data["plan"])
            if plan.champion:
                seen.append(Sighting(event.at, plan.champion, event.incident))
        elif event.kind == "approved" and plan is not None and MOVES.intersection(plan.covers):
            approval = decode(Approval, event.data["approval"])
            decided = Decision(approval.by, plan.summary, approval.plan_digest)
    return tuple(seen), decided


def champions(
    moves: Iterable[AliasMove],
    sightings: Iterable[Sighting],
    decisions: Mapping[str, Decision],
    *,
    alias: str,
    now: Sighting | None,
) -> tuple[Reign, ...]:
    """Every champion of ``alias`` that is known of, oldest first.

    ``decisions`` maps an incident to what was decided in it; a move's key begins with its incident. A sighting of a
    version that no move explains is a move from outside, between the sighting before it and this one.
    """
    seen = [*sightings, *((now,) if now else ())]
    marks: list[tuple[datetime, int, AliasMove | Sighting]] = [
        (move.at, 0, move) for move in moves if move.alias == alias
    ]
    marks += [(sighting.at, 1, sighting) for sighting in seen]
    reigns: list[Reign] = []
    standing, last = "", None
    for at, _, mark in sorted(marks, key=lambda item: item[:2]):
        if isinstance(mark, Sighting):
            if mark.version != standing:
                reigns.append(_outside(mark.version, standing, at, last, mark.incident))
            standing = mark.version
        else:
            if mark.previous != standing:
                reigns.append(_outside(mark.previous, standing, at, last, ""))
            reigns.append(_ours(mark, decisions))
            standing = mark.version
        last = at
    return tuple(reign for reign in reigns if reign.version)


def _outside(version: str, previous: str, at: datetime, last: datetime | None, incident: str) -> Reign:
    """A version that we only found there; the first one of all was put there before anybody looked."""
    known = bool(previous)
    why = "moved outside triage" if known else "was champion when triage first looked"
    return Reign(version, previous, at, not_before=last if known else None, outside=known, why=why, incident=incident)


def _ours(move: AliasMove, decisions: Mapping[str, Decision]) -> Reign:
    incident = move.key.split("/", 1)[0]
    decided = decisions.get(incident)
    return Reign(
        move.version,
        move.previous,
        move.at,
        by=decided.by if decided else "",
        why=decided.why if decided else "its incident is not in this journal",
        evidence=decided.evidence if decided else "",
        incident=incident,
    )
