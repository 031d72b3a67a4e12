"""Faults in the values of features: nulls, stuck and default values, units, renames, types, ranges, swapped columns.

A share is a fault when it is large (a floor per channel) *and* stands further out than the same share ever stood in the
baseline's own windows: the limit is the 99% quantile of the largest robust z over all features and channels (maxT,
Westfall and Young 1993). Faults of whole rows (late, missing, duplicated) are in `arrivals`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from triage.drift.codes import as_floats, as_labels, evenly, is_number
from triage.drift.episode import find_episode
from triage.drift.quality.fault import DataFault, FaultKind, SourceFault, by_source
from triage.drift.quality.fingerprint import Blocks, Channel, Reading, cut, read
from triage.drift.quality.spelling import explain_new_categories
from triage.drift.quality.swap import find_swaps
from triage.drift.quality.units import find_unit_change
from triage.incident import Unmeasured

FEW_VALUES = 20
FLOORS = {Channel.NULL: 0.01, Channel.UNSEEN: 0.005, Channel.RANGE: 0.005, Channel.MODE: 0.03}
MIN_Z, MIN_Z_FEW_WINDOWS, MAX_Z = 4.0, 6.0, 12.0
MANY_WINDOWS = 30
MIN_ROWS = 20
MIN_CONVERTED_VALUES = 5
IMPOSSIBLE_SPANS = 3.0
CONSTANT_SHARE = 0.98
MAX_CELLS, MAX_ROWS = 4_000_000, 20_000


@dataclass(frozen=True, slots=True)
class QualityReport:
    """``z_limit`` is the robust z a fault had to pass, from ``healthy_windows`` windows cut from the baseline."""

    faults: tuple[DataFault, ...]
    sources: tuple[SourceFault, ...]
    features_checked: int
    healthy_windows: int
    z_limit: float
    unmeasured: tuple[Unmeasured, ...]


def find_faults(
    baseline: pd.DataFrame,
    current: pd.DataFrame,
    features: Sequence[str],
    *,
    time: str | None = None,
    sources: Mapping[str, str] | None = None,
) -> QualityReport:
    """Compare every feature of ``current`` with ``baseline``.

    ``time`` names the event time in both, ``sources`` the upstream table of each feature. Large frames are read at
    evenly spaced rows (20,000 at most, and 4 million cells); the search for impossible values reads all of them.
    """
    sources = sources or {}
    unmeasured: list[Unmeasured] = []
    if min(len(baseline), len(current)) < MIN_ROWS:
        reason = f"{len(current)} current and {len(baseline)} baseline rows; at least {MIN_ROWS} are needed of each"
        return QualityReport((), (), 0, 0, MIN_Z, (Unmeasured("data quality", reason, "widen the window"),))
    budget = min(MAX_ROWS, max(MIN_ROWS, MAX_CELLS // max(len(features), 1)))
    before, now = evenly(baseline, budget), evenly(current, budget)
    blocks = cut(before, now, time)
    if not blocks.count:
        reason = (
            f"{len(baseline)} baseline rows hold no healthy windows to compare with; limits are from sampling error"
        )
        unmeasured.append(Unmeasured("healthy variation", reason, "give a longer baseline"))

    faults: list[DataFault] = []
    readings: dict[str, list[Reading]] = {}
    for feature in features:
        if feature not in baseline:
            unmeasured.append(Unmeasured(feature, "the baseline has no such column", "check the catalogue's features"))
        elif feature not in current:
            text = f"'{feature}' is not in the current window"
            faults.append(DataFault(FaultKind.MISSING_COLUMN, feature, "", 1.0, 0.0, np.inf, text))
        else:
            fault, parsed = _same_type(before[feature], now[feature])
            if fault is not None:
                faults.append(fault)
                now = now.assign(**{feature: parsed})
                if parsed.isna().all():
                    continue
            readings[feature] = read(before[feature], now[feature], blocks)
    limit = _limit(readings, len(now))

    swaps = find_swaps(before, now, list(readings))
    for first, second in swaps:
        text = f"'{first}' and '{second}' hold each other's values"
        for one, other in ((first, second), (second, first)):
            faults.append(DataFault(FaultKind.SWAPPED, one, "", 1.0, 0.0, np.inf, text, value=other))
    times = None if time is None else now[time]
    swapped = {feature for pair in swaps for feature in pair}
    for feature in readings.keys() - swapped:
        channels = {reading.channel: reading for reading in readings[feature]}
        found = _explained(before[feature], now[feature], blocks, channels, limit, times)
        if not found:
            found = [
                fault
                for reading in channels.values()
                if (fault := _fault(reading, before[feature], limit, times)) is not None
            ]
        if not {fault.kind for fault in found} & {FaultKind.UNIT, FaultKind.STUCK}:
            impossible = _impossible(baseline[feature], current[feature], None if time is None else current[time])
            if impossible:
                found = [fault for fault in found if fault.kind is not FaultKind.RANGE]
            found.extend(impossible)
        faults.extend(found)
    named = [replace(fault, source=sources.get(fault.feature, "")) for fault in faults]
    ordered = tuple(sorted(named, key=lambda fault: (-fault.share, fault.feature, fault.kind)))
    grouped = by_source(ordered, sources)
    return QualityReport(ordered, grouped, len(readings), blocks.count, limit, tuple(unmeasured))


def _same_type(before: pd.Series, now: pd.Series) -> tuple[DataFault | None, pd.Series]:
    """A fault if numbers became something else (or the reverse), and the current values read as the baseline's type."""
    if is_number(before) == is_number(now) or before.isna().all() or now.isna().all():
        return None, now
    if pd.api.types.is_bool_dtype(before.dtype) or pd.api.types.is_bool_dtype(now.dtype):
        same_meaning = set(map(str, now.dropna().unique()[:3])) <= {"0", "1", "0.0", "1.0", "True", "False"}
        if same_meaning:
            return None, now.astype(before.dtype) if not now.isna().any() else now
    name = str(before.name)
    if not is_number(before):
        text = f"'{name}' was {before.dtype} and is now a number ({now.dtype})"
        return DataFault(FaultKind.TYPE, name, "", 1.0, 0.0, np.inf, text), now
    parsed = pd.to_numeric(now.astype(object), errors="coerce").astype(float)
    lost = float((parsed.isna() & now.notna()).mean())
    text = (
        f"'{name}' was a number ({before.dtype}) and is now {now.dtype}; {lost:.1%} of its values don't read as numbers"
    )
    return DataFault(FaultKind.TYPE, name, "", 1.0, 0.0, np.inf, text), parsed


def _z(reading: Reading, values: np.ndarray, n: int) -> np.ndarray:
    """Robust z against healthy windows: median and MAD, never finer than sampling error or a quarter of the floor."""
    healthy = reading.healthy
    if len(healthy):
        middle = float(np.median(healthy))
        spread = 1.4826 * float(np.median(np.abs(healthy - middle)))
    else:
        middle, spread = (0.0 if reading.channel is Channel.MODE else reading.healthy_share), 0.0
    usual = float(np.clip(max(middle, reading.healthy_share), 1 / n, 0.5))
    floor = max(spread, np.sqrt(usual * (1 - usual) / n), FLOORS[reading.channel] / 4)
    return (values - middle) / floor


def _limit(readings: Mapping[str, list[Reading]], n: int) -> float:
    """The 99% quantile, over healthy windows, of the largest z of all features and channels; 4 to 12."""
    worst = [
        _z(reading, reading.healthy, n) for group in readings.values() for reading in group if len(reading.healthy)
    ]
    if not worst:
        return MIN_Z
    least = MIN_Z if len(worst[0]) >= MANY_WINDOWS else MIN_Z_FEW_WINDOWS
    return float(np.clip(np.quantile(np.max(worst, axis=0), 0.99), least, MAX_Z))


def _explained(
    before: pd.Series,
    now: pd.Series,
    blocks: Blocks,
    channels: Mapping[Channel, Reading],
    limit: float,
    times: pd.Series | None,
) -> list[DataFault]:
    """Faults whose mechanism is known: a unit conversion, a spelling, a rename. They stand for their fingerprints."""
    name, n = str(before.name), len(now)
    if is_number(before) and is_number(now):
        return _unit_fault(before, now, blocks, channels[Channel.NULL].bad, times)
    unseen = channels.get(Channel.UNSEEN)
    if (
        unseen is None
        or unseen.current < FLOORS[Channel.UNSEEN]
        or _z(unseen, np.array([unseen.current]), n)[0] < limit
    ):
        return []
    named = [new for new in explain_new_categories(before, now) if new.old]
    faults = []
    for kind, group in (
        (FaultKind.CASE, [new for new in named if new.spelling]),
        (FaultKind.RENAME, [new for new in named if not new.spelling]),
    ):
        share = sum(new.share for new in group)
        if share < FLOORS[Channel.UNSEEN]:
            continue
        bad = now.astype(str).isin([new.new for new in group]).to_numpy()
        pairs = ", ".join(f"'{new.old}' → '{new.new}'" for new in group[:3]) + (" …" if len(group) > 3 else "")
        text = f"'{name}': {pairs} in {share:.1%} of rows"
        faults.append(_dated(DataFault(kind, name, "", share, 0.0, np.inf, text, value=group[0].new), bad, times))
    rest = unseen.current - sum(fault.share for fault in faults)
    if faults and rest > max(FLOORS[Channel.UNSEEN], 2 * float(np.max(unseen.healthy, initial=0.0))):
        text = f"'{name}': other categories never seen before in {rest:.1%} of rows"
        faults.append(DataFault(FaultKind.NEW_CATEGORY, name, "", rest, 0.0, limit, text))
    return faults


def _unit_fault(
    before: pd.Series, now: pd.Series, blocks: Blocks, null: np.ndarray, times: pd.Series | None
) -> list[DataFault]:
    name = str(before.name)
    healthy, values = as_floats(before), as_floats(now)
    present = ~np.isnan(healthy)
    usual = _medians(healthy[present], blocks.ids[present], blocks.count)
    healthy = healthy[present]
    if len(np.unique(healthy[:2000])) <= FEW_VALUES:
        return []
    change = find_unit_change(healthy, values[~np.isnan(values)])
    if change is None:
        return []
    conversion = change.conversion
    whole = change.share == 1.0
    if len(usual) and whole:
        # Seasons move a feature by factors too: its healthy windows must never have come half as far.
        reach = np.abs(usual - np.median(healthy)).max()
        if abs(float(np.nanmedian(values)) - np.median(healthy)) < 2 * reach:
            return []
    back = (values - conversion.offset) / conversion.factor
    low, high = np.quantile(healthy, [0.001, 0.999])
    # A row is taken as converted when undoing it brings it into the healthy range and it is not already there.
    bad = ~null if whole else (back >= low) & (back <= high) & ((values < low) | (values > high))
    if bad.mean() < change.share / 2 or len(np.unique(values[bad])) < MIN_CONVERTED_VALUES:
        return []
    formula = f"×{conversion.factor:.6g}" + (f" {conversion.offset:+.5g}" if conversion.offset else "")
    text = f"'{name}': {conversion.name} ({formula}) in {change.share:.0%} of rows"
    fault = DataFault(FaultKind.UNIT, name, "", change.share, 0.0, np.inf, text, factor=conversion.factor)
    return [_dated(fault, bad, times)]


def _medians(values: np.ndarray, ids: np.ndarray, count: int) -> np.ndarray:
    order = np.lexsort((values, ids))
    values, ids = values[order], ids[order]
    starts, stops = np.searchsorted(ids, np.arange(count)), np.searchsorted(ids, np.arange(count), side="right")
    filled = stops > starts
    return values[(starts[filled] + stops[filled] - 1) // 2]


def _fault(reading: Reading, before: pd.Series, limit: float, times: pd.Series | None) -> DataFault | None:
    """The fault a fingerprint shows, if it passes its floor and ``limit``."""
    n = len(reading.bad)
    strength = float(_z(reading, np.array([reading.current]), n)[0])
    middle = float(np.median(reading.healthy)) if len(reading.healthy) else reading.healthy_share
    excess = reading.current - (0.0 if reading.channel is Channel.MODE else middle)
    floor = FLOORS[reading.channel]
    if excess < floor or strength < limit or reading.current < np.max(reading.healthy, initial=0.0) + floor / 2:
        return None
    name, share = reading.feature, float(reading.bad.mean())
    if reading.channel is Channel.NULL:
        kind, text = FaultKind.NULLS, f"'{name}' is null in {share:.1%} of rows, {reading.healthy_share:.1%} before"
    elif reading.channel is Channel.UNSEEN:
        kind, text = (
            FaultKind.NEW_CATEGORY,
            f"'{name}': values never seen before ('{reading.value}') in {share:.1%} of rows",
        )
    elif reading.channel is Channel.RANGE:
        kind, text = FaultKind.RANGE, f"'{name}' is out of its range (such as {reading.value}) in {share:.1%} of rows"
    else:
        few = len(as_labels(before)[1]) <= FEW_VALUES
        stuck = share >= CONSTANT_SHARE * (1 - float(before.isna().mean()))
        if few and not stuck:  # a category that grew is drift, not a fault
            return None
        kind = FaultKind.STUCK if stuck else FaultKind.DEFAULT
        text = f"'{name}' is {reading.value} in {share:.1%} of rows, {reading.healthy_share:.1%} before"
    return _dated(
        DataFault(kind, name, "", share, reading.healthy_share, strength, text, value=reading.value), reading.bad, times
    )


def _impossible(before: pd.Series, now: pd.Series, times: pd.Series | None) -> list[DataFault]:
    """Single values so far outside that one row is enough: three times the baseline's whole span beyond it."""
    if not (is_number(before) and is_number(now)):
        return []
    healthy, values = as_floats(before), as_floats(now)
    if np.isnan(healthy).all() or np.isnan(values).all():
        return []
    low, high = float(np.nanmin(healthy)), float(np.nanmax(healthy))
    reach = IMPOSSIBLE_SPANS * (high - low)
    bad = (values < low - reach) | (values > high + reach)
    if high == low or not bad.any():
        return []
    worst = float(values[bad][np.argmax(np.abs(values[bad] - (low + high) / 2))])
    name, share = str(before.name), float(bad.mean())
    text = f"'{name}' is {worst:.6g} (healthy values: {low:.6g} to {high:.6g}); {int(bad.sum())} such rows"
    fault = DataFault(FaultKind.IMPOSSIBLE, name, "", share, 0.0, np.inf, text, value=f"{worst:.6g}")
    return [_dated(fault, bad, times)]


def _dated(fault: DataFault, bad: np.ndarray, times: pd.Series | None) -> DataFault:
    episode = find_episode(bad, fault.healthy_share, times)
    if episode is None:
        return fault
    return replace(
        fault,
        onset=episode.onset,
        until=episode.until,
        share_of_episode=episode.share,
        onset_in_window=not episode.from_first_row,
    )
