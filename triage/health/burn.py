"""How fast the error budget burns, over several windows at once.

Beyer et al., The Site Reliability Workbook, ch. 5, "Multiwindow, multi-burn-rate alerts".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from triage.health.series import step_seconds, tidy
from triage.ports import Series

MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
LEAST_COVERAGE = 0.5


@dataclass(frozen=True, slots=True)
class WindowPair:
    """Burning when both windows burn at least ``factor`` times as fast as the budget allows."""

    short_seconds: float
    long_seconds: float
    factor: float
    severity: str


WORKBOOK_PAIRS = (
    WindowPair(5 * MINUTE, HOUR, 14.4, "page"),
    WindowPair(30 * MINUTE, 6 * HOUR, 6.0, "page"),
    WindowPair(2 * HOUR, DAY, 3.0, "ticket"),
    WindowPair(6 * HOUR, 3 * DAY, 1.0, "ticket"),
)


class Burn(StrEnum):
    BURNING = "burning"
    WITHIN_BUDGET = "within budget"
    UNMEASURED = "unmeasured"


@dataclass(frozen=True, slots=True)
class PairVerdict:
    """One pair of windows; a rate is a multiple of the sustainable burn, None where there was no traffic or no data."""

    pair: WindowPair
    burn: Burn
    short_rate: float | None
    long_rate: float | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class BurnVerdict:
    """``burn`` is the worst of the pairs: burning if one burns, within budget only if all were measured."""

    burn: Burn
    pairs: tuple[PairVerdict, ...]
    objective: float

    @property
    def severity(self) -> str:
        """``page`` or ``ticket`` of the first pair that burns, else nothing."""
        return next((item.pair.severity for item in self.pairs if item.burn is Burn.BURNING), "")

    @property
    def statement(self) -> str:
        """In words: how fast the budget burns, over which windows, and which of them could not be measured."""
        gone = [f"{_pair(item.pair)}: {item.reason}" for item in self.pairs if item.burn is Burn.UNMEASURED]
        missing = f"; not measured over {'; '.join(gone)}" if gone else ""
        burning = next((item for item in self.pairs if item.burn is Burn.BURNING), None)
        if burning is not None and burning.short_rate is not None and burning.long_rate is not None:
            return (
                f"burns its error budget {burning.long_rate:.3g} times as fast as {self.objective:.6g} allows over "
                f"{_words(burning.pair.long_seconds)} ({burning.short_rate:.3g} times over "
                f"{_words(burning.pair.short_seconds)}): worth a {burning.pair.severity}{missing}"
            )
        if len(gone) == len(self.pairs):
            return f"whether it burns its error budget could not be measured over {'; '.join(gone)}"
        rates = [
            item.long_rate for item in self.pairs if item.burn is not Burn.UNMEASURED and item.long_rate is not None
        ]
        if not any(rates):
            return f"burns none of the error budget that {self.objective:.6g} allows{missing}"
        return f"burns its error budget at most {max(rates):.3g} times as fast as {self.objective:.6g} allows{missing}"


def burn_rate(bad: float, total: float, objective: float) -> float | None:
    """Bad events' share over the share that the objective allows; None without traffic.

    >>> round(burn_rate(bad=144, total=10_000, objective=0.999), 1)
    14.4
    """
    if not 0 < objective < 1:
        raise ValueError(f"an objective is a share between 0 and 1, such as 0.999, not {objective}")
    if not total > 0:
        return None
    return (bad / total) / (1 - objective)


def assess(
    bad: Series, total: Series, objective: float, at: float, *, pairs: Sequence[WindowPair] = WORKBOOK_PAIRS
) -> BurnVerdict:
    """The burn over the windows that end at ``at`` (Unix seconds).

    ``bad`` and ``total`` are events per second (or per step) sampled at the same times; ``bad`` is counted where both
    are known. No series of bad events at all is a gap, not zero: give zeros where the source knows of none.
    Raises ValueError for an objective outside (0, 1).
    """
    events, misses = tidy(total), tidy(bad)
    shared, in_events, in_misses = np.intersect1d(events.times, misses.times, return_indices=True)
    pair_of = np.column_stack((misses.values[in_misses], events.values[in_events]))
    both = Series(total.labels, shared, np.where(np.isnan(pair_of).any(axis=1), np.nan, 1.0))
    step = step_seconds(events)
    verdicts = tuple(_judge(pair, both, pair_of, step, objective, at) for pair in pairs)
    kinds = {verdict.burn for verdict in verdicts}
    worst = next(kind for kind in (Burn.BURNING, Burn.UNMEASURED, Burn.WITHIN_BUDGET) if kind in kinds)
    return BurnVerdict(worst, verdicts, objective)


def bad_events(share: Series, traffic: Series) -> Series:
    """Events per second that went wrong, from their ``share`` (0 to 1) and ``traffic`` (events per second).

    Of no traffic nothing went wrong, though the share (0/0) is not known then; elsewhere a gap stays a gap.
    """
    events, shares = tidy(traffic), tidy(share)
    known = np.full(events.times.size, np.nan)
    _, in_events, in_shares = np.intersect1d(events.times, shares.times, return_indices=True)
    known[in_events] = shares.values[in_shares]
    return Series(share.labels, events.times, np.where(events.values == 0, 0.0, known * events.values))


def _judge(pair: WindowPair, both: Series, values: np.ndarray, step: float, objective: float, at: float) -> PairVerdict:
    rates: list[float | None] = []
    reasons = []
    for seconds in (pair.short_seconds, pair.long_seconds):
        inside = (both.times > at - seconds) & (both.times <= at) & ~np.isnan(both.values)
        have = float(inside.sum()) * step / seconds if np.isfinite(step) else 0.0
        if have < LEAST_COVERAGE:
            rates.append(None)
            reasons.append(f"{have:.0%} of the last {_words(seconds)} measured")
            continue
        bad, total = values[inside].sum(axis=0)
        rates.append(burn_rate(float(bad), float(total), objective))
        if rates[-1] is None:
            reasons.append(f"no traffic in the last {_words(seconds)}")
    short, long = rates
    if short is None or long is None:
        return PairVerdict(pair, Burn.UNMEASURED, short, long, "; ".join(reasons))
    burning = short >= pair.factor and long >= pair.factor
    return PairVerdict(pair, Burn.BURNING if burning else Burn.WITHIN_BUDGET, short, long)


def _pair(pair: WindowPair) -> str:
    return f"{_words(pair.short_seconds)} and {_words(pair.long_seconds)}"


def _words(seconds: float) -> str:
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= unit:
            return f"{seconds / unit:g} {name}"
    return f"{seconds:g} s"
