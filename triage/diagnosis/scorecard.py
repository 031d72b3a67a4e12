"""A transparent additive model: evidence adds points to kinds of cause, the points become probabilities.

Weights of evidence on a log-odds scale (Good 1950), one softmax over kinds. Evidence on one rung of the ladder is
correlated, so only its strongest piece counts for, and its strongest against.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from triage.incident import CauseKind, Evidence, Verdict

WEIGHTS = Path(__file__).with_name("scorecard.yaml")
SHARE = "share_of_drop"
"""The measure by which a step says how much of the drop a cause explains, as a fraction."""
STRENGTH = "strength"
"""The measure (0 to 1) by which a step says how clearly its evidence speaks; 1 where it does not say."""


@dataclass(frozen=True, slots=True)
class Scorecard:
    """``prior`` in points per kind; ``supports``, ``refutes`` and ``inconclusive`` map a rung to points per kind;
    ``share`` are points for a kind that explains all of the drop, and in proportion for less."""

    temperature: float
    prior: Mapping[CauseKind, float]
    supports: Mapping[CauseKind, Mapping[CauseKind, float]]
    refutes: Mapping[CauseKind, Mapping[CauseKind, float]]
    inconclusive: Mapping[CauseKind, Mapping[CauseKind, float]]
    share: Mapping[CauseKind, float]

    def rows(self, verdict: Verdict) -> Mapping[CauseKind, Mapping[CauseKind, float]]:
        """The table of ``verdict``; what was not measured adds nothing."""
        tables = {
            Verdict.SUPPORTS: self.supports,
            Verdict.REFUTES: self.refutes,
            Verdict.INCONCLUSIVE: self.inconclusive,
        }
        return tables.get(verdict, {})


@dataclass(frozen=True, slots=True)
class Term:
    """``points`` that one piece of evidence (or the prior, with no evidence id) adds to a kind."""

    kind: CauseKind
    evidence: str
    points: float


@dataclass(frozen=True, slots=True)
class Scores:
    """Probability per kind (they sum to 1), and every term that made it."""

    probabilities: Mapping[CauseKind, float]
    terms: tuple[Term, ...]


@cache
def shipped(path: Path = WEIGHTS) -> Scorecard:
    """The scorecard that comes with the product."""
    import yaml

    data = yaml.safe_load(path.read_text())

    def points(row: Mapping[str, float]) -> dict[CauseKind, float]:
        return {CauseKind(kind): float(value) for kind, value in row.items()}

    return Scorecard(
        temperature=float(data["temperature"]),
        prior=points(data["prior"]),
        supports={CauseKind(kind): points(row) for kind, row in data["supports"].items()},
        refutes={CauseKind(kind): points(row) for kind, row in data["refutes"].items()},
        inconclusive={CauseKind(kind): points(row) for kind, row in data["inconclusive"].items()},
        share=points(data["share"]),
    )


def score(evidence: Iterable[Evidence], card: Scorecard) -> Scores:
    """Probabilities of each kind of cause, and what each piece of evidence added."""
    evidence = tuple(evidence)
    terms = [Term(kind, "", points) for kind, points in card.prior.items()]
    for (about, verdict), (strength, evidence_id) in sorted(strongest(evidence).items()):
        row = card.rows(verdict).get(about, {})
        terms += [Term(kind, evidence_id, points * strength) for kind, points in row.items()]
    for kind, (share, evidence_id) in sorted(shares(evidence).items()):
        terms.append(Term(kind, evidence_id, card.share.get(kind, 0.0) * share))
    totals = {kind: sum(term.points for term in terms if term.kind is kind) for kind in card.prior}
    highest = max(totals.values())
    odds = {kind: math.exp((total - highest) / card.temperature) for kind, total in totals.items()}
    return Scores({kind: value / sum(odds.values()) for kind, value in odds.items()}, tuple(terms))


def strongest(evidence: Iterable[Evidence]) -> dict[tuple[CauseKind, Verdict], tuple[float, str]]:
    """The strength and the id of the strongest evidence on each rung, for each verdict; parts do not count."""
    found: dict[tuple[CauseKind, Verdict], tuple[float, str]] = {}
    for item in evidence:
        place, strength = (item.about, item.verdict), strength_of(item)
        if not item.part_of and strength > found.get(place, (0.0, ""))[0]:
            found[place] = (strength, item.id)
    return found


def shares(evidence: Iterable[Evidence]) -> dict[CauseKind, tuple[float, str]]:
    """What the supporting evidence of each kind explains of the drop, all its subjects together, within [0, 1]; and the
    id of the one that explains most."""
    found: dict[CauseKind, list[tuple[float, str]]] = {}
    for item in evidence:
        share = item.measure(SHARE)
        if item.verdict is Verdict.SUPPORTS and not item.part_of and share is not None:
            found.setdefault(item.about, []).append((max(0.0, share), item.id))
    return {kind: (min(1.0, sum(share for share, _ in parts)), max(parts)[1]) for kind, parts in found.items()}


def strength_of(evidence: Evidence) -> float:
    """How clearly ``evidence`` speaks, clipped to [0, 1]."""
    value = evidence.measure(STRENGTH)
    return 1.0 if value is None else min(1.0, max(0.0, value))
