"""PetShop: 68 faults injected into a shop of microservices, and the same shop in health."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

ISSUE_STEP = 300.0
"""Seconds between two samples."""


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


def petshop(folder: Path) -> tuple[list[Fault], dict[str, pd.DataFrame], dict[str, dict[str, set[str]]]]:
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


def column_of(frame: pd.DataFrame, column: tuple[str, str, str]) -> np.ndarray:
    return frame[column].to_numpy() if column in frame else np.array([np.nan])
