"""Incidents of real data, whose truth is known, through the whole playbook. The data is public, and not shipped."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.real_world import RealWorld
from triage.catalog import Task
from triage.incident import CauseKind, Evidence, Incident, Verdict, Window
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
EMPLOYMENT = {
    "AGEP": "person", "SEX": "person", "RAC1P": "person", "ANC": "person", "NATIVITY": "person", "CIT": "person",
    "MAR": "household", "RELP": "household", "MIG": "household", "DIS": "health", "DEAR": "health", "DEYE": "health",
    "DREM": "health", "SCHL": "career", "ESP": "career", "MIL": "career",
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
    cause = incident.diagnosis.causes[0]
    assert (cause.kind, cause.subject) == (CauseKind.FEATURE_DRIFT, "car_value")


@cache
def employment() -> pd.DataFrame:
    rows = pd.read_parquet(Path(DATA or "") / "us_employment_ma/employment_ma.parquet")
    coded = {name: "c" + rows[name].astype(str) for name in EMPLOYMENT if name != "AGEP"}
    return rows.assign(label=rows["employed"].astype(float), **coded)


def spread(rows: pd.DataFrame, start: datetime, days: int) -> pd.DataFrame:
    """``rows`` in any order, spread evenly over so many days."""
    seconds = np.linspace(0, days * 86_400, len(rows), endpoint=False)
    at = pd.Timestamp(start) + pd.to_timedelta(seconds, unit="s")
    return rows.sample(frac=1, random_state=1).assign(at=at.as_unit("us"))


@needs("us_employment_ma/employment_ma.parquet")
@pytest.mark.parametrize("year", [2017, 2018])
def test_a_year_in_which_nothing_changed_needs_no_explanation(year: int, tmp_path: Path) -> None:
    rows, since = employment(), day(2019, 3, 1)
    world = RealWorld(
        learnt=rows[rows["year"] == 2015].sample(20_000, random_state=0),
        served=pd.concat(
            [
                spread(rows[rows["year"] == 2016], since - timedelta(days=28), 28),
                spread(rows[rows["year"] == year], since, 14),
            ]
        ),
        incident=Window(since, since + timedelta(days=14)),
        task=Task.CLASSIFICATION,
        sources=EMPLOYMENT,
        windows={"incident": "14d", "healthy": "28d"},
    )
    incident = world.diagnose(tmp_path)
    assert incident.diagnosis is not None
    assert incident.diagnosis.causes == ()
    assert incident.diagnosis.statement.startswith("loss has not got worse")
    assert "Yet" not in incident.diagnosis.statement


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


def flights_world(
    start: datetime, end: datetime, *, since: datetime, until: datetime, buggy: bool, always: bool = False
) -> RealWorld:
    """Flights served from ``start`` to ``end``; the incident is from ``since`` to ``until``, with ``buggy`` weather or
    not, or with it ``always``, from training on."""
    learnt = between(flights(), day(2013, 1, 1), day(2013, 4, 1)).dropna(subset=["label"])
    right = pd.concat([between(flights(), start, end), between(flights(), since, until)])
    served = pd.concat([between(flights(), start, end), with_buggy_weather(between(flights(), since, until))])
    if always:
        learnt, right = with_buggy_weather(learnt), with_buggy_weather(right)
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


@needs("nycflights13/weather_v0_2_2_upstream_bug_utc.parquet")
@pytest.mark.parametrize("always", [True, False])
def test_a_wind_of_1048_miles_an_hour_is_broken_data(always: bool, tmp_path: Path) -> None:
    world = flights_world(
        day(2013, 1, 20), day(2013, 2, 12), since=day(2013, 2, 12), until=day(2013, 2, 13), buggy=not always,
        always=always,
    )  # fmt: skip
    incident = replace(world, reference=None).diagnose(tmp_path)
    named = [item.statement for item in about(incident, CauseKind.DATA_QUALITY) if item.subject]
    assert any("'wind_speed' is 1048.36 (healthy values: 0 to 42.5789); 33 such rows" in said for said in named)
    assert incident.diagnosis is not None
    assert incident.diagnosis.causes == ()
    assert "1048.36" in incident.diagnosis.statement


@needs("nycflights13/weather_v0_2_2_upstream_bug_utc.parquet")
@pytest.mark.parametrize("since", [day(2013, 6, 3), day(2013, 7, 8), day(2013, 8, 5), day(2013, 9, 16)])
def test_a_warm_summer_is_the_cause_of_nothing(since: datetime, tmp_path: Path) -> None:
    world = flights_world(day(2013, 5, 1), day(2013, 5, 29), since=since, until=since + timedelta(days=7), buggy=False)
    incident = world.diagnose(tmp_path)
    assert incident.diagnosis is not None
    weather = ("temp", "dewp", "humid", "pressure", "weather_feed")
    assert not [cause for cause in incident.diagnosis.causes if cause.subject in weather]
    assert first(incident) in (None, CauseKind.UNKNOWN)


@needs("nycflights13/weather_v0_2_2_upstream_bug_utc.parquet")
@pytest.mark.parametrize("end", [day(2013, 4, 18), day(2013, 4, 22)])
def test_the_furlough_of_april_is_a_changed_concept_whatever_the_weather(end: datetime, tmp_path: Path) -> None:
    world = flights_world(day(2013, 4, 1), end, since=day(2013, 4, 22), until=day(2013, 4, 27), buggy=False)
    incident = world.diagnose(tmp_path)
    assert first(incident) is CauseKind.CONCEPT_DRIFT
    assert {CauseKind.DATA_QUALITY, CauseKind.FEATURE_DRIFT, CauseKind.INFRASTRUCTURE} <= ruled_out(incident)
    moved = [item for item in about(incident, CauseKind.FEATURE_DRIFT) if item.verdict is Verdict.SUPPORTS]
    assert moved == []
