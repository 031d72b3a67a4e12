"""The history of burn rates, as the written rules will compute them: sums of bad and of all events over windows.

Beyer et al., The Site Reliability Workbook, ch. 5.
"""

import numpy as np

from triage.health.burn import WindowPair, bad_events
from triage.health.series import resample, step_seconds, tidy
from triage.ports import Series


def burning(share: Series, traffic: Series, objective: float, pair: WindowPair) -> Series:
    """The smaller of the two burn rates of ``pair`` over time: above the pair's factor, both windows burn.

    NaN where there was no traffic in one of them, or less than half of it was measured.
    """
    wrong = bad_events(share, traffic)
    events = tidy(traffic)
    step = step_seconds(events)
    if not np.isfinite(step) or not events.times.size:
        return Series({}, np.empty(0), np.empty(0))
    start, end = events.times[0], events.times[-1] + step
    bad, total = resample(wrong, start, end, step), resample(events, start, end, step)
    both = np.isfinite(bad.values) & np.isfinite(total.values)
    rates = [
        _rolling(np.where(both, bad.values, 0.0), np.where(both, total.values, 0.0), both, seconds, step)
        for seconds in (pair.short_seconds, pair.long_seconds)
    ]
    return Series({}, total.times, np.minimum(*rates) / (1 - objective))


def _rolling(bad: np.ndarray, total: np.ndarray, known: np.ndarray, seconds: float, step: float) -> np.ndarray:
    width = max(1, round(seconds / step))
    wrong, events, count = (_sums(values, width) for values in (bad, total, known.astype(np.float64)))
    with np.errstate(all="ignore"):
        return np.where((events > 0) & (count >= width / 2), wrong / events, np.nan)


def _sums(values: np.ndarray, width: int) -> np.ndarray:
    """Sums over the last ``width`` values, of fewer at the begin."""
    summed = np.cumsum(values)
    before = np.concatenate((np.zeros(min(width, len(values))), summed[:-width] if width < len(values) else []))
    return np.asarray(summed - before[: len(summed)])
