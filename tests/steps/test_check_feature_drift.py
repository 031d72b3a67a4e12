"""Exact tests on request, beside those that bins give."""

import pytest
import scipy

from tests.light_world import ALERT, LOG_START, START, world
from triage.incident import Evidence, Verdict


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Evidence]:
    made, folder = world(40), tmp_path_factory.mktemp("home")
    desk = made.desk(folder)
    asked = {"feature_drift": {"exact": ["age", "place", "nobody"]}}
    begun = desk.receive(ALERT, made.catalog(folder), settings=asked)
    return {item.id: item for item in desk.advance(begun.incident).evidence}


def test_ks_is_that_of_all_values(evidence: dict[str, Evidence]) -> None:
    log = world(40).tables["log"].to_pandas()
    before, now = log[(log["at"] < START) & (log["at"] >= LOG_START)], log[log["at"] >= START]
    expected = scipy.stats.ks_2samp(before["age"], now["age"])
    found = evidence["feature_drift.age:exact"]
    assert found.measure("exact_ks") == pytest.approx(expected.statistic, abs=1e-12)
    assert found.measure("exact_ks_p_value") == pytest.approx(expected.pvalue, rel=0.05)


def test_categories_have_the_psi_of_all_values_and_no_ks(evidence: dict[str, Evidence]) -> None:
    found = evidence["feature_drift.place:exact"]
    assert found.measure("exact_ks") is None
    assert (found.measure("exact_psi") or 0.0) > 1.0


def test_a_test_is_no_cause(evidence: dict[str, Evidence]) -> None:
    assert evidence["feature_drift.age:exact"].verdict is Verdict.INCONCLUSIVE
    assert evidence["feature_drift.age:exact"].part_of == "feature_drift"


def test_a_feature_that_is_not_there_is_unmeasured(evidence: dict[str, Evidence]) -> None:
    found = evidence["feature_drift.nobody:exact"]
    assert found.verdict is Verdict.UNMEASURED
    assert "no column 'nobody'" in found.statement
    assert "exact" in found.hint
