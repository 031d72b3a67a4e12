"""Infrastructure health on data nobody here wrote: `python -m bench.health [--data DIR] [--quick]`.

`nab_infra`: 24 metric series with 49 labelled windows: detection, false alarms, NAB score, onset error.
`petshop_rca`: 68 injected faults: does the judge see them, and which service is named guilty.
Every method has its defaults; the same cool-down is given to all detectors.
"""

import argparse
import itertools
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from bench.nab import NabScore, nearest, normalised, probation, score
from triage.health.compare import Limits, SignalVerdict, Worse, judge
from triage.health.detect import Sensitivity, detect
from triage.health.localise import Reading, rank
from triage.incident import Window
from triage.ports import Series

COOL_DOWN_SECONDS = 12 * 3_600.0
DAY = 86_400.0
ISSUE_STEP = 300.0
SETTINGS = [
    Sensitivity(least_z=least, margin=margin, record_seconds=days * DAY, cool_down_seconds=hours * 3_600)
    for least, margin, days, hours in itertools.product((2.0, 3.0), (1.0, 1.1), (2, 3, 7), (8, 12, 24))
]


@dataclass(frozen=True, slots=True)
class Labelled:
    name: str
    times: np.ndarray
    values: np.ndarray
    windows: tuple[tuple[int, int], ...]
    labels: tuple[float, ...]
    label_windows: tuple[tuple[float, float], ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("TRIAGE_DATA", beside)))
    parser.add_argument("--quick", action="store_true", help="six series and every fourth fault")
    options = parser.parse_args()
    if not (options.data / "nab_infra").is_dir() or not (options.data / "petshop_rca").is_dir():
        print(f"No public data in {options.data}: nothing measured. Give --data or TRIAGE_DATA.")
        return
    series = list(_labelled(options.data / "nab_infra"))
    _detection(series[::4] if options.quick else series, tune=not options.quick)
    _onsets(series[::4] if options.quick else series)
    faults, healthy, calls = _petshop(options.data / "petshop_rca")
    _judged(faults[::4] if options.quick else faults, healthy)
    _localisation(faults[::4] if options.quick else faults, healthy, calls)


def _labelled(folder: Path) -> Iterator[Labelled]:
    labels = json.loads((folder / "labels.json").read_text())
    table = pd.read_parquet(folder / "nab_infra.parquet")
    for name, part in table.groupby("series", observed=True, sort=False):
        times = part["timestamp"].to_numpy().astype("datetime64[s]").astype(np.float64)
        known = labels.get(str(name), {"windows": [], "labels": []})
        ends = tuple((_seconds(first), _seconds(last)) for first, last in known["windows"])
        yield Labelled(
            name=str(name),
            times=times,
            values=part["value"].to_numpy(),
            windows=tuple((nearest(times, first), nearest(times, last)) for first, last in ends),
            labels=tuple(_seconds(label) for label in known["labels"]),
            label_windows=ends,
        )


def _seconds(text: str) -> float:
    return pd.Timestamp(text, tz="UTC").timestamp()


# --- detection -------------------------------------------------------------------------------------------------------


def _detection(series: Sequence[Labelled], *, tune: bool) -> None:
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


# --- onset -----------------------------------------------------------------------------------------------------------


Onsets = dict[str, Callable[[Labelled, float, float], float | None]]


def _onsets(series: Sequence[Labelled]) -> None:
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
    return judge(Series({}, one.times, one.values), _window(first, last), name=one.name)


def _judged_onset(one: Labelled, first: float, last: float) -> float | None:
    onset = _verdict(one, first, last).onset
    return onset.at.timestamp() if onset else None


def _sigma_onset(one: Labelled, first: float, last: float) -> float | None:
    before, inside = one.values[one.times < first], (one.times >= first) & (one.times <= last)
    beyond = one.times[inside & (np.abs(one.values - before.mean()) > 3 * before.std())]
    return float(beyond[0]) if beyond.size else None


def _window(first: float, last: float) -> Window:
    return Window(datetime.fromtimestamp(first, tz=UTC), datetime.fromtimestamp(last, tz=UTC))


# --- PetShop ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fault:
    """One injected fault: five samples of every metric, columns (service, metric, statistic)."""

    scenario: str
    guilty: str
    target: str
    metric: str
    at: float
    samples: pd.DataFrame

    def after(self, late: int = 0) -> pd.DataFrame:
        return self.samples[self.samples.index >= self.at + late * ISSUE_STEP]

    def before(self) -> pd.DataFrame:
        return self.samples[self.samples.index < self.at - ISSUE_STEP]


def _petshop(folder: Path) -> tuple[list[Fault], dict[str, pd.DataFrame], dict[str, dict[str, set[str]]]]:
    table = pd.read_parquet(folder / "metrics_long.parquet")
    wide = {
        key: part.pivot_table(
            index="unix_timestamp", columns=["microservice", "metric", "statistic"], values="value", observed=True
        )
        for key, part in table.groupby(["scenario", "split", "issue"], observed=True)
    }
    healthy = {key[0]: part for key, part in wide.items() if key[1] == "noissue"}
    healthy["any"] = pd.concat(healthy.values())
    faults = [
        Fault(row.scenario, row.root_cause_node, row.target_node, row.target_metric, float(row.target_ts), samples)
        for row in pd.read_csv(folder / "targets.csv").itertuples()
        if (samples := wide.get((row.scenario, row.split, row.issue))) is not None
    ]
    calls = {}
    for scenario in {fault.scenario for fault in faults}:
        graph = pd.read_csv(folder / f"graph_{scenario}.csv", index_col=0)
        calls[scenario] = {caller: set(graph.columns[graph.loc[caller].to_numpy() > 0]) for caller in graph.index}
    return faults, healthy, calls


def _judged(faults: Sequence[Fault], healthy: Mapping[str, pd.DataFrame]) -> None:
    """The judge on the front's own metric: healthy history set before the fault's samples, and healthy windows."""
    found, total, false, windows = 0, 0, 0, 0
    start = time.process_time()
    for fault in faults:
        if fault.scenario not in healthy:
            continue
        total += 1
        past = healthy[fault.scenario][(fault.target, fault.metric, "Average")].to_numpy()
        now = fault.samples[(fault.target, fault.metric, "Average")].to_numpy()
        after = int((fault.samples.index >= fault.at).sum())
        found += _says_changed(np.concatenate((past, now)), after, fault.metric)
    for scenario, metric in itertools.product(sorted(set(healthy) - {"any"}), ("latency", "availability")):
        past = healthy[scenario][("PetSite", metric, "Average")].to_numpy()
        for end in range(past.size // 2, past.size, 3):
            windows += 1
            false += _says_changed(past[:end], 3, metric)
    spent = (time.process_time() - start) / (total + windows)
    a_day = DAY / (3 * ISSUE_STEP)
    print(f"\n### Judging 15 minutes of the front's metric: {total} faults with history, {windows} healthy windows\n")
    print("| method | faults seen | false alarms/day | s/verdict |\n|---|---|---|---|")
    print(f"| triage.health.judge | {found}/{total} | {a_day * false / windows:.2f} | {spent:.3f} |")
    for name, test in {"3 sigma, any sample": _three_sigma, "robust z > 3, any sample": _robust_z}.items():
        seen = sum(
            test(
                healthy[fault.scenario][(fault.target, fault.metric, "Average")].to_numpy(),
                fault.after()[(fault.target, fault.metric, "Average")].to_numpy(),
            )
            for fault in faults
            if fault.scenario in healthy
        )
        wrong = sum(
            test(past[:end], past[end : end + 3])
            for scenario in set(healthy) - {"any"}
            for metric in ("latency", "availability")
            for past in [healthy[scenario][("PetSite", metric, "Average")].to_numpy()]
            for end in range(past.size // 2, past.size - 3, 3)
        )
        print(f"| {name} | {seen}/{total} | {a_day * wrong / windows:.2f} | 0.000 |")


def _says_changed(values: np.ndarray, last: int, metric: str) -> bool:
    """Whether the last samples of ``values``, five minutes apart, count as a change for the worse."""
    times = ISSUE_STEP * np.arange(values.size)
    worse = Worse.HIGHER if metric == "latency" else Worse.LOWER
    limits = Limits(relative=0.10) if metric == "latency" else Limits(relative=0.0, absolute=0.5)
    window = _window(times[-last], times[-1] + ISSUE_STEP)
    return judge(Series({}, times, values), window, name=metric, worse=worse, limits=limits).is_worse


def _three_sigma(past: np.ndarray, now: np.ndarray) -> bool:
    return bool(np.any(np.abs(now - np.nanmean(past)) > 3 * np.nanstd(past)))


def _robust_z(past: np.ndarray, now: np.ndarray) -> bool:
    centre = np.nanmedian(past)
    return bool(np.any(np.abs(now - centre) > 3 * 1.4826 * np.nanmedian(np.abs(past - centre))))


def _localisation(
    faults: Sequence[Fault], healthy: Mapping[str, pd.DataFrame], calls: Mapping[str, Mapping[str, set[str]]]
) -> None:
    methods: dict[str, Callable[[Fault, pd.DataFrame, int], list[str]]] = {
        "largest relative change": lambda fault, past, late: _by_column(fault, past, late, _relative),
        "3 sigma (mean, sd), largest": lambda fault, past, late: _by_column(fault, past, late, _sigmas),
        "BARO (median, IQR), largest": lambda fault, past, late: _by_column(fault, past, late, _iqrs),
        "triage.health.localise, no call graph": lambda fault, past, late: _ranked(fault, past, late, None),
        "triage.health.localise, call graph": lambda fault, past, late: _ranked(
            fault, past, late, calls[fault.scenario]
        ),
    }
    print(
        f"\n### The guilty service: {len(faults)} faults, {len({fault.guilty for fault in faults})} guilty of 41–44\n"
    )
    print("| method | hit@1 | hit@3 | hit@1, onset 5 min late | hit@3, late | s/fault |\n|---|---|---|---|---|---|")
    for name, method in methods.items():
        start = time.process_time()
        places = [
            [method(fault, healthy.get(fault.scenario, healthy["any"]), late).index(fault.guilty) for fault in faults]
            for late in (0, 1)
        ]
        spent = (time.process_time() - start) / (2 * len(faults))
        cells = [f"{np.mean(np.array(row) < most):.2f}" for row in places for most in (1, 3)]
        print(f"| {name} | {' | '.join(cells)} | {spent:.3f} |")


def _ranked(fault: Fault, past: pd.DataFrame, late: int, calls: Mapping[str, set[str]] | None) -> list[str]:
    now, before = fault.after(late), fault.before()
    services = list(dict.fromkeys(column[0] for column in fault.samples.columns))
    readings = []
    for service in services:
        column = (service, fault.metric, "Average")
        if column not in now:
            continue
        requests = _column(now, (service, "requests", "Sum"))
        traffic = float(np.nanmedian(requests)) if np.any(~np.isnan(requests)) else 0.0
        parts = [_column(frame, column) for frame in (past if column in past else before, now, before)]
        resolution = 0.0
        if fault.metric == "availability":
            parts = [1 - part / 100 for part in parts]
            resolution = 1 / max(traffic, 1.0)
        readings.append(Reading(service, parts[0], parts[1], parts[2], traffic, resolution))
    found = [suspect.service for suspect in rank(readings, calls=calls, target=fault.target if calls else None)]
    return found + [service for service in services if service not in found]


def _column(frame: pd.DataFrame, column: tuple[str, str, str]) -> np.ndarray:
    return frame[column].to_numpy() if column in frame else np.array([np.nan])


def _by_column(
    fault: Fault, past: pd.DataFrame, late: int, measure: Callable[[np.ndarray, np.ndarray], float]
) -> list[str]:
    """Services by the largest measure among all their metrics."""
    now, best = fault.after(late), {column[0]: 0.0 for column in fault.samples.columns}
    for column in now.columns:
        history, seen = _column(past, column), now[column].to_numpy()
        history, seen = history[~np.isnan(history)], seen[~np.isnan(seen)]
        if history.size > 1 and seen.size:
            best[column[0]] = max(best[column[0]], measure(history, seen))
    return sorted(best, key=lambda service: -best[service])


def _relative(history: np.ndarray, seen: np.ndarray) -> float:
    return float(np.max(np.abs(seen - np.median(history)))) / (abs(float(np.median(history))) or 1.0)


def _sigmas(history: np.ndarray, seen: np.ndarray) -> float:
    return float(np.max(np.abs(seen - history.mean()))) / (float(history.std()) or 1e-9)


def _iqrs(history: np.ndarray, seen: np.ndarray) -> float:
    return float(np.max(np.abs(seen - np.median(history)))) / (
        float(np.subtract(*np.quantile(history, [0.75, 0.25]))) or 1.0
    )


if __name__ == "__main__":
    main()
