from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.light_world import ALERT, ALERT_AT, CATALOG, START, registry, version
from triage.adapters.memory import MemoryClock, MemoryMetrics, MemoryRegistry, MemoryWindows
from triage.catalog import Catalog
from triage.incident import ChangeKind, Incident, Window
from triage.ports import Series
from triage.reading.changes import changes
from triage.scope import Scope
from triage.step import Context, Ports

STEP = 300.0
TIMES = np.arange(START.timestamp() - 48 * 3600, ALERT_AT.timestamp(), STEP)
LEVELS = """\
    changes: [info, started, deploys]
    service_levels:
      - {name: up, kind: up, query: up, direction: higher_is_better, target: 1, unit: ratio}
      - {name: restarts, kind: restarts, query: restarted, direction: lower_is_better, target: 0, unit: restarts}
"""


def flat(value: float, **labels: str) -> Series:
    return Series(labels, TIMES, np.full(TIMES.size, value))


def since(at: datetime, before: float, after: float, **labels: str) -> Series:
    return Series(labels, TIMES, np.where(at.timestamp() <= TIMES, after, before))


QUIET = {
    "info": (flat(1, version="1"),),
    "started": (flat(1.7e9),),
    "deploys": (flat(0),),
    "up": (flat(1),),
    "restarted": (flat(0),),
}


def found(tmp_path: Path, models: MemoryRegistry | None = None, **answers: tuple[Series, ...]):
    head, _, tail = CATALOG.partition("    service_levels:")
    text = head + LEVELS + tail[tail.index("    serving_log:") :]
    catalog = Catalog.parse(text, "triage.yaml", tmp_path)
    incident = Incident("shop-1", "shop", ALERT, Window(START, ALERT_AT), "p", "", "", ALERT_AT, ALERT_AT)
    ports = Ports(
        metrics=MemoryMetrics({**QUIET, **answers}),
        windows=MemoryWindows({}),
        registry=models or registry(),
        clock=MemoryClock(ALERT_AT),
    )
    nothing = np.random.default_rng(1)
    ctx = Context(
        incident, "changes", None, "", catalog, catalog.model("shop"), ports, Scope(), nothing, lambda line: None
    )
    return changes(ctx)


AT = ALERT_AT - timedelta(hours=5)


def test_a_quiet_time_has_no_changes(tmp_path: Path) -> None:
    seen = found(tmp_path)
    assert seen.events == ()
    assert seen.missing == ()


def test_a_version_label_that_moves_is_a_deploy_named_with_both_versions(tmp_path: Path) -> None:
    old = Series({"version": "1"}, TIMES, np.where(AT.timestamp() <= TIMES, np.nan, 1.0))
    new = Series({"version": "2"}, TIMES, np.where(AT.timestamp() <= TIMES, 1.0, np.nan))
    (event,) = found(tmp_path, info=(old, new)).events
    assert (event.kind, event.at, event.statement) == (ChangeKind.VERSION, AT, "shop went from 1 to 2")
    assert AT - event.not_before <= timedelta(seconds=STEP)


def test_a_start_time_that_moves_is_a_restart(tmp_path: Path) -> None:
    (event,) = found(tmp_path, started=(since(AT, 1.7e9, AT.timestamp() - 60, pod="a"),)).events
    assert (event.kind, event.at) == (ChangeKind.RESTART, AT)


def test_values_that_are_not_zero_mark_a_change_and_several_series_are_told_apart(tmp_path: Path) -> None:
    (event,) = found(tmp_path, deploys=(since(AT, 0, 1, team="a"), flat(0, team="b"))).events
    assert (event.kind, event.subject) == (ChangeKind.CHANGE, "deploys of team=a")


def test_a_raw_counter_that_falls_is_a_restart(tmp_path: Path) -> None:
    counter = Series({"__name__": "served_total"}, TIMES, TIMES % (AT.timestamp() - START.timestamp()))
    assert {event.kind for event in found(tmp_path, deploys=(counter,)).events} == {ChangeKind.RESTART}


def test_a_target_that_goes_and_one_that_falls_silent_are_told_and_are_no_deploys(tmp_path: Path) -> None:
    gone = found(tmp_path, up=(since(AT, 1, 0),))
    silent = found(tmp_path, up=(since(AT, 1, np.nan),))
    for seen in (gone, silent):
        assert [(event.kind, event.at) for event in seen.events] == [(ChangeKind.DOWN, AT)]
        assert seen.deploys == ()


def test_restarts_of_a_service_level_are_told(tmp_path: Path) -> None:
    (event,) = found(tmp_path, restarted=(since(AT, 0, 2),)).events
    assert (event.kind, event.statement) == (ChangeKind.RESTART, "restarts rose to 2")


def test_a_version_registered_around_the_incident_is_told_with_its_alias_and_an_old_one_is_not(tmp_path: Path) -> None:
    models = registry()
    models.add(version("1", aliases=(), created_at=datetime(2020, 1, 1, tzinfo=UTC)))
    models.add(version("2", created_at=AT))
    seen = found(tmp_path, models)
    assert [event.statement for event in seen.events] == ["shop version 2 was registered, now the champion"]
    assert seen.deploys == ()


def promoted(at: datetime, freeze: pytest.MonkeyPatch) -> MemoryRegistry:
    """Version 2 became champion at ``at``, by an incident."""
    models = registry()
    models.add(version("1", created_at=datetime(2020, 1, 1, tzinfo=UTC)))
    models.add(version("2", aliases=(), created_at=datetime(2020, 1, 1, tzinfo=UTC)))
    models.move_alias("shop", "champion", "2", expected="1", key="shop-7/promote")
    (move,) = models.moves("shop")
    freeze.setattr(models, "moves", lambda model: (replace(move, at=at),))
    return models


def test_a_promotion_by_an_incident_is_a_deploy_on_the_timeline(tmp_path: Path, monkeypatch) -> None:
    seen = found(tmp_path, promoted(AT, monkeypatch))
    (event,) = seen.deploys
    assert (event.kind, event.at) == (ChangeKind.VERSION, AT)
    assert event.statement == "shop's alias champion went from version 1 to 2, by incident shop-7"
    assert found(tmp_path, promoted(START - timedelta(days=30), monkeypatch)).events == ()


def test_an_alias_that_is_not_where_the_last_move_left_it_was_moved_outside(tmp_path: Path, monkeypatch) -> None:
    models = promoted(AT, monkeypatch)
    models.move_alias("shop", "champion", "1", expected="2", key="somebody")
    seen = found(tmp_path, models)
    recorded, outside = seen.events
    assert seen.deploys == (recorded,)  # when the other happened nobody knows
    assert recorded.at == AT
    assert "went from version 2 to 1 outside triage" in outside.statement
    assert (outside.not_before, outside.at) == (AT, ALERT_AT)


def test_what_could_not_be_read_is_missing_and_the_rest_is_told(tmp_path: Path) -> None:
    broken = MemoryRegistry()
    seen = found(tmp_path, broken, deploys=(since(AT, 0, 1),))
    assert len(seen.events) == 1
    assert [error.message for error in seen.missing] == ["no registered model 'shop'"]


@pytest.mark.parametrize("hours", [49, 95])
def test_changes_as_long_before_the_window_as_it_is_long_are_told(tmp_path: Path, hours: int) -> None:
    (event,) = found(tmp_path, deploys=(since(ALERT_AT - timedelta(hours=hours), 0, 1),)).events
    assert event.at < START
