"""The verdict for the rung: did infrastructure change before or with the KPI, and enough to explain it?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

import numpy as np

from triage.health.attribution import Attribution, attribute
from triage.health.compare import Change, SignalVerdict, Worse, judge
from triage.health.onset import Onset
from triage.health.seasonal import baseline_for
from triage.health.series import bounds, step_seconds
from triage.health.while_it_lasted import episode_of, share_lost
from triage.incident import Verdict, Window
from triage.ports import Series

LEAST_R_SQUARED = 0.1
MATERIAL_SHARE = 0.2
CLOSE = timedelta(minutes=15)


class Order(StrEnum):
    """When a signal's change began, against the KPI's, both with their intervals."""

    BEFORE = "before"
    WITH = "with"
    AFTER = "after"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Signal:
    """One signal of the infrastructure: its series over window and history, what `judge` said of it, and whether its
    level breaks what it was promised to be."""

    series: Series
    verdict: SignalVerdict
    broken: bool = False


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A signal that changed for the worse. ``share`` is its part of the KPI's drop, None where that is not known."""

    name: str
    order: Order
    share: float | None
    statement: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What infrastructure has to do with the drop. ``share`` and its interval are fractions of the KPI's shift;
    ``lost_meanwhile`` is the part of what the KPI lost that it lost while the signals were worse, where they got well
    again."""

    verdict: Verdict
    statement: str
    share: float | None = None
    share_low: float | None = None
    share_high: float | None = None
    lost_meanwhile: float | None = None
    suspects: tuple[Suspicion, ...] = ()
    steady: tuple[str, ...] = ()
    unmeasured: tuple[str, ...] = ()
    attribution: Attribution | None = None
    hint: str = ""


def explain(
    kpi: Series,
    signals: Sequence[Signal],
    window: Window,
    *,
    kpi_verdict: SignalVerdict | None = None,
    kpi_worse: Worse = Worse.BOTH,
    rng: np.random.Generator | None = None,
) -> Explanation:
    """Weigh ``signals`` against the change of ``kpi`` in ``window``; poor data ends as unmeasured or inconclusive.

    - ``unmeasured``: no signal could be measured.
    - ``refutes``: every signal was measured, and each is steady, or changed only after the KPI, or (by what healthy
      history shows with an out-of-sample R² of at least 0.1) explains less than a fifth of the drop, or got well
      again and less than a fifth of what the KPI lost (``kpi_worse``) was lost meanwhile.
    - ``supports``: one changed for the worse before or with the KPI, and explains at least a fifth; or it left the
      range that history knows within a quarter of an hour of the KPI; or, where the KPI's onset was not found, it
      breaks its promise to the window's end.
    - ``inconclusive``: all else, above all when a signal that should be there is unmeasured.
    """
    rng = rng or np.random.default_rng(0)
    gone = tuple(signal.verdict.name for signal in signals if signal.verdict.change is Change.UNMEASURED)
    measured = [signal for signal in signals if signal.verdict.change is not Change.UNMEASURED]
    steady = tuple(signal.verdict.name for signal in measured if not signal.verdict.is_worse)
    worse = [signal for signal in measured if signal.verdict.is_worse]
    hint = f"make {', '.join(gone)} measurable: see the reason beside each" if gone else ""
    if not measured:
        why = (
            "no signal of the infrastructure is configured" if not signals else f"none of {len(gone)} signals has data"
        )
        return Explanation(Verdict.UNMEASURED, f"Infrastructure was not measured: {why}", unmeasured=gone, hint=hint)
    kpi_verdict = _to_its_step(kpi_verdict or judge(kpi, window, name="the KPI", rng=rng), kpi)
    if not worse:
        return _all_steady(steady, gone, measured, hint)
    orders = [_order(signal.verdict.onset, kpi_verdict.onset) for signal in worse]
    early = [signal for signal, order in zip(worse, orders, strict=True) if order is not Order.AFTER]
    found = _attribution(kpi, early, window, rng) if early else "every change came after the KPI's"
    suspects = _suspects(worse, orders, early, found)
    share = found if isinstance(found, Attribution) and found.r_squared >= LEAST_R_SQUARED else None
    lost_meanwhile = _lost_meanwhile(kpi, kpi_worse, early, window)
    verdict, statement = _weigh(suspects, early, share, found, kpi_verdict, lost_meanwhile)
    if verdict is Verdict.REFUTES and gone:
        verdict = Verdict.INCONCLUSIVE
        statement += f"; but {', '.join(gone)} could not be measured"
    return Explanation(
        verdict=verdict,
        statement=statement,
        share=share.share if share else None,
        share_low=share.low if share else None,
        share_high=share.high if share else None,
        lost_meanwhile=lost_meanwhile,
        suspects=suspects,
        steady=steady,
        unmeasured=gone,
        attribution=found if isinstance(found, Attribution) else None,
        hint=hint,
    )


def _to_its_step(verdict: SignalVerdict, series: Series) -> SignalVerdict:
    """``verdict`` with an onset that may lie anywhere in the step it was seen in: an hour does not tell its minutes."""
    step = step_seconds(series)
    if verdict.onset is None or not np.isfinite(step):
        return verdict
    return replace(verdict, onset=replace(verdict.onset, high=verdict.onset.high + timedelta(seconds=step)))


def _all_steady(steady: tuple[str, ...], gone: tuple[str, ...], measured: Sequence[Signal], hint: str) -> Explanation:
    largest = max(measured, key=lambda signal: abs(signal.verdict.z or 0.0)).verdict
    said = (
        f"{len(steady)} of {len(steady) + len(gone)} infrastructure signals were measured and none got worse "
        f"(largest departure: {largest.name}, {largest.z or 0.0:+.1f} robust sd)"
    )
    if gone:
        said += f"; {', '.join(gone)} could not be measured"
        return Explanation(Verdict.INCONCLUSIVE, said, steady=steady, unmeasured=gone, hint=hint)
    return Explanation(Verdict.REFUTES, said, share=0.0, share_low=0.0, share_high=0.0, steady=steady)


def _order(signal: Onset | None, kpi: Onset | None) -> Order:
    if signal is None or kpi is None:
        return Order.UNKNOWN
    if signal.low > kpi.high:
        return Order.AFTER
    if signal.high < kpi.low:
        return Order.BEFORE
    return Order.WITH


def _attribution(kpi: Series, signals: Sequence[Signal], window: Window, rng: np.random.Generator) -> Attribution | str:
    start, end = bounds(window)
    target = baseline_for(kpi, start, end)
    if isinstance(target, str):
        return f"the KPI has no baseline: {target}"
    columns = [baseline_for(signal.series, start, end, step=target.step_seconds) for signal in signals]
    ready = [column for column in columns if not isinstance(column, str)]
    if len(ready) < len(columns):
        return "a signal has no baseline"
    on_grid = [np.interp(target.times, column.times, column.residual, left=np.nan, right=np.nan) for column in ready]
    x = np.column_stack(on_grid)
    share = max((signal.verdict.since_share for signal in signals), default=1.0)
    since = max(1, round(share * target.current.size))
    return attribute(target.history, x[: target.split], target.current[-since:], x[target.split :][-since:], rng)


def _lost_meanwhile(kpi: Series, worse: Worse, signals: Sequence[Signal], window: Window) -> float | None:
    """`share_lost` while ``signals`` were worse; None where one of them is worse still, or comes and goes."""
    episodes = [episode_of(signal.series, signal.verdict, window) for signal in signals]
    known = [one for one in episodes if one is not None]
    return share_lost(kpi, worse, window, known, CLOSE) if known and len(known) == len(episodes) else None


def _suspects(
    worse: Sequence[Signal], orders: Sequence[Order], early: Sequence[Signal], found: Attribution | str
) -> tuple[Suspicion, ...]:
    parts: dict[str, float] = {}
    if isinstance(found, Attribution) and found.r_squared >= LEAST_R_SQUARED:
        parts = {signal.verdict.name: part for signal, part in zip(early, found.parts, strict=True)}
    suspects = [
        Suspicion(signal.verdict.name, order, parts.get(signal.verdict.name), signal.verdict.statement)
        for signal, order in zip(worse, orders, strict=True)
    ]
    by_name = {signal.verdict.name: signal for signal in worse}
    return tuple(sorted(suspects, key=lambda one: _rank(one, by_name[one.name])))


def _rank(suspect: Suspicion, signal: Signal) -> tuple[bool, float, bool, float]:
    """Before or with the KPI first, then by the share of the drop; where that is not known, a broken promise weighs
    more than a kept one, and of equals the larger departure."""
    z = signal.verdict.z or 0.0
    return (suspect.order is Order.AFTER, -(suspect.share or 0.0), not signal.broken, -abs(z))


def _weigh(
    suspects: Sequence[Suspicion],
    early: Sequence[Signal],
    share: Attribution | None,
    found: Attribution | str,
    kpi: SignalVerdict,
    lost_meanwhile: float | None,
) -> tuple[Verdict, str]:
    if not early:
        first = suspects[0]
        return Verdict.REFUTES, f"{first.statement}; the KPI had changed before, so this did not cause it"
    lead = suspects[0]
    if share is not None:
        said = (
            f"{lead.statement}; it predicts {share.share:.0%} of the KPI's drop ({share.low:.0%} to {share.high:.0%})"
        )
        if share.share >= MATERIAL_SHARE and share.low > 0:
            return Verdict.SUPPORTS, said
        if share.high < MATERIAL_SHARE and not share.extrapolated:
            return Verdict.REFUTES, f"{said}: too little to explain it"
        return Verdict.INCONCLUSIVE, said
    by_name = {signal.verdict.name: signal for signal in early}
    ranked = [by_name[suspect.name] for suspect in suspects if suspect.name in by_name]
    close = next((signal.verdict for signal in ranked if _together(signal.verdict.onset, kpi.onset)), None)
    why = found if isinstance(found, str) else f"history does not tie it to the KPI (R² {found.r_squared:.2f})"
    if close is not None:
        return Verdict.SUPPORTS, f"{close.statement}, together with the KPI; how much it explains is not known: {why}"
    broken = next((signal.verdict for signal in ranked if signal.broken and signal.verdict.until is None), None)
    if kpi.onset is None and broken is not None:
        said = f"{broken.statement}, to the window's end, and the KPI's onset was not found"
        return Verdict.SUPPORTS, f"{said}; how much it explains is not known: {why}"
    if lost_meanwhile is not None and lost_meanwhile < MATERIAL_SHARE:
        lasted = "it lasted" if len(early) == 1 else f"that and {len(early) - 1} more lasted"
        lost = f"{lost_meanwhile:.0%} of what the KPI lost was lost while {lasted}"
        return Verdict.REFUTES, f"{lead.statement}; {lost}: too little to explain it"
    return Verdict.INCONCLUSIVE, f"{lead.statement}; whether that explains the KPI is not known: {why}"


def _together(signal: Onset | None, kpi: Onset | None) -> bool:
    """The signal began with the KPI or at most a quarter of an hour before it, intervals taken into account."""
    if signal is None or kpi is None:
        return False
    return signal.low <= kpi.high and kpi.low - signal.high <= CLOSE
