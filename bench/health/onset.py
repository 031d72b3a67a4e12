"""When did the change begin? Labelled windows, and windows without a label."""

import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from bench.health.nab import nearest, probation
from bench.health.series import DAY, Labelled, stretch
from triage.health.compare import SignalVerdict, judge
from triage.ports import Series

Onsets = dict[str, Callable[[Labelled, float, float], float | None]]


def onsets(series: Sequence[Labelled]) -> None:
    """Each method is given a window and the history before it, and asked when a change began, if any did: labelled
    windows, and those without a label, as long, stepping through the rest of the series.

    NAB centres its windows on the label; a method that looks at where it stands in the window would profit. None does.
    """
    asked = [(one, *ends, label) for one in series for ends, label in _labelled_windows(one)]
    quiet = [(one, *ends) for one in series for ends in _quiet_windows(one)]
    held: list[bool] = []
    methods: Onsets = {"triage.health.judge": _judged_onset, "3 sigma, first sample": _sigma_onset}
    print(f"\n### Onset: {len(asked)} labelled windows given, and {len(quiet)} without a label\n")
    print("| method | onsets named | median error, min | within 1 h | within 3 h | named without a label | s/window |")
    print("|---|---|---|---|---|---|---|")
    for name, method in methods.items():
        start = time.process_time()
        named = [(at - label) / 60 for one, first, last, label in asked if (at := method(one, first, last)) is not None]
        wrong = sum(method(one, first, last) is not None for one, first, last in quiet)
        spent = (time.process_time() - start) / (len(asked) + len(quiet))
        error = np.abs(named) if named else np.array([np.nan])
        print(
            f"| {name} | {len(named)}/{len(asked)} | {np.median(error):.0f} | {np.sum(error <= 60)} |"
            f" {np.sum(error <= 180)} | {wrong / max(len(quiet), 1):.0%} | {spent:.3f} |"
        )
    for one, first, last, label in asked:
        onset = _verdict(one, first, last).onset
        held += [onset.low.timestamp() <= label <= onset.high.timestamp()] if onset else []
    print(f"\nThe label lies in the 90% interval of {sum(held)} of {len(held)} onsets.")


def _labelled_windows(one: Labelled) -> Iterator[tuple[tuple[float, float], float]]:
    for first, last in one.label_windows:
        label = [label for label in one.labels if first <= label <= last]
        if label and nearest(one.times, first) >= probation(one.times.size):
            yield (first, last), label[0]


def _quiet_windows(one: Labelled) -> Iterator[tuple[float, float]]:
    """Disjoint windows, as long as the labelled ones usually are, at least a quarter of a day from each of those."""
    if not one.label_windows:
        return
    length = float(np.median([last - first for first, last in one.label_windows]))
    start = float(one.times[probation(one.times.size)])
    while start + length < one.times[-1]:
        if all(start + length < first - DAY / 4 or start > last + DAY / 4 for first, last in one.label_windows):
            yield start, start + length
        start += length


def _verdict(one: Labelled, first: float, last: float) -> SignalVerdict:
    return judge(Series({}, one.times, one.values), stretch(first, last), name=one.name)


def _judged_onset(one: Labelled, first: float, last: float) -> float | None:
    onset = _verdict(one, first, last).onset
    return onset.at.timestamp() if onset else None


def _sigma_onset(one: Labelled, first: float, last: float) -> float | None:
    before, inside = one.values[one.times < first], (one.times >= first) & (one.times <= last)
    beyond = one.times[inside & (np.abs(one.values - before.mean()) > 3 * before.std())]
    return float(beyond[0]) if beyond.size else None
