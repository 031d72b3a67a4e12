"""Does the judge of service levels see a fault in the front's own metric, and stay silent in health?"""

import itertools
import time
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from bench.health.petshop import ISSUE_STEP, Fault
from bench.health.series import DAY, stretch
from triage.health.compare import Limits, Worse, judge
from triage.ports import Series


def judging(faults: Sequence[Fault], healthy: Mapping[str, pd.DataFrame]) -> None:
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
    window = stretch(times[-last], times[-1] + ISSUE_STEP)
    return judge(Series({}, times, values), window, name=metric, worse=worse, limits=limits).is_worse


def _three_sigma(past: np.ndarray, now: np.ndarray) -> bool:
    return bool(np.any(np.abs(now - np.nanmean(past)) > 3 * np.nanstd(past)))


def _robust_z(past: np.ndarray, now: np.ndarray) -> bool:
    centre = np.nanmedian(past)
    return bool(np.any(np.abs(now - centre) > 3 * 1.4826 * np.nanmedian(np.abs(past - centre))))
