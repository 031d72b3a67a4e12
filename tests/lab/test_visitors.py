from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.lab.visitors import Pool, Visitors, prominence

NIGHT = datetime(2026, 11, 21, 3, tzinfo=UTC)


def pool(rows: int, region: str) -> Pool:
    rng = np.random.default_rng(rows)
    features = pd.DataFrame(
        {
            "row": np.arange(rows),
            "user_location": region,
            "hour_of_day": 12,
            "day_of_week": 1,
            "is_weekend": False,
        }
    )
    scores = rng.beta(2, 18, rows)
    return Pool(features, scores, rng.random(rows) < scores)


@pytest.fixture
def visitors() -> Visitors:
    return Visitors(pool(20_000, "DE-BE"), pool(500, "CH-ZH"), np.random.default_rng(5))


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
    assert (drawn["user_location"] == "CH-ZH").mean() == pytest.approx(0.3, abs=0.04)


def test_the_champions_own_scores_change_nothing(visitors):
    batch = visitors.draw(5000, NIGHT)
    assert (visitors.decide(batch, batch.champion_scores, waited_seconds=0.1) == batch.converted).all()


def test_who_waits_long_leaves(visitors):
    batch = visitors.draw(20_000, NIGHT)
    left = visitors.decide(batch, batch.champion_scores, waited_seconds=0.75)
    assert left.sum() == pytest.approx(np.exp(-0.5) * batch.converted.sum(), rel=0.1)


def test_best_sellers_fit_few_when_the_model_does_not_answer(visitors):
    batch = visitors.draw(20_000, NIGHT)
    left = visitors.decide(batch, None, waited_seconds=0.1)
    assert left.sum() == pytest.approx(0.3 * batch.converted.sum(), rel=0.15)


def test_scores_of_another_model_cost_conversions_and_win_none(visitors):
    batch = visitors.draw(20_000, NIGHT)
    strange = np.random.default_rng(1).permutation(batch.champion_scores)
    left = visitors.decide(batch, strange, waited_seconds=0.1)
    assert left.sum() < 0.93 * batch.converted.sum()
    assert not (left & ~batch.converted).any()


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_a_higher_score_is_never_less_prominent(scores):
    seen = prominence(np.sort(np.array(scores)))
    assert (np.diff(seen) >= 0).all()
    assert ((seen > 0) & (seen <= 1)).all()
