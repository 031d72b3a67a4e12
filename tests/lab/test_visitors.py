from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.errors import DataError
from triage.lab.visitors import Pool, Visitors, chances, fit, likings, pool_of
from triage.lab.worlds.story_outcome import draw_taste, keep_taste
from triage.lab.worlds.story_rows import NEW_REGION, draw_rows, regions
from triage.lab.worlds.table import to_arrow

NIGHT = datetime(2026, 11, 21, 3, tzinfo=UTC)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    keep_taste(folder, replace(draw_taste(np.random.default_rng(3), regions()), intercept=-2.9, new_intercept=-3.4))
    return folder


def pool(world: Path, count: int, from_the_new_region: bool) -> Pool:
    """Rows with what the champion ``said``: it knows the regions of old, and takes the new one for one of them."""
    seconds = np.full(count, NIGHT.timestamp())
    rng = np.random.default_rng(count)
    drawn = to_arrow(draw_rows(rng, seconds, np.full(count, from_the_new_region))).to_pandas()
    at_home = likings(drawn.assign(user_location=drawn["user_location"].replace(NEW_REGION, "DE-BE")), world)
    said = 1 / (1 + (1 - at_home) / at_home * np.exp(rng.normal(0, 0.35, count)))
    return pool_of(drawn.assign(row=np.arange(count), said=said), said, world)


@pytest.fixture(scope="module")
def pools(world: Path) -> tuple[Pool, Pool]:
    return pool(world, 20_000, False), pool(world, 3_000, True)


@pytest.fixture
def visitors(pools: tuple[Pool, Pool]) -> Visitors:
    return Visitors(*pools, np.random.default_rng(5))


def test_every_row_comes_once_before_any_comes_twice(visitors):
    drawn = pd.concat([visitors.draw(1000, NIGHT).features for _ in range(20)])
    assert drawn["row"].is_unique
    assert not set(visitors.draw(10, NIGHT).features["row"]) - set(drawn["row"])


def test_the_calendar_is_that_of_now_and_keeps_its_types(visitors):
    features = visitors.draw(10, NIGHT).features
    assert set(features["hour_of_day"]) == {3}
    assert set(features["day_of_week"]) == {5}
    assert features["is_weekend"].all()
    assert features["is_weekend"].dtype == bool


def test_a_campaign_brings_its_share(visitors):
    drawn = visitors.draw(4000, NIGHT, campaign_share=0.3).features
    assert (drawn["user_location"] == NEW_REGION).mean() == pytest.approx(0.3, abs=0.04)


def test_under_the_worlds_champion_each_row_converts_as_in_the_log(visitors):
    batch = visitors.draw(10_000, NIGHT, campaign_share=0.3)
    assert chances(batch, batch.features["said"].to_numpy()) == pytest.approx(batch.liking)
    converted = visitors.decide(batch, batch.features["said"].to_numpy(), waited_seconds=0.1)
    assert converted.mean() == pytest.approx(batch.liking.mean(), rel=0.12)


def test_a_model_that_knows_the_new_region_converts_more_of_it_and_hardly_more_elsewhere(pools):
    usual, brought = pools
    gained = [chances(one, one.liking).mean() / one.liking.mean() for one in (usual, brought)]
    assert gained[0] == pytest.approx(1.0, abs=0.12)
    assert gained[1] > 1.3


def test_the_nearer_the_scores_to_what_visitors_like_the_more_convert(pools):
    _, brought = pools
    odds = [np.log(p / (1 - p)) for p in (brought.features["said"].to_numpy(), brought.liking)]
    won = [
        chances(brought, 1 / (1 + np.exp(-(1 - share) * odds[0] - share * odds[1]))).sum()
        for share in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    assert won == sorted(won)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda scores: np.random.default_rng(1).permutation(scores),
        lambda scores: scores / 4,
        lambda scores: np.full_like(scores, scores.mean()),
        lambda scores: np.ones_like(scores),
    ],
    ids=["shuffled", "a quarter", "all alike", "sure of everything"],
)
def test_spoiled_scores_cost_conversions(pools, spoil):
    usual, _ = pools
    assert chances(usual, spoil(usual.features["said"].to_numpy())).mean() < 0.9 * usual.liking.mean()


def test_who_waits_long_leaves(visitors):
    batch = visitors.draw(20_000, NIGHT)
    left = visitors.decide(batch, batch.features["said"].to_numpy(), waited_seconds=0.75)
    assert left.sum() == pytest.approx(np.exp(-0.5) * batch.liking.sum(), rel=0.1)


def test_best_sellers_fit_few_when_the_model_does_not_answer(visitors):
    batch = visitors.draw(20_000, NIGHT)
    left = visitors.decide(batch, None, waited_seconds=0.1)
    assert left.sum() == pytest.approx(0.3 * batch.liking.sum(), rel=0.15)


def test_what_happens_to_the_rows_on_their_way_changes_nobodys_mind(visitors):
    batch = visitors.draw(100, NIGHT)
    spoiled = replace(batch, features=batch.features.assign(item_price_eur=0.0))
    scores = batch.features["said"].to_numpy()
    assert (chances(spoiled, scores) == chances(batch, scores)).all()


def test_a_world_that_keeps_no_taste_is_named_with_what_to_do(tmp_path, pools):
    with pytest.raises(DataError, match="does not say what its visitors like") as raised:
        likings(pools[0].features, tmp_path)
    assert "start the lab again" in raised.value.hint


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_score_that_is_nearer_never_fits_worse(liking, score, other):
    def odds(chance):
        clipped = np.clip(chance, 1e-4, 1 - 1e-4)
        return np.log(clipped / (1 - clipped))

    near, far = sorted((score, other), key=lambda one: abs(odds(one) - odds(liking)))
    fits = fit(np.array([near, far]), np.array([liking, liking]))
    assert fits[0] >= fits[1] > 0
    assert fits[0] <= 1
