import numpy as np
import pandas as pd
import pytest

from triage.drift.concept.slices import worst_slices

FEATURES = ["carrier", "origin", "distance", "hour"]


def _world(n: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(
        {
            "carrier": rng.choice(list("ABCDE"), n),
            "origin": rng.choice(["EWR", "JFK", "LGA"], n),
            "distance": rng.lognormal(6, 0.5, n),
            "hour": rng.integers(5, 23, n),
        }
    )
    return rows, rng.exponential(0.4, n)


HEALTHY, LOSS = _world(6000, 0)


def test_the_segment_that_lost_most_is_named_with_its_share_of_the_drop():
    rows, loss = _world(6000, 1)
    loss = loss + 0.5 * (rows["carrier"] == "C")
    search = worst_slices(HEALTHY, LOSS, rows, loss, FEATURES)
    assert search.worst[0].where == (("carrier", "C"),)
    assert search.worst[0].change == pytest.approx(0.5, abs=0.06)
    assert search.worst[0].share_of_drop == pytest.approx(1.0, abs=0.15)
    assert len(search.worst) == 1


def test_a_segment_of_two_features_is_named_by_both():
    rows, loss = _world(6000, 1)
    loss = loss + 0.8 * ((rows["carrier"] == "C") & (rows["origin"] == "JFK"))
    best = worst_slices(HEALTHY, LOSS, rows, loss, FEATURES).worst[0]
    assert set(best.where) == {("carrier", "C"), ("origin", "JFK")}
    assert str(best) in ("carrier = C and origin = JFK", "origin = JFK and carrier = C")


def test_noise_and_a_loss_that_rose_everywhere_name_no_segment():
    for seed in range(1, 6):
        rows, loss = _world(4000, seed)
        assert worst_slices(HEALTHY, LOSS, rows, loss, FEATURES).worst == ()
        assert worst_slices(HEALTHY, LOSS, rows, loss + 0.3, FEATURES).worst == ()


def test_residuals_may_move_either_way():
    rows, residual = _world(6000, 1)
    residual = residual - 0.5 * (rows["origin"] == "LGA")
    assert worst_slices(HEALTHY, LOSS, rows, residual, FEATURES).worst == ()
    found = worst_slices(HEALTHY, LOSS, rows, residual, FEATURES, either_way=True)
    assert found.worst[0].where == (("origin", "LGA"),)


def test_clustered_rows_need_more_evidence():
    rows, loss = _world(6000, 1)
    loss = loss + 0.1 * (rows["carrier"] == "C")
    assert worst_slices(HEALTHY, LOSS, rows, loss, FEATURES).worst
    assert not worst_slices(HEALTHY, LOSS, rows, loss, FEATURES, design_effect=20).worst


def test_fifty_rows_or_no_labels_yield_nothing_tried():
    rows, loss = _world(50, 1)
    assert worst_slices(HEALTHY, LOSS, rows, loss, FEATURES).tried == 0
    assert worst_slices(HEALTHY, LOSS, rows, np.full(50, np.nan), FEATURES).tried == 0


def test_ten_thousand_categories_and_all_nulls_are_bounded():
    rows, loss = _world(6000, 1)
    healthy = HEALTHY.assign(key=[f"id{i}" for i in range(6000)], empty=np.nan)
    current = rows.assign(key=[f"id{i + 3000}" for i in range(6000)], empty=np.nan)
    assert worst_slices(healthy, LOSS, current, loss, [*FEATURES, "key", "empty"]).tried < 2000


def test_a_feature_with_one_value_narrows_nothing_down():
    rows, loss = _world(6000, 1)
    loss = loss + 0.5 * (rows["carrier"] == "C")
    search = worst_slices(HEALTHY.assign(flat=1.0), LOSS, rows.assign(flat=1.0), loss, [*FEATURES, "flat"], most=20)
    assert all("flat" not in dict(segment.where) for segment in search.worst)
    assert search.worst[0].where == (("carrier", "C"),)


def test_a_few_rows_without_an_event_are_no_segment_that_lost():
    """Rare events: some of thousands of small segments have none by chance."""
    for seed in range(1, 6):
        rng = np.random.default_rng(seed)
        rows, now = (
            pd.DataFrame({f"f{place}": rng.integers(0, 12, n) for place in range(20)}).astype(str)
            for n in (20_000, 4_000)
        )
        sold, sold_now = (-(rng.random(len(frame)) < 0.1).astype(float) for frame in (rows, now))
        search = worst_slices(rows, sold, now, sold_now, list(rows))
        assert search.worst == ()
        assert search.tried > 1_000


def test_a_category_that_grew_from_next_to_nothing_is_named_and_not_one_of_the_others():
    rng = np.random.default_rng(1)
    places = np.array([f"p{place:02}" for place in range(60)] + ["new"])
    before = pd.DataFrame({"place": rng.choice(places, 20_000, p=[*[0.995 / 60] * 60, 0.005])})
    now = pd.DataFrame({"place": rng.choice(places, 5_000, p=[*[0.7 / 60] * 60, 0.3])})
    lost = rng.normal(0, 1, len(now)) + (now["place"] == "new") * 1.0
    search = worst_slices(before, rng.normal(0, 1, len(before)), now, lost.to_numpy(), ["place"])
    assert search.worst[0].where == (("place", "new"),)
