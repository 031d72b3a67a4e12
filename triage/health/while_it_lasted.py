"""What the KPI lost while signals that got well again were ill."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np

from triage.health.compare import SignalVerdict, Worse
from triage.health.seasonal import Baseline, baseline_for
from triage.health.series import bounds
from triage.incident import Window
from triage.ports import Series

WELL = 0.5
"""Of its mean departure: a point beyond this fraction of it is not well again."""

Episode = tuple[datetime, datetime]


def episode_of(series: Series, verdict: SignalVerdict, window: Window) -> Episode | None:
    """When the signal was ill, where that was one stretch that ended before ``window`` did; None where it flaps, goes
    on, or has no baseline."""
    found = _baseline(series, window)
    if verdict.onset is None or verdict.until is None or verdict.shift is None or found is None:
        return None
    times = found.times[found.split :]
    outside = (times < verdict.onset.low.timestamp()) | (times > verdict.until.timestamp())
    ill = np.nan_to_num(found.current[outside]) * np.sign(verdict.shift) > WELL * abs(verdict.shift)
    return None if ill.any() else (verdict.onset.low, verdict.until)


def share_lost(kpi: Series, worse: Worse, window: Window, episodes: Sequence[Episode], lag: timedelta) -> float | None:
    """The part of all that the KPI lost in ``window`` against its baseline that it lost in ``episodes``, each ``lag``
    longer. None where that can't be told: no baseline, nothing lost, a gap in the KPI meanwhile, or no direction that
    is ``worse``.

    A point of the KPI tells of the step behind it, so one more is taken on either side. What it gained is no loss.
    """
    found = _baseline(kpi, window)
    if found is None or worse is Worse.BOTH:
        return None
    times, departure = found.times[found.split :], found.current
    meanwhile = np.zeros(times.size, bool)
    for begin, over in episodes:
        last = over.timestamp() + lag.total_seconds() + found.step_seconds
        meanwhile |= (times >= begin.timestamp() - found.step_seconds) & (times <= last)
    if not meanwhile.any() or np.isnan(departure[meanwhile]).any():
        return None
    lost = np.maximum(np.nan_to_num(departure) * (1 if worse is Worse.HIGHER else -1), 0.0)
    return float(lost[meanwhile].sum() / lost.sum()) if lost.sum() > 0 else None


def _baseline(series: Series, window: Window) -> Baseline | None:
    found = baseline_for(series, *bounds(window))
    return None if isinstance(found, str) else found
