"""Shares that faults leave behind, feature by feature, read in the current window and in every healthy window.

A fingerprint is only unusual against how it varies from one healthy window to the next, so each is read twice: once in
the current rows, and once per block of the baseline (a healthy window of the same length). Each block is judged against
the *other* blocks, just as the current window is judged against the baseline.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd

from triage.drift.codes import as_floats, as_labels, is_number

BEYOND_SHARE_OF_SPAN = 0.5
SENTINELS = np.array([-1, -9, -99, -999, -9999, -99999, 99, 999, 9999, 99999, 999999], dtype=np.float64)


class Channel(StrEnum):
    NULL = "null"
    UNSEEN = "unseen"
    RANGE = "range"
    MODE = "mode"


@dataclass(frozen=True, slots=True)
class Reading:
    """One channel of one feature. ``healthy`` has one share per healthy window; ``bad`` marks the rows counted now."""

    feature: str
    channel: Channel
    current: float
    healthy_share: float
    healthy: np.ndarray
    bad: np.ndarray
    value: str = ""


FEWEST_ROWS = 100
"""The shares of smaller windows vary by their size alone, and would hide a fault in the large current one."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """Healthy windows cut from the baseline: ``ids`` of shape (n,) in ``range(count)``, −1 for rows in none."""

    ids: np.ndarray
    count: int


def cut(baseline: pd.DataFrame, current: pd.DataFrame, time: str | None, *, most: int = 90, least: int = 8) -> Blocks:
    """Cut the baseline, back from its end, into windows as long as the current one, those of `FEWEST_ROWS` or more;
    if there are too few of them, into ``least`` parts."""
    n = len(baseline)
    if n < least * 10:
        return Blocks(np.full(n, -1), 0)
    if time is not None:
        clock, now = as_floats(baseline[time]), as_floats(current[time])
        distinct = np.unique(now[~np.isnan(now)])
        if len(distinct) > 1:
            length = distinct[-1] - distinct[0] + float(np.median(np.diff(distinct)))
            back = np.floor((np.nanmax(clock) - clock) / length)
            ids = np.where(np.isnan(back) | (back >= most), -1, back).astype(np.int64)
            counts = np.bincount(ids[ids >= 0])
            whole = np.flatnonzero(counts >= max(FEWEST_ROWS, 0.3 * np.median(counts[counts > 0])))
            if len(whole) >= least:
                table = np.full(len(counts) + 1, -1)
                table[whole] = np.arange(len(whole))
                return Blocks(table[ids], len(whole))
        order = np.argsort(np.argsort(clock, kind="stable"), kind="stable")
    else:
        order = np.arange(n)
    count = int(np.clip(n // max(len(current), 1), least, most))
    return Blocks(order * count // n, count)


def read(baseline: pd.Series, current: pd.Series, blocks: Blocks) -> list[Reading]:
    """Every channel that applies to the feature. A window of nothing but nulls yields the null channel alone."""
    name = str(baseline.name)
    null_before, null_now = baseline.isna().to_numpy(), current.isna().to_numpy()
    readings = [
        Reading(
            name,
            Channel.NULL,
            float(null_now.mean()),
            float(null_before.mean()),
            _by_block(null_before, blocks),
            null_now,
        )
    ]
    if null_before.all() or null_now.all():
        return readings
    number = is_number(baseline) and is_number(current)
    positions, labels, positions_now = _joint(baseline, current, number)
    counts = np.bincount(positions[positions >= 0], minlength=len(labels))
    if not number:
        readings.append(_unseen(name, positions, positions_now, counts, labels, blocks))
    else:
        readings.append(_beyond(name, as_floats(baseline), as_floats(current), blocks))
    readings.append(_mode(name, positions, positions_now, counts, labels, blocks))
    return readings


def _joint(baseline: pd.Series, current: pd.Series, number: bool) -> tuple[np.ndarray, list[Any], np.ndarray]:
    """Positions of both windows' values in one list of distinct values: numbers, or text."""
    if number:
        both = np.concatenate([as_floats(baseline), as_floats(current)])
        distinct, places = np.unique(both, return_inverse=True)
        missing = np.isnan(both)
        positions = np.where(missing, -1, places)
        return positions[: len(baseline)], distinct[~np.isnan(distinct)].tolist(), positions[len(baseline) :]
    before, old = as_labels(baseline)
    now, new = as_labels(current)
    place = {text: i for i, text in enumerate(old)}
    for text in new:
        place.setdefault(text, len(place))
    table = np.array([*(place[text] for text in new), -1])
    return before, list(place), table[now]


def _by_block(bad: np.ndarray, blocks: Blocks) -> np.ndarray:
    if not blocks.count:
        return np.empty(0)
    inside = blocks.ids >= 0
    total = np.bincount(blocks.ids[inside], minlength=blocks.count)
    return np.bincount(blocks.ids[inside], weights=bad[inside], minlength=blocks.count) / np.maximum(total, 1)


def _per_block_counts(positions: np.ndarray, blocks: Blocks, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Block, label and count of every pair that occurs, nulls and rows in no block left out."""
    inside = (blocks.ids >= 0) & (positions >= 0)
    pairs, counts = np.unique(blocks.ids[inside] * size + positions[inside], return_counts=True)
    return pairs // size, pairs % size, counts


def _unseen(
    name: str, positions: np.ndarray, now: np.ndarray, counts: np.ndarray, labels: list[str], blocks: Blocks
) -> Reading:
    known = np.append(counts > 0, True)  # a null (−1) is not a value never seen
    bad = ~known[now]
    fresh = np.bincount(now[bad], minlength=1) if bad.any() else np.zeros(1)
    block, label, count = _per_block_counts(positions, blocks, len(labels))
    alone = count == counts[label]
    total = np.maximum(np.bincount(blocks.ids[blocks.ids >= 0], minlength=blocks.count), 1)
    healthy = np.bincount(block[alone], weights=count[alone], minlength=blocks.count) / total
    value = labels[int(fresh.argmax())] if bad.any() else ""
    return Reading(name, Channel.UNSEEN, float(bad.mean()), 0.0, healthy[: blocks.count], bad, value)


def _beyond(name: str, before: np.ndarray, now: np.ndarray, blocks: Blocks) -> Reading:
    """Values half the span or more outside it, and usual stand-ins for "missing" (−1, 999 …) anywhere outside it."""
    low, high = np.nanmin(before), np.nanmax(before)
    margin = BEYOND_SHARE_OF_SPAN * (high - low)
    bad = (now < low - margin) | (now > high + margin) | (((now < low) | (now > high)) & np.isin(now, SENTINELS))
    healthy = np.zeros(blocks.count)
    if blocks.count > 1:
        valid = (blocks.ids >= 0) & ~np.isnan(before)
        ids, values = blocks.ids[valid], before[valid]
        lows, highs = np.full(blocks.count, np.inf), np.full(blocks.count, -np.inf)
        np.minimum.at(lows, ids, values)
        np.maximum.at(highs, ids, values)
        # The extremes of the *other* blocks: the overall one, or the second where the block itself holds it.
        others_low = np.where(np.arange(blocks.count) == lows.argmin(), np.partition(lows, 1)[1], lows.min())
        others_high = np.where(np.arange(blocks.count) == highs.argmax(), np.partition(highs, -2)[-2], highs.max())
        slack = BEYOND_SHARE_OF_SPAN * (others_high - others_low)
        outside = (values < (others_low - slack)[ids]) | (values > (others_high + slack)[ids])
        healthy = np.bincount(ids, weights=outside, minlength=blocks.count) / np.maximum(
            np.bincount(blocks.ids[blocks.ids >= 0], minlength=blocks.count), 1
        )
    worst = float(now[bad][np.argmax(np.abs(now[bad] - (low + high) / 2))]) if bad.any() else np.nan
    return Reading(name, Channel.RANGE, float(bad.mean()), 0.0, healthy, bad, f"{worst:.6g}" if bad.any() else "")


def _mode(
    name: str, positions: np.ndarray, now: np.ndarray, counts: np.ndarray, labels: list[Any], blocks: Blocks
) -> Reading:
    """The value whose share grew most. ``current`` is its growth; each block's is the growth of its own such value."""
    usual = counts / max(len(positions), 1)
    shares = np.bincount(now[now >= 0], minlength=len(labels)) / max(len(now), 1)
    grown = int(np.argmax(shares - usual))
    block, label, count = _per_block_counts(positions, blocks, len(labels))
    total = np.maximum(np.bincount(blocks.ids[blocks.ids >= 0], minlength=max(blocks.count, 1)), 1)
    healthy = np.zeros(blocks.count)
    if blocks.count:
        # The share in the other blocks, so that a block's own values don't make it look usual.
        elsewhere = (counts[label] - count) / np.maximum(len(positions) - total[block], 1)
        np.maximum.at(healthy, block, count / total[block] - elsewhere)
    growth, value = float(shares[grown] - usual[grown]), labels[grown]
    said = value if isinstance(value, str) else f"{value:.6g}"
    return Reading(name, Channel.MODE, growth, float(usual[grown]), healthy, now == grown, said)
