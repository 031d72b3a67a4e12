"""Who comes to the lab's shop and what they do: rows of the world's log, replayed as if it were now.

A visitor converts as the world's log says, as long as the model thinks as much of the offer as the world's champion
did. An offer that the served model scores lower is shown less prominently, and some of its conversions are lost; so
whatever spoils the scores costs conversions, and the champion itself changes nothing. Nothing is won by a higher
score: the log does not tell who else might have bought. Who waits long leaves; who gets no answer from the model is
shown the same best-sellers as everybody, which rarely fit.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

NEW_REGION_COLUMN = "user_location"
_DATED_COLUMNS = ("app_version", "outdoor_temperature_c")
_LEAST_PROMINENT = 0.1
_UNNOTICED_SECONDS = 0.25
_PATIENCE_SECONDS = 1.0
_BEST_SELLERS_FIT = 0.3


@dataclass(frozen=True, slots=True)
class Pool:
    """Rows to draw from: features, what the champion said of them, and whether they converted; all (n, …)."""

    features: "pd.DataFrame"
    champion_scores: np.ndarray
    converted: np.ndarray

    def __len__(self) -> int:
        return len(self.champion_scores)


@dataclass(frozen=True, slots=True)
class Batch:
    features: "pd.DataFrame"
    champion_scores: np.ndarray
    converted: np.ndarray


def read_pools(
    world: Path, key: str, time: str, recent: tuple[datetime, datetime], campaign_from: datetime, region: str
) -> tuple[Pool, Pool]:
    """Rows served in the span ``recent``, and those that the campaign brought (``region``, from ``campaign_from``).

    What goes with the date rather than with the visitor is, in the campaign's rows, that of the recent ones.
    """
    import pyarrow.dataset as ds

    log = ds.dataset(world / "impressions", partitioning=None).to_table().to_pandas()
    labels = ds.dataset(world / "conversions", partitioning=None).to_table([key, "converted"]).to_pandas()
    rows = log.merge(labels, on=key, how="inner")
    usual = rows[(rows[time] >= recent[0]) & (rows[time] < recent[1])]
    brought = rows[(rows[time] >= campaign_from) & (rows[NEW_REGION_COLUMN] == region)]
    dated = [name for name in _DATED_COLUMNS if name in rows]
    today = usual[dated].sample(len(brought), replace=True, random_state=0).set_axis(brought.index)
    return _pool(usual, key, time), _pool(brought.assign(**{name: today[name] for name in dated}), key, time)


def _pool(rows: "pd.DataFrame", key: str, time: str) -> Pool:
    features = rows.drop(columns=[key, time, "score", "model_version", "converted"]).reset_index(drop=True)
    return Pool(features, rows["score"].to_numpy(), rows["converted"].to_numpy().astype(bool))


class Visitors:
    """Draws batches of visitors; each row of a pool comes once before any comes twice."""

    def __init__(self, healthy: Pool, campaign: Pool, rng: np.random.Generator) -> None:
        self._healthy, self._campaign, self._rng = healthy, campaign, rng
        self._decks = {id(healthy): np.array([], dtype=int), id(campaign): np.array([], dtype=int)}

    def draw(self, count: int, at: datetime, campaign_share: float = 0.0) -> Batch:
        """``count`` visitors at ``at``, of whom about ``campaign_share`` come from the campaign's region."""
        import pandas as pd

        arrivals = int(self._rng.binomial(count, campaign_share)) if len(self._campaign) else 0
        drawn = [
            (pool, self._deal(pool, number))
            for pool, number in ((self._healthy, count - arrivals), (self._campaign, arrivals))
            if number
        ]
        features = pd.concat([pool.features.iloc[rows] for pool, rows in drawn], ignore_index=True)
        return Batch(
            _as_of(features, at),
            np.concatenate([pool.champion_scores[rows] for pool, rows in drawn]),
            np.concatenate([pool.converted[rows] for pool, rows in drawn]),
        )

    def decide(self, batch: Batch, scores: np.ndarray | None, waited_seconds: float) -> np.ndarray:
        """Who converts (n,) bool, given the served ``scores`` (n,), or None where the model did not answer."""
        kept = np.full(len(batch.converted), _BEST_SELLERS_FIT)
        if scores is not None:
            kept = prominence(scores) / prominence(batch.champion_scores)
        kept = kept * np.exp(-max(waited_seconds - _UNNOTICED_SECONDS, 0.0) / _PATIENCE_SECONDS)
        return batch.converted & (self._rng.random(len(kept)) < kept)

    def _deal(self, pool: Pool, number: int) -> np.ndarray:
        deck = self._decks[id(pool)]
        while len(deck) < number:
            deck = np.concatenate([deck, self._rng.permutation(len(pool))])
        self._decks[id(pool)] = deck[number:]
        return deck[:number]


def prominence(scores: np.ndarray) -> np.ndarray:
    """How visible an offer is, in (0, 1]: a logistic of its log-odds around one in ten."""
    clipped = np.clip(scores, 1e-4, 1 - 1e-4)
    return _LEAST_PROMINENT + (1 - _LEAST_PROMINENT) / (1 + (1 - clipped) / clipped / 9.0)


def _as_of(features: "pd.DataFrame", at: datetime) -> "pd.DataFrame":
    """The calendar's columns as they are at ``at``."""
    calendar = {"hour_of_day": at.hour, "day_of_week": at.weekday(), "is_weekend": at.weekday() >= 5}
    known = {name: value for name, value in calendar.items() if name in features}
    return features.assign(**known).astype({name: features[name].dtype for name in known})
