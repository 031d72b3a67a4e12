"""Are labelled windows found, how soon, and how often is there a false alarm?"""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd

from bench.health.nab import NabScore, nearest, normalised, probation, score
from bench.health.series import DAY, Labelled
from triage.health.detect import Sensitivity, detect
from triage.ports import Series

COOL_DOWN_SECONDS = 12 * 3_600.0
SETTINGS = [
    Sensitivity(least_z=least, margin=margin, record_seconds=days * DAY, cool_down_seconds=hours * 3_600)
    for least, margin, days, hours in itertools.product((2.0, 3.0), (1.0, 1.1), (2, 3, 7), (8, 12, 24))
]


def detection(series: Sequence[Labelled], *, tune: bool) -> None:
    methods: dict[str, Callable[[Labelled], list[int]]] = {
        "fixed threshold (highest and lowest of the first 15%)": _fixed,
        "3 sigma, trailing week": lambda one: _trailing(one, robust=False),
        "robust z > 3 (median, MAD), trailing week": lambda one: _trailing(one, robust=True),
        "triage.health.detect": lambda one: _ours(one, Sensitivity()),
    }
    windows = sum(len(one.windows) for one in series)
    days = sum((one.times[-1] - one.times[probation(one.times.size)]) / DAY for one in series)
    print(f"\n### Detection: {len(series)} series, {windows} labelled windows, {days:.0f} days\n")
    print("| detector | windows found | false alarms/day | first alarm after label, median | NAB standard | s/series |")
    print("|---|---|---|---|---|---|")
    for name, method in methods.items():
        start = time.process_time()
        alarms = [method(one) for one in series]
        spent = (time.process_time() - start) / len(series)
        scores = [score(one.times.size, found, one.windows) for one, found in zip(series, alarms, strict=True)]
        delays = [delay for one, found in zip(series, alarms, strict=True) for delay in _delays(one, found)]
        print(_row(name, scores, days, delays, spent))
    if tune:
        print(f"\nHeld out: {_leave_one_out(series)}")


def _row(name: str, scores: Sequence[NabScore], days: float, delays: Sequence[float], spent: float) -> str:
    hit, windows = sum(one.hit for one in scores), sum(one.windows for one in scores)
    false = sum(one.false_alarms for one in scores) / days
    delay = f"{np.median(delays):+.0f} min" if delays else "–"
    return f"| {name} | {hit}/{windows} | {false:.2f} | {delay} | {normalised(scores):.1f} | {spent:.3f} |"


def _delays(one: Labelled, alarms: Sequence[int]) -> Iterator[float]:
    """Minutes from a window's label to the first alarm inside the window."""
    for (first, last), ends in zip(one.windows, one.label_windows, strict=True):
        inside = [index for index in alarms if first <= index <= last and index >= probation(one.times.size)]
        label = [label for label in one.labels if ends[0] <= label <= ends[1]]
        if inside and label:
            yield (one.times[inside[0]] - label[0]) / 60


def _ours(one: Labelled, sensitivity: Sensitivity) -> list[int]:
    return [nearest(one.times, alarm.time) for alarm in detect(Series({}, one.times, one.values), sensitivity)]


def _fixed(one: Labelled) -> list[int]:
    first = one.values[: probation(one.values.size)]
    return _cooled(one.times, (one.values > first.max()) | (one.values < first.min()))


def _trailing(one: Labelled, *, robust: bool) -> list[int]:
    values = pd.Series(one.values)
    window = max(31, round(7 * DAY / float(np.median(np.abs(np.diff(one.times))))))
    rolling = values.rolling(window, min_periods=30)
    if robust:
        centre = rolling.median().shift(1)
        scale = 1.4826 * (values - centre).abs().rolling(window, min_periods=30).median().shift(1)
    else:
        centre, scale = rolling.mean().shift(1), rolling.std().shift(1)
    return _cooled(one.times, ((values - centre).abs() > 3 * scale).to_numpy())


def _cooled(times: np.ndarray, flags: np.ndarray) -> list[int]:
    kept: list[int] = []
    for index in np.flatnonzero(flags):
        if not kept or times[index] - times[kept[-1]] >= COOL_DOWN_SECONDS:
            kept.append(int(index))
    return kept


def _leave_one_out(series: Sequence[Labelled]) -> str:
    """Each series scored with the setting that did best on all the others, of all in SETTINGS."""
    alarms = [[_ours(one, setting) for one in series] for setting in SETTINGS]
    table = [_scores(series, found) for found in alarms]
    picked = []
    for held in range(len(series)):
        best = max(table, key=lambda row: normalised([one for k, one in enumerate(row) if k != held]))
        picked.append(best[held])
    alone = [normalised(row) for row in table]
    peers = [found for found, how in zip(alarms, SETTINGS, strict=True) if how.cool_down_seconds == COOL_DOWN_SECONDS]
    votes = [_majority(one.times, [found[k] for found in peers]) for k, one in enumerate(series)]
    return (
        f"leave-one-series-out over {len(SETTINGS)} settings scores {normalised(picked):.1f}; "
        f"the settings themselves {min(alone):.1f} to {max(alone):.1f}, median {np.median(alone):.1f}. "
        f"A committee of the {len(peers)} with the common cool-down, none chosen by its score, an alarm where half of"
        f" them alarmed within it: {normalised(_scores(series, votes)):.1f}."
    )


def _scores(series: Sequence[Labelled], alarms: Sequence[Sequence[int]]) -> list[NabScore]:
    return [score(one.times.size, found, one.windows) for one, found in zip(series, alarms, strict=True)]


def _majority(times: np.ndarray, members: Sequence[Sequence[int]]) -> list[int]:
    """Where half of ``members`` alarmed within the cool-down; then silence for as long."""
    last: dict[int, float] = {}
    kept: list[int] = []
    for index, member in sorted((index, member) for member, found in enumerate(members) for index in found):
        last[member] = times[index]
        votes = sum(times[index] - at <= COOL_DOWN_SECONDS for at in last.values())
        if 2 * votes >= len(members) and (not kept or times[index] - times[kept[-1]] >= COOL_DOWN_SECONDS):
            kept.append(index)
    return kept
