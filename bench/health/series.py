"""The Numenta Anomaly Benchmark's infrastructure series, with their labels."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from bench.health.nab import nearest
from triage.incident import Window

DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Labelled:
    name: str
    times: np.ndarray
    values: np.ndarray
    windows: tuple[tuple[int, int], ...]
    labels: tuple[float, ...]
    label_windows: tuple[tuple[float, float], ...]


def labelled(folder: Path) -> Iterator[Labelled]:
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


def stretch(first: float, last: float) -> Window:
    return Window(datetime.fromtimestamp(first, tz=UTC), datetime.fromtimestamp(last, tz=UTC))
