"""Faults of whole rows: rows that are missing from a stretch of the log, that have not arrived yet, or that came twice.

How many rows were to be expected is known best from the traffic that the service counted; a log that keeps a share of
the requests keeps the same share while it is whole. Traffic is believed only where it went with the rows of healthy
windows: a figure of other requests than those of the log tells nothing of the log. Without it, the same time of healthy
days tells, and as visitors may stay away too, only stretches that are next to empty are called missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from triage.drift.quality.fault import DataFault, FaultKind

LEAST_EXPECTED = 30.0
"""Rows; a bin in which fewer are expected tells nothing."""
SHORT, EMPTY = 0.5, 0.05
"""A bin is short below this part of what was expected, where traffic is known and where it is not."""
LEAST_MISSING, LEAST_LATE, LEAST_REPEATED = 0.01, 0.05, 0.005
"""Of the window's rows; that the last few are still on their way is usual."""
LEAST_THINNED = 0.2
"""Missing from the window as a whole."""
BEYOND_HEALTHY = 0.9
"""A fault lies below this part of what all but 1% of healthy bins have."""
AGREEING = 0.1
"""Of the rows that traffic leads one to expect, how far healthy bins may be off beyond chance for it to be believed."""
CHANCE_MEDIAN = 0.6745
"""Median of the absolute value of a standard normal."""
DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Arrivals:
    """When the rows of a window came: ``counts`` (int64, shape (n,)) in bins of ``seconds`` from ``start`` (Unix).

    ``traffic`` is the mean number of requests per second in each bin, NaN where not known. Of all ``rows`` of the
    window ``repeated`` have a key that an earlier row has; None where rows have no key.
    """

    start: float
    seconds: float
    counts: np.ndarray
    traffic: np.ndarray
    rows: int
    repeated: int | None = None

    @property
    def slots(self) -> np.ndarray:
        """Which bin of its day each bin is, int64 of shape (n,)."""
        begins = self.start + self.seconds * np.arange(len(self.counts))
        return (begins % DAY // self.seconds).astype(np.int64)


def find_row_faults(healthy: Sequence[Arrivals], now: Arrivals) -> tuple[DataFault, ...]:
    """Missing, late and duplicated rows of ``now``, against healthy windows with bins of the same width."""
    return (*_missing(healthy, now), *_repeated(healthy, now))


def _missing(healthy: Sequence[Arrivals], now: Arrivals) -> tuple[DataFault, ...]:
    counted = _traffic_tells(healthy, now)
    expected = _expected(healthy, now, counted)
    telling = expected >= LEAST_EXPECTED
    total = float(expected[telling].sum())
    if not telling.any():
        return ()
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(telling, now.counts / expected, 1.0)
    usual = _usual(healthy, counted)
    least = float(np.quantile(usual, 0.01)) if usual.size else 1.0
    short = telling & (ratio < min(SHORT if counted else EMPTY, BEYOND_HEALTHY * least))
    lost = np.where(short, expected - now.counts, 0.0)
    said = "that the service counted" if counted else "that healthy days have at the same time"
    faults = [
        _stretch(now, first, after, float(lost[first:after].sum()) / total, telling, said)
        for first, after in _runs(short, telling)
        if lost[first:after].sum() >= (LEAST_MISSING if telling[after:].any() else LEAST_LATE) * total
    ]
    thin = _whole(now.counts, expected, telling & ~short)
    if counted and thin is not None:
        parts = ((one.counts, _expected(healthy, one, counted)) for one in healthy)
        before = min((whole for part in parts if (whole := _whole(*part, part[1] >= LEAST_EXPECTED))), default=1.0)
        if thin < min(1 - LEAST_THINNED, BEYOND_HEALTHY * before):
            text = f"{1 - thin:.0%} of the rows {said} are missing all over the window"
            faults.append(DataFault(FaultKind.MISSING_ROWS, "", "", 1 - thin, 1 - before, np.inf, text))
    return tuple(faults)


def _whole(counts: np.ndarray, expected: np.ndarray, telling: np.ndarray) -> float | None:
    """The part of the rows expected in ``telling`` bins that is there, none of them filled by another's surplus."""
    wanted = float(expected[telling].sum())
    return float(np.minimum(counts, expected)[telling].sum()) / wanted if wanted else None


def _traffic_tells(healthy: Sequence[Arrivals], now: Arrivals) -> bool:
    """Whether traffic is known, and went with the rows while all was well: nearly as closely as chance lets it, or more
    closely than the time of day does."""
    if not healthy or not all(np.isfinite(one.traffic).all() for one in (now, *healthy)):
        return False
    by_traffic, chance = _off(healthy, counted=True)
    by_time, _ = _off(healthy, counted=False)
    return by_traffic <= AGREEING + chance or by_traffic <= by_time


def _off(healthy: Sequence[Arrivals], *, counted: bool) -> tuple[float, float]:
    """How far the rows of healthy bins are from what is expected of them, as a fraction of it, in the median: as it is,
    and by chance alone. Infinite where no bin tells."""
    apart, chance = [np.empty(0)], [np.empty(0)]
    for one in healthy:
        others = [other for other in healthy if other is not one] or list(healthy)
        expected = _expected(others, one, counted)
        telling = np.maximum(expected, one.counts) >= LEAST_EXPECTED
        wanted = np.maximum(expected[telling], 1.0)
        apart.append(np.abs(one.counts[telling] - wanted) / wanted)
        chance.append(CHANCE_MEDIAN / np.sqrt(wanted))
    joined = np.concatenate(apart)
    return (float(np.median(joined)), float(np.median(np.concatenate(chance)))) if joined.size else (np.inf, 0.0)


def _expected(healthy: Sequence[Arrivals], now: Arrivals, counted: bool) -> np.ndarray:
    """Rows to expect in each bin of ``now``, float64 of shape (n,); 0 where healthy windows tell nothing."""
    if not healthy:
        return np.zeros(len(now.counts))
    if counted:
        kept = [float(one.counts.sum()) / total for one in healthy if (total := float(one.traffic.sum())) > 0]
        return now.traffic * (float(np.median(kept)) if kept else 0.0)
    slots = np.concatenate([one.slots for one in healthy])
    counts = np.concatenate([one.counts for one in healthy])
    of_slot = {slot: float(np.median(counts[slots == slot])) for slot in np.unique(slots).tolist()}
    return np.array([of_slot.get(slot, 0.0) for slot in now.slots.tolist()])


def _usual(healthy: Sequence[Arrivals], counted: bool) -> np.ndarray:
    """Rows over expected rows of all telling bins of healthy windows, each expected from the others."""
    parts = [np.empty(0)]
    for one in healthy:
        expected = _expected([other for other in healthy if other is not one], one, counted)
        telling = expected >= LEAST_EXPECTED
        parts.append(one.counts[telling] / expected[telling])
    return np.concatenate(parts)


def _runs(short: np.ndarray, telling: np.ndarray) -> list[tuple[int, int]]:
    """Stretches ``(first, after)`` of short bins; bins that tell nothing neither begin nor end one."""
    runs: list[tuple[int, int]] = []
    for index in np.flatnonzero(short).tolist():
        if runs and not (telling & ~short)[runs[-1][1] : index].any():
            runs[-1] = (runs[-1][0], index + 1)
        else:
            runs.append((index, index + 1))
    return runs


def _stretch(now: Arrivals, first: int, after: int, share: float, telling: np.ndarray, said: str) -> DataFault:
    onset, until = (datetime.fromtimestamp(now.start + now.seconds * index, UTC) for index in (first, after))
    late = not telling[after:].any()
    kind = FaultKind.LATE if late else FaultKind.MISSING_ROWS
    held = int(now.counts[first:after].sum())
    text = (
        f"the rows since {onset:%Y-%m-%d %H:%M} have not arrived"
        if late
        else f"rows are missing from {onset:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M}"
    )
    text += f": {share:.1%} of those of the window {said} ({held:,} are there)"
    return DataFault(kind, "", "", share, 0.0, np.inf, text, onset=onset, until=until, onset_in_window=first > 0)


def _repeated(healthy: Sequence[Arrivals], now: Arrivals) -> tuple[DataFault, ...]:
    if now.repeated is None or not now.rows:
        return ()
    share = now.repeated / now.rows
    usual = [one.repeated / one.rows for one in healthy if one.repeated is not None and one.rows]
    most = max(usual, default=0.0)
    if share - most < LEAST_REPEATED or share < 2 * most:
        return ()
    text = f"{share:.1%} of the rows ({now.repeated:,}) repeat the key of an earlier one, at most {most:.1%} before"
    return (DataFault(FaultKind.DUPLICATES, "", "", share, most, np.inf, text),)
