"""Which service is guilty?"""

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from bench.health.petshop import Fault, column_of
from triage.health.localise import Reading, rank


def localisation(
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
        requests = column_of(now, (service, "requests", "Sum"))
        traffic = float(np.nanmedian(requests)) if np.any(~np.isnan(requests)) else 0.0
        parts = [column_of(frame, column) for frame in (past if column in past else before, now, before)]
        resolution = 0.0
        if fault.metric == "availability":
            parts = [1 - part / 100 for part in parts]
            resolution = 1 / max(traffic, 1.0)
        readings.append(Reading(service, parts[0], parts[1], parts[2], traffic, resolution))
    found = [suspect.service for suspect in rank(readings, calls=calls, target=fault.target if calls else None)]
    return found + [service for service in services if service not in found]


def _by_column(
    fault: Fault, past: pd.DataFrame, late: int, measure: Callable[[np.ndarray, np.ndarray], float]
) -> list[str]:
    """Services by the largest measure among all their metrics."""
    now, best = fault.after(late), {column[0]: 0.0 for column in fault.samples.columns}
    for column in now.columns:
        history, seen = column_of(past, column), now[column].to_numpy()
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
