import numpy as np
import pyarrow as pa
import pytest

from triage.drift.profiles.scan import plan_edges, profile_batch
from triage.drift.shift.compare import FeatureDrift, FindingKind, Limits, Movement, compare
from triage.errors import DataError


def world(rows: int, seed: int, warmer: float = 0.0) -> dict[str, object]:
    rng = np.random.default_rng(seed)
    return {
        "price": rng.gamma(5, 20, rows),
        "clicks": rng.poisson(3, rows),
        "city": rng.choice(["x", "y", "z"], rows, p=[0.5, 0.3, 0.2]).astype(object),
        "member": rng.random(rows) < 0.3,
        "temperature": rng.normal(15 + warmer, 5, rows),
    }


BASELINE = pa.table(world(20_000, 0))
EDGES = plan_edges(BASELINE)
PROFILE = profile_batch(BASELINE, EDGES)


def judged(changes: dict[str, object], history: bool = False, rows: int = 4_000) -> dict[str, FeatureDrift]:
    table = pa.table({**world(rows, 1), **changes})
    seasons = np.random.default_rng(7).normal(0, 3, 30)
    past = [profile_batch(pa.table(world(rows, 50 + i, warmer)), EDGES) for i, warmer in enumerate(seasons)]
    return {drift.name: drift for drift in compare(PROFILE, profile_batch(table, EDGES), past if history else ())}


def test_an_unchanged_window_is_steady_throughout() -> None:
    assert {drift.verdict for drift in judged({}).values()} == {Movement.STEADY}


def test_a_window_compared_with_itself_shows_no_difference_at_all() -> None:
    for drift in compare(PROFILE, PROFILE):
        assert drift.psi is not None
        assert (drift.psi.effect, drift.severity) == (0, 0)


def test_small_windows_don_t_raise_false_alarms() -> None:
    moved = 0
    for seed in range(40):
        window = profile_batch(pa.table(world(150, 1_000 + seed)), EDGES)
        moved += any(drift.verdict is Movement.MOVED for drift in compare(PROFILE, window))
    assert moved <= 2


def test_nulls_are_seen_and_named() -> None:
    price = np.where(np.arange(4_000) % 4 == 0, np.nan, world(4_000, 1)["price"])
    drift = judged({"price": price})["price"]
    assert drift.verdict is Movement.MOVED
    assert "null" in drift.moved_rates
    assert "25.00%" in drift.reason


def test_a_stuck_value_a_new_category_and_another_unit_are_named() -> None:
    healthy = world(4_000, 1)
    clicks = np.where(np.arange(4_000) % 2 == 0, 3, healthy["clicks"])
    city = np.where(np.arange(4_000) % 10 == 0, "atlantis", healthy["city"])
    found = judged({"clicks": clicks, "city": city, "price": healthy["price"] * 1.609344})
    kinds = {name: {finding.kind for finding in drift.findings} for name, drift in found.items()}
    assert FindingKind.STUCK in kinds["clicks"]
    assert FindingKind.NEW_CATEGORIES in kinds["city"]
    assert "atlantis" in found["city"].reason
    assert FindingKind.UNIT_CHANGED in kinds["price"]
    assert {found[name].verdict for name in ("clicks", "city", "price")} == {Movement.MOVED}
    assert found["member"].verdict is Movement.STEADY


def test_season_is_no_move_when_past_healthy_windows_show_it() -> None:
    warm = np.random.default_rng(3).normal(19, 5, 4_000)
    assert judged({"temperature": warm})["temperature"].verdict is Movement.MOVED
    assert judged({"temperature": warm}, history=True)["temperature"].verdict is Movement.STEADY


def test_a_fault_is_still_seen_beyond_the_season() -> None:
    price = np.where(np.arange(4_000) % 4 == 0, np.nan, world(4_000, 1)["price"])
    found = judged({"price": price}, history=True)
    assert [name for name, drift in found.items() if drift.verdict is Movement.MOVED] == ["price"]


def test_numbers_that_arrive_as_text_are_measured_and_the_type_change_is_a_move() -> None:
    price = [str(value) for value in np.asarray(world(4_000, 1)["price"])]
    drift = judged({"price": price})["price"]
    assert drift.verdict is Movement.MOVED
    assert drift.psi is not None
    assert "double" in drift.reason
    assert "string" in drift.reason


@pytest.mark.parametrize("price", [["broken"] * 4_000, [[1.0]] * 4_000])
def test_a_column_that_can_t_be_read_is_unmeasured_with_its_reason(price: list[object]) -> None:
    drift = judged({"price": price})["price"]
    assert drift.verdict is Movement.UNMEASURED
    assert drift.reason


def test_an_empty_or_tiny_window_is_unmeasured_never_steady() -> None:
    for rows in (0, 5):
        window = profile_batch(pa.table(world(4_000, 1)).slice(0, rows), EDGES)
        assert {drift.verdict for drift in compare(PROFILE, window)} == {Movement.UNMEASURED}


def test_a_column_that_is_all_null_moved() -> None:
    drift = judged({"price": pa.nulls(4_000, pa.float64())})["price"]
    assert drift.verdict is Movement.MOVED
    assert drift.findings[0].kind is FindingKind.ALL_NULL


def test_bins_are_few_and_their_shares_and_contributions_add_up() -> None:
    for drift in judged({"price": world(4_000, 9)["temperature"]}).values():
        assert drift.psi is not None
        assert len(drift.bins) <= 30
        assert sum(bin_.baseline for bin_ in drift.bins) == pytest.approx(1)
        assert sum(bin_.current for bin_ in drift.bins) == pytest.approx(1)
        assert sum(bin_.psi for bin_ in drift.bins) == pytest.approx(drift.psi.effect)


def test_limits_decide_what_is_large_enough() -> None:
    window = profile_batch(pa.table(world(4_000, 1, warmer=3)), EDGES)
    strict, loose = (
        {d.name: d.verdict for d in compare(PROFILE, window, limits=Limits(psi=p))}["temperature"] for p in (0.05, 5.0)
    )
    assert (strict, loose) == (Movement.MOVED, Movement.STEADY)


@pytest.mark.parametrize(("before", "now"), [(0.1, 1 - 0.9), (1 - 0.9, 0.1), (0.0, -1e-17), (0.0, 0.3 - 3 * 0.1)])
def test_a_common_value_that_rounding_moved_is_the_same_value(before: float, now: float) -> None:
    others = np.random.default_rng(3).gamma(2, 3, 3_000) + 0.2
    baseline, current = (pa.table({"x": np.append(others, np.full(7_000, value))}) for value in (before, now))
    edges = plan_edges(baseline)
    (drift,) = compare(profile_batch(baseline, edges), profile_batch(current, edges))
    assert drift.verdict is Movement.STEADY


def test_windows_on_different_edges_are_refused() -> None:
    other = plan_edges(pa.table({"price": [1.0, 2.0]}))
    with pytest.raises(DataError):
        compare(PROFILE, profile_batch(pa.table({"price": [1.0]}), other))
