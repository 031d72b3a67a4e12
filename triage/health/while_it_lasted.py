"""What the KPI lost while signals that got well again were ill."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np

from triage.health.seasonal import baseline_for
from triage.health.series import bounds
from triage.incident import Window
from triage.ports import Series


def share_lost(
    kpi: Series, window: Window, episodes: Sequence[tuple[datetime, datetime]], lag: timedelta
) -> float | None:
    """The part of the KPI's departure from its baseline in ``window`` that lies in ``episodes`` (begin, end), each
    ``lag`` longer; 0 where the KPI did better meanwhile, None where it has no baseline or did not depart.

    A point of the KPI tells of the step behind it, so one more is taken after each.
    """
    start, end = bounds(window)
    found = baseline_for(kpi, start, end)
    if isinstance(found, str):
        return None
    times, lost = found.times[found.split :], np.nan_to_num(found.current)
    meanwhile = np.zeros(times.size, bool)
    for begin, over in episodes:
        last = over.timestamp() + lag.total_seconds() + found.step_seconds
        meanwhile |= (times >= begin.timestamp() - found.step_seconds) & (times <= last)
    total = float(lost.sum())
    return max(0.0, float(lost[meanwhile].sum()) / total) if total else None
