"""One guardrail of a canary: is the challenger's arm worse than the champion's, by what is known up to this look?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np

from triage.trial.exact import proportion_sequence
from triage.trial.sequential import Arm, SequentialTest, difference_sequence, mixture_width
from triage.trial.verdict import Interval, TrialVerdict


class GuardrailKind(StrEnum):
    """``share``: yes/no for each request (errors, slow requests, wrong answers); ``mean``: a measured value."""

    SHARE = "share"
    MEAN = "mean"


@dataclass(frozen=True, slots=True)
class Guardrail:
    """What may not get worse, and by how much.

    ``margin`` is the largest acceptable harm and ``tolerated`` the harm that, once shown, rolls back; both in the
    metric's unit. Labels come ``label_delay`` after their request: until then the guardrail is not due, which is no
    reason to worry, and, if ``needed_to_promote``, no reason to go on. Its looks must count only requests older than
    the delay: of younger ones the quickest labels alone would be seen. ``design_effect``: see `difference_sequence`.
    """

    name: str
    margin: float
    kind: GuardrailKind = GuardrailKind.SHARE
    higher_is_worse: bool = True
    tolerated: float = 0.0
    min_requests: int = 300
    label_delay: timedelta = timedelta(0)
    needed_to_promote: bool = True
    design_effect: float = 1.0
    unit: str = ""

    def __post_init__(self) -> None:
        if not self.margin > 0:
            raise ValueError(f"guardrail '{self.name}' has margin {self.margin}; it must be above 0 to be provable")
        if not 0 <= self.tolerated < self.margin:
            raise ValueError(f"guardrail '{self.name}' tolerates {self.tolerated}, not between 0 and {self.margin}")


@dataclass(frozen=True, slots=True)
class Tally:
    """What one arm showed in one interval: requests, and the sum (and of squares, for a mean) of the metric over them.

    For a share ``total`` counts the events. Counters read from a time series need not be whole numbers.
    """

    n: float
    total: float
    squares: float = 0.0


@dataclass(frozen=True, slots=True)
class Look:
    """What was new since the look before. None: the answer held nothing; ``error``: there was no answer."""

    at: datetime
    champion: Tally | None
    challenger: Tally | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class GuardrailResult:
    """``harm`` is in the metric's unit, above 0 worse. ``due_at`` is set while labels can't have come yet."""

    name: str
    verdict: TrialVerdict
    statement: str
    harm: Interval | None = None
    p_value: float | None = None
    n_champion: int = 0
    n_challenger: int = 0
    champion: float | None = None
    challenger: float | None = None
    looks: int = 0
    due_at: datetime | None = None
    needed_to_promote: bool = True


def judge_guardrail(
    guardrail: Guardrail,
    looks: Sequence[Look],
    *,
    stage_started_at: datetime,
    now: datetime,
    confidence: float = 0.95,
) -> GuardrailResult:
    """The verdict of one guardrail from all looks of its stage, oldest first.

    Fails as soon as harm beyond what is tolerated is shown; a share may do so before ``min_requests``, as its sequence
    is exact at any count. Passes when harm beyond the margin is ruled out on enough requests. An interval without
    requests in an arm is no data, however much came before.
    """

    def result(verdict: TrialVerdict, statement: str, **figures: object) -> GuardrailResult:
        return GuardrailResult(
            guardrail.name,
            verdict,
            f"{guardrail.name}: {statement}",
            looks=len(looks),
            needed_to_promote=guardrail.needed_to_promote,
            **figures,  # type: ignore[arg-type]
        )

    due_at = stage_started_at + guardrail.label_delay
    if guardrail.label_delay and now < due_at:
        return result(TrialVerdict.NO_DATA, f"labels are not due before {due_at:%Y-%m-%d %H:%M}", due_at=due_at)
    if not looks:
        return result(TrialVerdict.NO_DATA, "not measured yet")
    last = looks[-1]
    if last.error:
        return result(TrialVerdict.ERROR, last.error)
    for arm, tally in (("champion", last.champion), ("challenger", last.challenger)):
        if tally is None or tally.n <= 0:
            return result(TrialVerdict.NO_DATA, f"the {arm} had no requests in the last interval")
    pairs = [(look.champion, look.challenger) for look in looks if not look.error and look.champion and look.challenger]
    try:
        test, values = _test(guardrail, pairs, confidence)
    except ValueError as broken:
        return result(TrialVerdict.ERROR, str(broken))
    harm = test.difference if guardrail.higher_is_worse else test.difference.negated
    smaller = min(test.n_champion, test.n_challenger)
    enough = smaller >= guardrail.min_requests
    figures = {
        "harm": harm,
        "p_value": test.p_value,
        "n_champion": test.n_champion,
        "n_challenger": test.n_challenger,
        "champion": values[0],
        "challenger": values[1],
    }
    shown = (
        f"{values[0]:.4g} -> {values[1]:.4g}{guardrail.unit}, harm {harm} at {confidence:.4g} over all looks, "
        f"n {test.n_champion:,} and {test.n_challenger:,}"
    )
    if harm.low > guardrail.tolerated and (enough or guardrail.kind is GuardrailKind.SHARE):
        return result(TrialVerdict.FAIL, f"{shown}: harm above {guardrail.tolerated:g} is shown", **figures)
    if not enough:
        return result(TrialVerdict.INCONCLUSIVE, f"{shown}: {guardrail.min_requests:,} in each are needed", **figures)
    if harm.high <= guardrail.margin:
        return result(TrialVerdict.PASS, f"{shown}: harm above {guardrail.margin:g} is ruled out", **figures)
    return result(TrialVerdict.INCONCLUSIVE, f"{shown}: can't rule out harm above {guardrail.margin:g}", **figures)


def judge_split(
    champion_n: float, challenger_n: float, *, weight: float, tolerance: float = 0.1, confidence: float = 0.999
) -> GuardrailResult:
    """Does the router send the share ``weight`` to the challenger? If shown not to, no other figure can be trusted: an
    error.

    ``tolerance`` is relative to the weight. The limits hold at every look (normal mixture around the declared weight).
    """
    n = champion_n + challenger_n
    name = "traffic split"
    if n < 1:
        return GuardrailResult(name, TrialVerdict.NO_DATA, f"{name}: no requests at all")
    seen, slack = challenger_n / n, tolerance * weight
    width = mixture_width(weight * (1 - weight) / n, slack, confidence)
    counted = f"{seen:.2%} of {round(n):,} requests went to the challenger, {weight:.0%} declared"
    interval = Interval(seen - weight, seen - weight - width, seen - weight + width, confidence)
    wrong = interval.low > slack or interval.high < -slack
    return GuardrailResult(
        name,
        TrialVerdict.ERROR if wrong else TrialVerdict.PASS,
        f"{name}: {counted}" + ("; the router does not do what it was told, or requests are lost" if wrong else ""),
        n_champion=round(champion_n),
        n_challenger=round(challenger_n),
    )


def _test(
    guardrail: Guardrail, pairs: list[tuple[Tally, Tally]], confidence: float
) -> tuple[SequentialTest, tuple[float, float]]:
    n = np.array([[tally.n for tally in pair] for pair in pairs])
    total = np.array([[tally.total for tally in pair] for pair in pairs])
    values = tuple((total.sum(axis=0) / n.sum(axis=0)).tolist())
    if guardrail.kind is GuardrailKind.SHARE:
        test = proportion_sequence(
            total[:, 0], n[:, 0], total[:, 1], n[:, 1], confidence=confidence, design_effect=guardrail.design_effect
        )
        return test, (values[0], values[1])
    squares = np.array([[tally.squares for tally in pair] for pair in pairs]).sum(axis=0)
    arms = [Arm.from_sums(round(n[:, i].sum()), float(total[:, i].sum()), float(squares[i])) for i in (0, 1)]
    test = difference_sequence(
        *arms, effect=guardrail.margin, confidence=confidence, design_effect=guardrail.design_effect
    )
    return test, (values[0], values[1])
