"""When did the error rise? A change detector run along the stream of errors (river), and the split it points to."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np
import pandas as pd

from triage.drift.episode import moment
from triage.errors import Unmeasurable

MIN_ERRORS, MAX_POINTS = 100, 20_000
HEALTHY_SHARE = 0.2


class Detector(StrEnum):
    ADWIN = "ADWIN"
    PAGE_HINKLEY = "Page-Hinkley"


@dataclass(frozen=True, slots=True)
class StreamChange:
    """The largest rise of the error. ``index`` is the row (in time order) it is dated to, ``detected`` where the alarm
    was raised.

    ``before`` and ``after`` are mean errors on either side, up to the next alarm; times are None without ``times``.
    ``rows_per_point`` says how many rows were averaged to one point.
    """

    detector: Detector
    index: int
    detected: int
    onset: datetime | None
    detected_at: datetime | None
    before: float
    after: float
    rows_per_point: int


def find_rise(
    errors: np.ndarray, times: pd.Series | None = None, *, detector: Detector = Detector.ADWIN, delta: float = 0.002
) -> StreamChange | None:
    """The largest rise in ``errors`` (n,; NaN left out), put in order of ``times``; None when there is none.

    ADWIN (Bifet and Gavaldà 2007) with confidence ``delta``; Page-Hinkley on errors standardised by the first fifth.
    Streams longer than 20,000 rows are averaged in equal runs first. The date is the split of the stretch between the
    alarms around it that has the largest cumulative deviation. Raises Unmeasurable with fewer than 100 errors.
    """
    values = np.asarray(errors, dtype=np.float64)
    order = np.arange(len(values)) if times is None else np.argsort(times.to_numpy(), kind="stable")
    order = order[np.isfinite(values[order])]
    if len(order) < MIN_ERRORS:
        raise Unmeasurable(
            f"{len(order)} errors; the onset needs {MIN_ERRORS}", hint="wait for labels, or widen the window"
        )
    run = int(np.ceil(len(order) / MAX_POINTS))
    stream = values[order][: len(order) // run * run].reshape(-1, run).mean(axis=1)
    first = stream[: max(int(len(stream) * HEALTHY_SHARE), 20)]
    scaled = (stream - first.mean()) / max(float(first.std()), 1e-9)
    alarms = _alarms(scaled if detector is Detector.PAGE_HINKLEY else _unit(stream), detector, delta)
    edges = [0, *alarms, len(stream)]
    best, found = 0.0, None
    for k, alarm in enumerate(alarms, start=1):
        start, stop = edges[k - 1], edges[k + 1]
        split = start + _split(stream[start:stop])
        before, after = float(stream[start:split].mean()), float(stream[split:stop].mean())
        size = (after - before) * float(np.sqrt((split - start) * (stop - split) / (stop - start)))
        if size > best:
            at, seen = split * run, min(alarm * run, len(order) - 1)
            onset = None if times is None else moment(times.iloc[order[at]])
            detected_at = None if times is None else moment(times.iloc[order[seen]])
            best, found = size, StreamChange(detector, at, seen, onset, detected_at, before, after, run)
    return found


def _alarms(stream: np.ndarray, detector: Detector, delta: float) -> list[int]:
    from river.drift import ADWIN, PageHinkley

    watcher = ADWIN(delta=delta) if detector is Detector.ADWIN else PageHinkley(delta=0.15, threshold=50.0, mode="up")
    found = []
    for i, value in enumerate(stream.tolist()):
        watcher.update(value)
        if watcher.drift_detected:
            found.append(i)
    return found


def _unit(stream: np.ndarray) -> np.ndarray:
    """Errors on [0, 1], as ADWIN's bound assumes; the top permille is cut off so that one outlier does not shrink the
    rest."""
    low, high = float(stream.min()), float(np.quantile(stream, 0.999))
    scaled: np.ndarray = np.clip((stream - low) / max(high - low, 1e-12), 0.0, 1.0)
    return scaled


def _split(values: np.ndarray) -> int:
    """Where the cumulative deviation from the mean is largest, either way. Between 1 and n − 1."""
    deviation = np.cumsum(values - values.mean())
    return int(np.clip(np.argmax(np.abs(deviation)) + 1, 1, max(len(values) - 1, 1)))
