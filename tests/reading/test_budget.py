from pathlib import Path

import numpy as np
import pytest

from tests.light_world import ALERT, ALERT_AT, CATALOG, START, registry
from triage.adapters.memory import MemoryClock, MemoryMetrics, MemoryWindows
from triage.catalog import Catalog, ServiceLevel
from triage.errors import SourceUnavailable
from triage.health.burn import Burn, BurnVerdict
from triage.incident import Incident, Window
from triage.ports import Series
from triage.reading.budget import burn, has_budget
from triage.scope import Scope
from triage.step import Context, Ports

NOW = ALERT_AT.timestamp()
TIMES = np.arange(NOW - 5 * 86_400, NOW, 60.0)
FAILING = np.where(TIMES > NOW - 3_600, 0.2, 0.0)
THROUGHPUT = (
    "      - {name: rps, kind: throughput, query: rps, direction: higher_is_better, target: 1, unit: requests/s}\n"
)


def level(**changes: object) -> ServiceLevel:
    usual = {"name": "errors", "kind": "errors", "query": "errors", "direction": "lower_is_better", "target": 0.01}
    return ServiceLevel.model_validate({**usual, "unit": "ratio", **changes})


def burning(tmp_path: Path, promised: ServiceLevel, **answers: np.ndarray) -> BurnVerdict:
    text = CATALOG.replace("    service_levels:\n", "    service_levels:\n" + THROUGHPUT * ("rps" in answers))
    catalog = Catalog.parse(text, "triage.yaml", tmp_path)
    incident = Incident("shop-1", "shop", ALERT, Window(START, ALERT_AT), "p", "", "", ALERT_AT, ALERT_AT)
    series = {name: (Series({}, TIMES, values),) for name, values in answers.items()}
    ports = Ports(MemoryMetrics(series), MemoryWindows({}), registry(), MemoryClock(ALERT_AT))
    rng = np.random.default_rng(1)
    ctx = Context(incident, "i", None, "", catalog, catalog.model("shop"), ports, Scope(), rng, lambda line: None)
    found, sources = burn(ctx, promised)
    assert len(sources) == len(answers)
    return found


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"unit": "percent", "target": 1.0}, True),
        ({"kind": "latency"}, True),
        ({"kind": "latency", "unit": "seconds"}, False),
        ({"kind": "saturation"}, False),
        ({"target": 0}, False),
        ({"target": 1}, False),
    ],
)
def test_a_budget_belongs_to_shares_of_failed_or_slow_requests(changes: dict[str, object], expected: bool) -> None:
    assert has_budget(level(**changes)) is expected


def test_an_hour_of_failures_pages(tmp_path: Path) -> None:
    found = burning(tmp_path, level(), errors=FAILING)
    assert found.burn is Burn.BURNING
    assert found.severity == "page"
    assert found.pairs[0].long_rate == pytest.approx(20)


def test_a_share_that_is_better_when_higher_and_one_in_percent_burn_alike(tmp_path: Path) -> None:
    good = burning(tmp_path, level(kind="latency", direction="higher_is_better", target=0.99), errors=1 - FAILING)
    percent = burning(tmp_path, level(unit="percent", target=1.0), errors=100 * FAILING)
    for found in (good, percent):
        assert found.objective == pytest.approx(0.99)
        assert found.pairs[0].long_rate == pytest.approx(20)


def test_an_hour_with_hardly_any_traffic_burns_hardly_any_of_the_day(tmp_path: Path) -> None:
    traffic = np.where(TIMES > NOW - 3_600, 0.01, 10.0)
    weighed = burning(tmp_path, level(), errors=FAILING, rps=traffic)
    bare = burning(tmp_path, level(), errors=FAILING)
    assert weighed.pairs[2].long_rate == pytest.approx(20 / 23_001, rel=0.02)
    assert bare.pairs[2].long_rate == pytest.approx(20 / 24, rel=0.02)


def test_no_traffic_is_unmeasured(tmp_path: Path) -> None:
    found = burning(tmp_path, level(), errors=np.where(TIMES > NOW - 86_400, np.nan, 0.0), rps=np.where(TIMES > NOW - 86_400, 0.0, 5.0))
    assert found.burn is Burn.UNMEASURED
    assert "no traffic" in found.statement


def test_a_query_that_is_not_answered_is_no_kept_promise(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="no answer"):
        burning(tmp_path, level(query="gone"), errors=FAILING)
