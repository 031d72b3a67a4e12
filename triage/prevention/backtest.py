"""When a rule would have fired, on the history of its figure: as Prometheus evaluates it, point by point."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from triage.incident import Source, Window
from triage.ports import Series
from triage.prevention.nouns import Backtest, Worse

SAME_SECONDS = 3_600.0
"""Two firings closer than this are one alarm: an alert that flaps pages once."""
LEAST_MEASURED = 0.5
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class History:
    """The figure's past. ``replayed`` says that it was computed from the dataset in ``source``, and never exposed."""

    series: Series
    source: Source
    step_seconds: float
    replayed: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a backtest is held against: the healthy time before the incident, the incident, and when its alert came.

    ``apart`` are other incidents of the model: what fires in them is no false alarm.
    """

    healthy: Window
    incident: Window
    alerted_at: datetime
    apart: tuple[Window, ...] = ()

    @property
    def span(self) -> Window:
        return Window(self.healthy.start, self.incident.end)

    def is_healthy(self, times: np.ndarray) -> np.ndarray:
        """Which of ``times`` (Unix seconds, shape (n,)) are healthy."""
        inside = _within(times, self.healthy)
        for window in self.apart:
            inside &= ~_within(times, window)
        return inside


def firings(
    times: np.ndarray, values: np.ndarray, threshold: float, worse: Worse, for_seconds: float
) -> list[tuple[float, float]]:
    """Begin and end (Unix seconds) of each time the rule fires; a gap is no sample, and resets ``for``.

    >>> firings(np.arange(6.0), np.array([0, 2, 2, 2, np.nan, 2.0]), 1.0, Worse.HIGHER, 1.0)
    [(2.0, 3.0)]
    """
    with np.errstate(invalid="ignore"):
        bad = values > threshold if worse is Worse.HIGHER else values < threshold
    edges = np.flatnonzero(np.diff(np.concatenate(([False], bad, [False])).astype(np.int8)))
    spans = [(float(times[first]) + for_seconds, float(times[last - 1])) for first, last in edges.reshape(-1, 2)]
    held = [(begin, end) for begin, end in spans if begin <= end + 1e-6]
    merged: list[tuple[float, float]] = []
    for begin, end in held:
        if merged and begin - for_seconds - merged[-1][1] < SAME_SECONDS:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((begin, end))
    return merged


def backtest(history: History, occasion: Occasion, threshold: float, worse: Worse, for_seconds: float) -> Backtest:
    """What a rule at ``threshold`` would have done on ``history``."""
    times, values = history.series.times, history.series.values
    inside = _within(times, occasion.span)
    times, values = times[inside], values[inside]
    healthy, now = occasion.is_healthy(times), _within(times, occasion.incident)
    known = np.isfinite(values)
    fired = firings(times, values, threshold, worse, for_seconds)
    false = [begin for begin, _ in fired if _one(occasion.is_healthy, begin)]
    hits = [max(begin, occasion.incident.start.timestamp()) for begin, end in fired if _overlaps(begin, end, occasion)]
    at = datetime.fromtimestamp(min(hits), UTC) if hits else None
    since = float(times[known][0]) if known.any() else occasion.span.start.timestamp()
    expected = max(1.0, (occasion.span.end.timestamp() - since) / history.step_seconds)
    split = _split(history, occasion)
    newer = healthy & (times >= split)
    return Backtest(
        source=history.source,
        replayed=history.replayed,
        span=occasion.span,
        step_seconds=history.step_seconds,
        measured_share=min(1.0, float(known.sum()) / expected),
        healthy_days=float((healthy & known).sum()) * history.step_seconds / _DAY,
        false_alarms=len(false),
        held_out_days=float((newer & known).sum()) * history.step_seconds / _DAY,
        held_out_false_alarms=sum(begin >= split for begin in false),
        fires_at=at,
        sooner_seconds=(occasion.alerted_at - at).total_seconds() if at else None,
        healthy_worst=_worst(values[healthy], worse),
        incident_worst=_worst(values[now], worse),
        note=history.note,
    )


def older(history: History, occasion: Occasion) -> np.ndarray:
    """The values that a threshold may be chosen on: the older half of the healthy time."""
    times = history.series.times
    return history.series.values[occasion.is_healthy(times) & (times < _split(history, occasion))]


def _split(history: History, occasion: Occasion) -> float:
    """Where the newer half of the healthy time that is known begins, in Unix seconds."""
    times = history.series.times
    known = times[occasion.is_healthy(times) & np.isfinite(history.series.values)]
    return float(np.median(known)) if len(known) else occasion.healthy.end.timestamp()


def _within(times: np.ndarray, window: Window) -> np.ndarray:
    return (times >= window.start.timestamp()) & (times < window.end.timestamp())


def _one(test: object, at: float) -> bool:
    return bool(test(np.array([at]))[0])  # type: ignore[operator]


def _overlaps(begin: float, end: float, occasion: Occasion) -> bool:
    return begin < occasion.incident.end.timestamp() and end >= occasion.incident.start.timestamp()


def _worst(values: np.ndarray, worse: Worse) -> float | None:
    known = values[np.isfinite(values)]
    if not len(known):
        return None
    return float(known.max() if worse is Worse.HIGHER else known.min())


def measured_enough(result: Backtest, shortest_days: float) -> bool:
    return result.measured_share >= LEAST_MEASURED and result.healthy_days >= shortest_days


def joined(windows: Sequence[Window], other: Window) -> tuple[Window, ...]:
    """Those of ``windows`` that do not touch ``other``."""
    return tuple(window for window in windows if window.end <= other.start or window.start >= other.end)
