"""The data sets that incidents are planted in: real rows with a label, and the upstream source of each feature.

Flights come from a PyPI package and are always there. The others are read from a folder of public data where one is
given: `TRIAGE_DATA`, else ``../shared/data``.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from triage.catalog import Task

MOST_ROWS = 60_000


@dataclass(frozen=True, slots=True)
class Table:
    """``features`` (n rows: float64 numbers, strings for categories) and ``label`` (n,) beside them.

    ``sources`` maps each feature to the upstream table that it comes from.
    """

    name: str
    features: pd.DataFrame
    label: np.ndarray
    task: Task
    sources: dict[str, str]


def data_folder() -> Path | None:
    """The folder of public data, or None where there is none."""
    for place in (os.environ.get("TRIAGE_DATA", ""), "../shared/data"):
        if place and Path(place).is_dir():
            return Path(place)
    return None


def names() -> tuple[str, ...]:
    """The data sets at hand."""
    folder = data_folder()
    return tuple(name for name, (file, _) in _READERS.items() if not file or (folder and (folder / file).exists()))


@cache
def table(name: str) -> Table:
    """The data set called ``name``, one of `names`; an even sample of at most 60,000 rows, the same each time."""
    file, read = _READERS[name]
    return read(Path() if not file else (data_folder() or Path()) / file)


def _flights(_: Path) -> Table:
    from triage.lab.worlds.flights_rows import FEATURES, LABEL, feature_names, flights_frame

    rows = flights_frame()
    rows = _sample(rows[rows[LABEL].notna()])
    return _table("flights", rows[feature_names()], rows[LABEL], Task.CLASSIFICATION, FEATURES)


def _census(path: Path) -> Table:
    rows = _sample(pd.read_parquet(path))
    sources = {
        "person": "AGEP SEX RAC1P ANC NATIVITY CIT",
        "household": "MAR RELP MIG",
        "health": "DIS DEAR DEYE DREM",
        "career": "SCHL ESP MIL",
    }
    coded = [name for names in sources.values() for name in names.split() if name not in ("AGEP", "SCHL")]
    features = rows.assign(**{name: rows[name].astype(int).astype(str) for name in coded})
    return _table("census", features, rows["employed"], Task.CLASSIFICATION, sources)


def _bike(path: Path) -> Table:
    rows = _sample(pd.read_parquet(path))
    rows = rows.assign(**{name: "s" + rows[name].astype(str) for name in ("season", "weathersit")})
    sources = {"calendar": "season yr mnth hr holiday workingday", "weather": "weathersit temp atemp hum windspeed"}
    return _table("bike", rows, np.sqrt(rows["cnt"]), Task.REGRESSION, sources)


def _car_loan(path: Path) -> Table:
    rows = pd.read_parquet(path)
    rows = _sample(rows[(rows["period"] == "reference") & rows["repaid"].notna()])
    rows = rows.assign(repaid_loan_on_prev_car=rows["repaid_loan_on_prev_car"].astype(str))
    sources = {
        "loan": "car_value loan_length size_of_downpayment",
        "customer": "salary_range debt_to_income_ratio repaid_loan_on_prev_car driver_tenure",
    }
    return _table("car_loan", rows, rows["repaid"], Task.CLASSIFICATION, sources)


_READERS: dict[str, tuple[str, Callable[[Path], Table]]] = {
    "flights": ("", _flights),
    "census": ("us_employment_ma/employment_ma.parquet", _census),
    "bike": ("bike_dc/bike_hour.parquet", _bike),
    "car_loan": ("car_loan_synthetic/synthetic_car_loan.parquet", _car_loan),
}


def _sample(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.sample(min(len(rows), MOST_ROWS), random_state=0).reset_index(drop=True)


def _table(name: str, rows: pd.DataFrame, label: pd.Series, task: Task, sources: dict[str, str]) -> Table:
    origin = {feature: source for source, features in sources.items() for feature in features.split()}
    columns = {
        feature: rows[feature].astype(float)
        if pd.api.types.is_numeric_dtype(rows[feature])
        else rows[feature].astype("str")
        for feature in origin
    }
    return Table(name, pd.DataFrame(columns), label.to_numpy(dtype=float), task, origin)
