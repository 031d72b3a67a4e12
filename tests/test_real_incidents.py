"""Incidents of real data, whose truth is known, through the whole playbook. The data is public, and not shipped."""

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.real_world import RealWorld
from triage.catalog import Task
from triage.incident import CauseKind, Evidence, Incident, Window
from triage.lab.bench.tables import data_folder
from triage.lab.worlds.flights_rows import FEATURES, flights_frame

DATA = data_folder()
BIKE = {
    "hr": "calendar", "holiday": "calendar", "workingday": "calendar", "weathersit": "weather", "temp": "weather",
    "atemp": "weather", "hum": "weather", "windspeed": "weather",
}  # fmt: skip
LOAN = {
    "car_value": "loan", "loan_length": "loan", "size_of_downpayment": "loan", "salary_range": "customer",
    "debt_to_income_ratio": "customer", "repaid_loan_on_prev_car": "customer", "driver_tenure": "customer",
}  # fmt: skip
FLIGHTS = {name: source for source, names in FEATURES.items() for name in names.split() if name != "day_of_week"}
SMALL_FLIGHTS = {name: source for name, source in FLIGHTS.items() if name not in ("route", "dest", "manufacturer")}


def needs(file: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(DATA is None or not (DATA / file).exists(), reason="the public data is not here")


def day(year: int, month: int, of_month: int) -> datetime:
    return datetime(year, month, of_month, tzinfo=UTC)


@cache
def bike() -> pd.DataFrame:
    rows = pd.read_parquet(Path(DATA or "") / "bike_dc/bike_hour.parquet")
    rows["weathersit"] = "w" + rows["weathersit"].astype(str)
    return rows.assign(label=np.sqrt(rows["cnt"]), at=pd.to_datetime(rows["ts"], utc=True))


def between(rows: pd.DataFrame, start: datetime, end: datetime) -> pd.DataFrame:
    return rows[(rows["at"] >= start) & (rows["at"] < end)]


def about(incident: Incident, kind: CauseKind) -> list[Evidence]:
    return [item for item in incident.evidence if item.about is kind]


def ruled_out(incident: Incident) -> set[CauseKind]:
    assert incident.diagnosis is not None
    return {one.kind for one in incident.diagnosis.ruled_out}


def first(incident: Incident) -> CauseKind | None:
    assert incident.diagnosis is not None
    return incident.diagnosis.causes[0].kind if incident.diagnosis.causes else None


@needs("bike_dc/bike_hour.parquet")
@pytest.mark.parametrize(
    ("sensor", "since"), [("hum", day(2011, 3, 10)), ("atemp", day(2012, 8, 17))], ids=["humidity", "felt temperature"]
)
def test_a_sensor_stuck_for_a_day_is_broken_data(sensor: str, since: datetime, tmp_path: Path) -> None:
    world = RealWorld(
        learnt=between(bike(), day(2011, 1, 1), since - timedelta(days=30)),
        served=between(bike(), since - timedelta(days=30), since + timedelta(days=1)),
        incident=Window(since, since + timedelta(days=1)),
        task=Task.REGRESSION,
        sources=BIKE,
        windows={"incident": "1d", "healthy": "28d"},
    )
    incident = world.diagnose(tmp_path)
    found = [item for item in about(incident, CauseKind.DATA_QUALITY) if item.subject]
    assert any(sensor in item.statement and "100" in item.statement for item in found)
    assert incident.diagnosis is not None
    if incident.diagnosis.causes:
        assert first(incident) in (CauseKind.DATA_QUALITY, CauseKind.UNKNOWN)
    else:
        assert sensor in incident.diagnosis.statement


@needs("bike_dc/bike_hour.parquet")
def test_a_year_of_more_riders_is_a_changed_concept(tmp_path: Path) -> None:
    world = RealWorld(
        learnt=between(bike(), day(2011, 1, 1), day(2011, 6, 1)),
        served=pd.concat(
            [between(bike(), day(2011, 6, 1), day(2011, 7, 1)), between(bike(), day(2012, 6, 1), day(2012, 7, 1))]
        ),
        incident=Window(day(2012, 6, 1), day(2012, 7, 1)),
        task=Task.REGRESSION,
        sources=BIKE,
        windows={"incident": "30d", "healthy": "30d", "gap": "336d"},
    )
    incident = world.diagnose(tmp_path)
    assert first(incident) is CauseKind.CONCEPT_DRIFT
    assert {CauseKind.DATA_QUALITY, CauseKind.INFRASTRUCTURE, CauseKind.BAD_DEPLOY} <= ruled_out(incident)


@needs("car_loan_synthetic/synthetic_car_loan.parquet")
def test_the_car_loans_fell_for_the_value_of_the_cars(tmp_path: Path) -> None:
    rows = pd.read_parquet(Path(DATA or "") / "car_loan_synthetic/synthetic_car_loan.parquet")
    rows = rows.assign(label=rows["repaid"], at=pd.to_datetime(rows["timestamp"], utc=True))
    world = RealWorld(
        learnt=between(rows, day(2018, 1, 1), day(2018, 4, 1)).dropna(subset=["label"]),
        served=pd.concat(
            [between(rows, day(2018, 10, 1), day(2018, 11, 1)), between(rows, day(2019, 4, 1), day(2019, 4, 15))]
        ),
        incident=Window(day(2019, 4, 1), day(2019, 4, 15)),
        task=Task.CLASSIFICATION,
        sources=LOAN,
        windows={"incident": "14d", "healthy": "28d", "gap": "152d"},
    )
    incident = world.diagnose(tmp_path)
    assert incident.diagnosis is not None
    assert incident.diagnosis.causes[0].subject in ("car_value", "loan")


@cache
def flights() -> pd.DataFrame:
    rows = flights_frame()
    return rows.assign(label=rows["late15"], at=rows["served_at"])


def with_buggy_weather(rows: pd.DataFrame) -> pd.DataFrame:
    """The same flights joined to the weather that was published with UTC hours in columns of local ones."""
    names = FEATURES["weather_feed"].split()
    weather = pd.read_parquet(Path(DATA or "") / "nycflights13/weather_v0_2_2_upstream_bug_utc.parquet")
    local = rows["at"].dt.tz_convert("America/New_York")
    place = pd.DataFrame(
        {"origin": rows["origin"], "month": local.dt.month, "day": local.dt.day, "hour": local.dt.hour}
    )
    weather = weather.drop_duplicates(["origin", "month", "day", "hour"])
    found = place.merge(weather, on=["origin", "month", "day", "hour"], how="left")
    return rows.assign(**{name: found[name].to_numpy() for name in names})


def flights_world(start: datetime, end: datetime, *, since: datetime, until: datetime, buggy: bool) -> RealWorld:
    """Flights served from ``start`` on; the incident is from ``since`` to ``until``, with ``buggy`` weather or not."""
    learnt = between(flights(), day(2013, 1, 1), day(2013, 4, 1)).dropna(subset=["label"])
    right = pd.concat([between(flights(), start, end), between(flights(), since, until)])
    served = pd.concat([between(flights(), start, end), with_buggy_weather(between(flights(), since, until))])
    healthy, gap, length = (end - start).days, (since - end).days, (until - since).days
    return RealWorld(
        learnt=learnt.sample(20_000, random_state=0),
        served=served if buggy else right,
        incident=Window(since, until),
        task=Task.CLASSIFICATION,
        sources=SMALL_FLIGHTS,
        windows={"incident": f"{length}d", "healthy": f"{healthy}d", **({"gap": f"{gap}d"} if gap else {})},
        reference=right if buggy else None,
    )


@needs("nycflights13/weather_v0_2_2_upstream_bug_utc.parquet")
def test_weather_of_other_hours_is_skew_in_the_weather_feed(tmp_path: Path) -> None:
    world = flights_world(day(2013, 5, 1), day(2013, 5, 15), since=day(2013, 5, 15), until=day(2013, 5, 22), buggy=True)
    incident = world.diagnose(tmp_path)
    skewed = [item for item in about(incident, CauseKind.SERVING_SKEW) if item.subject == "weather_feed"]
    assert skewed
    assert incident.diagnosis is not None
    assert "weather_feed" in incident.diagnosis.statement or first(incident) is CauseKind.SERVING_SKEW
