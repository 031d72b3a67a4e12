from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from triage.drift.quality.fault import FaultKind
from triage.drift.quality.inspect import find_faults

FEATURES = ["age", "income", "city", "score"]
SOURCES = {"age": "crm", "income": "crm", "city": "crm", "score": "bureau"}


def _rows(days: int, start: str, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    times = pd.date_range(start, periods=days * 96, freq="15min")
    n = len(times)
    return pd.DataFrame(
        {
            "at": times,
            "age": rng.integers(18, 80, n),
            "income": rng.lognormal(10, 0.6, n),
            "city": rng.choice(["york", "leeds", "bath"], n, p=[0.5, 0.3, 0.2]),
            "score": np.where(rng.random(n) < 0.05, np.nan, rng.normal(600, 50, n)),
        }
    )


BASELINE = _rows(40, "2026-01-01", 0)


def _current() -> pd.DataFrame:
    return _rows(2, "2026-02-10", 1)


def _faults(current: pd.DataFrame, baseline: pd.DataFrame = BASELINE):
    return find_faults(baseline, current, FEATURES, time="at", sources=SOURCES)


def test_a_healthy_window_has_no_faults():
    assert [_faults(_rows(2, "2026-02-10", seed)).faults for seed in range(1, 11)] == [()] * 10


def test_nulls_are_found_with_their_onset():
    current = _current()
    current.loc[100:, "score"] = np.nan
    (fault,) = _faults(current).faults
    assert fault.kind is FaultKind.NULLS
    assert abs((fault.onset - datetime(2026, 2, 11, 1, tzinfo=UTC)).total_seconds()) <= 3600
    assert fault.onset_in_window
    assert fault.source == "bureau"


def _assign(**columns):
    return lambda current: current.assign(**columns)


@pytest.mark.parametrize(
    ("change", "feature", "kind"),
    [
        (_assign(income=12_345.0), "income", FaultKind.STUCK),
        (lambda f: f.assign(income=f.income.where(np.arange(len(f)) % 5 > 0, 0.0)), "income", FaultKind.DEFAULT),
        (lambda f: f.assign(income=f.income * 100), "income", FaultKind.UNIT),
        (lambda f: f.assign(city=f.city.str.upper()), "city", FaultKind.CASE),
        (lambda f: f.assign(city=f.city.replace("york", "York, UK")), "city", FaultKind.RENAME),
        (lambda f: f.assign(age=f.age.where(np.arange(len(f)) % 20 > 0, -1)), "age", FaultKind.RANGE),
        (lambda f: f.assign(age=f.age.where(f.index != 7, 1048)), "age", FaultKind.IMPOSSIBLE),
        (lambda f: f.assign(age=f.age.where(np.arange(len(f)) % 30 > 0, 1048)), "age", FaultKind.IMPOSSIBLE),
        (lambda f: f.assign(age=f.age.astype(str) + " years"), "age", FaultKind.TYPE),
        (lambda f: f.drop(columns="age"), "age", FaultKind.MISSING_COLUMN),
        (lambda f: f.assign(city="bath"), "city", FaultKind.STUCK),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_each_kind_of_fault_is_named_by_feature_and_kind(change, feature, kind):
    found = _faults(change(_current())).faults
    assert [(fault.feature, fault.kind) for fault in found] == [(feature, kind)]


def test_swapped_columns_are_one_finding_and_not_two_ranges():
    current = _current().rename(columns={"age": "income", "income": "age"})
    found = _faults(current).faults
    assert {fault.kind for fault in found} == {FaultKind.SWAPPED}
    assert {fault.feature for fault in found} == {"age", "income"}


def test_faults_of_one_source_are_grouped():
    current = _current().assign(age=np.nan, income=np.nan, city=None)
    (group,) = _faults(current).sources
    assert group.source == "crm"
    assert set(group.features) == {"age", "income", "city"}
    assert group.features_in_source == 3


def test_a_category_that_grew_is_drift_and_not_a_fault():
    current = _current()
    current.loc[:100, "city"] = "bath"
    assert _faults(current).faults == ()


def test_a_share_of_nulls_that_comes_and_goes_is_healthy():
    baseline = BASELINE.copy()
    cloudy = (baseline["at"].dt.day % 5 == 0).to_numpy()
    baseline.loc[cloudy & (np.arange(len(baseline)) % 2 == 0), "score"] = np.nan
    current = _current()
    current.loc[::8, "score"] = np.nan
    assert _faults(current, baseline).faults == ()


def test_too_few_rows_are_unmeasured_and_not_healthy():
    report = _faults(_current().head(5))
    assert report.features_checked == 0
    assert "5 current" in report.unmeasured[0].reason


def test_fifty_rows_with_duplicated_times_and_an_all_null_column_are_judged():
    current = _current().head(50).assign(at=pd.Timestamp("2026-02-10"), score=np.nan)
    assert {fault.feature for fault in _faults(current).faults} == {"score"}


def test_a_feature_the_baseline_lacks_is_unmeasured():
    report = find_faults(BASELINE, _current(), [*FEATURES, "new"], time="at")
    assert [item.what for item in report.unmeasured] == ["new"]
