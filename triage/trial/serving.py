"""Serving itself while a challenger is asked: its service levels, and the champion against its own past."""

from dataclasses import dataclass

from triage.trial.guardrail import GuardrailResult, Tally
from triage.trial.verdict import Interval, TrialVerdict


@dataclass(frozen=True, slots=True)
class ServiceLevel:
    """How far a level is from what it promises, over a short and a long window; None where it could not be measured.

    Of a share of requests a rate says how many times as fast as allowed the error budget burns, of another figure how
    many times its target it stands at (``measured`` names which). It breaks when both reach ``factor``: the long window
    shows that it matters, the short one that it still goes on. ``broke_before``: it did so before the challenger was
    asked, so that nothing follows from it.
    """

    name: str
    short_rate: float | None
    long_rate: float | None
    factor: float = 14.4
    measured: str = "times the budget"
    broke_before: bool = False
    error: str = ""


def judge_level(level: ServiceLevel) -> GuardrailResult:
    """Fail where ``level`` breaks and did not before; never a pass where it could not be measured."""
    name = f"service level {level.name}"
    if level.error:
        return GuardrailResult(name, TrialVerdict.ERROR, f"{name}: {level.error}")
    if level.short_rate is None or level.long_rate is None:
        return GuardrailResult(name, TrialVerdict.NO_DATA, f"{name}: it could not be measured")
    rates = f"{level.short_rate:.3g} (short) and {level.long_rate:.3g} (long) {level.measured}"
    said = f"{name}: {rates}, limit {level.factor:g}"
    if min(level.short_rate, level.long_rate) < level.factor:
        return GuardrailResult(name, TrialVerdict.PASS, said)
    if level.broke_before:
        told = f"{said}: it did so before the challenger was asked as well, which says nothing of it"
        return GuardrailResult(name, TrialVerdict.INCONCLUSIVE, told, needed_to_promote=False)
    return GuardrailResult(name, TrialVerdict.FAIL, said)


def judge_rise(
    name: str, before: Tally | None, now: Tally | None, *, margin: float, confidence: float, min_requests: int
) -> GuardrailResult:
    """Did the share of events rise by more than ``margin`` since ``before``? Newcombe's interval of the difference, for
    one look: who looks often gives a ``confidence`` that is worth all of them.

    Fails once a rise beyond the margin is shown on ``min_requests`` of each span; passes once it is ruled out. Counts
    are rounded to whole numbers.
    """
    from statsmodels.stats.proportion import confint_proportions_2indep

    for span, tally in (("before", before), ("since", now)):
        if tally is None or tally.n < 1:
            return GuardrailResult(name, TrialVerdict.NO_DATA, f"{name}: no requests {span} the copying began")
    assert before is not None  # asked above
    assert now is not None  # asked above
    counts = [(min(round(one.total), round(one.n)), round(one.n)) for one in (now, before)]
    low, high = confint_proportions_2indep(
        *counts[0], *counts[1], method="newcomb", compare="diff", alpha=1 - confidence
    )
    shares = [events / n for events, n in counts]
    rise = Interval(shares[0] - shares[1], float(low), float(high), confidence)
    verdict = TrialVerdict.INCONCLUSIVE
    enough = min(n for _, n in counts) >= min_requests
    if rise.low > margin and enough:
        verdict = TrialVerdict.FAIL
    elif rise.high <= margin:
        verdict = TrialVerdict.PASS
    said = f"{name} of the champion: {shares[1]:.4g} -> {shares[0]:.4g}, rise {rise}, limit {margin:g}"
    return GuardrailResult(name, verdict, said, harm=rise, n_champion=counts[1][1], n_challenger=counts[0][1])
