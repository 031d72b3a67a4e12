"""Who comes to the lab's shop and what they do: rows of the world's log, replayed as if it were now.

**Latent demand.** Each visitor has a real preference: the chance ``liking`` with which the row converts in the world
(`story_outcome.chance` of its true features, whatever reaches the model). The shop composes its page by the score, so
a page fits a visitor the better, the nearer the score is to that preference. With ``error`` the distance of the two in
log-odds, ``fit = 0.1 + 0.9 exp(-½ (max(0, error - 0.3) / 0.5)²)``: a small error goes unnoticed, such as the world's
champion makes where it knows its way; a page that misses altogether still sells a tenth.

What a visitor would buy from a page that fits is ``demand = liking / fit(the champion's score in the log)``, and a
served score makes them buy with the chance ``demand * fit(score)``. So

- under the world's own champion each row converts with exactly its ``liking``: as in the log, before, during and after
  a campaign, hence no step between the history that was backfilled and what is served live;
- a model that scores better converts more: in a region that the champion misjudges there is demand to be won;
- whatever spoils the scores (nulls, a unit, another encoding, another version) costs conversions.

Each visit draws its own outcome. Who waits long leaves; who gets no answer from the model is shown the same
best-sellers as everybody, which rarely fit.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from triage.errors import DataError
from triage.lab.worlds.story_outcome import chance, kept_taste, log_odds
from triage.lab.worlds.story_rows import BRANDS, CATEGORIES, DEVICES, NEW_REGION, regions
from triage.lab.worlds.table import Coded, Columns

if TYPE_CHECKING:
    import pandas as pd

_DATED_COLUMNS = ("app_version", "outdoor_temperature_c")
_LEAST_FIT = 0.1
_UNNOTICED_LOG_ODDS = 0.3
_TOLERATED_LOG_ODDS = 0.5
_UNNOTICED_SECONDS = 0.25
_PATIENCE_SECONDS = 1.0
_BEST_SELLERS_FIT = 0.3


@dataclass(frozen=True, slots=True)
class Pool:
    """Rows to draw from: features (n, …); ``liking`` (n,), the chance of a conversion in the world; ``demand`` (n,),
    the chance from a page that fits."""

    features: "pd.DataFrame"
    liking: np.ndarray
    demand: np.ndarray

    def __len__(self) -> int:
        return len(self.liking)


@dataclass(frozen=True, slots=True)
class Batch:
    """Visitors that came: as in `Pool`. What happens to ``features`` on their way changes nobody's mind."""

    features: "pd.DataFrame"
    liking: np.ndarray
    demand: np.ndarray

    def __len__(self) -> int:
        return len(self.liking)

    def take(self, rows: np.ndarray) -> "Batch":
        return Batch(self.features.iloc[rows], self.liking[rows], self.demand[rows])


def read_pools(
    world: Path, key: str, time: str, recent: tuple[datetime, datetime], campaign_from: datetime, region: str
) -> tuple[Pool, Pool]:
    """Rows served in the span ``recent``, and those that the campaign brought (``region``, from ``campaign_from``).

    What goes with the date rather than with the visitor is, in the campaign's rows, that of the recent ones.
    Raises DataError where the world does not keep what its visitors like.
    """
    import pyarrow.dataset as ds

    rows = ds.dataset(world / "impressions", partitioning=None).to_table().to_pandas()
    usual = rows[(rows[time] >= recent[0]) & (rows[time] < recent[1])]
    brought = rows[(rows[time] >= campaign_from) & (rows["user_location"] == region)]
    dated = [name for name in _DATED_COLUMNS if name in rows]
    today = usual[dated].sample(len(brought), replace=True, random_state=0).set_axis(brought.index)
    leave_out = [key, time, "score", "model_version"]
    return (
        pool_of(usual.drop(columns=leave_out), usual["score"].to_numpy(), world),
        pool_of(
            brought.assign(**{name: today[name] for name in dated}).drop(columns=leave_out),
            brought["score"].to_numpy(),
            world,
        ),
    )


def pool_of(features: "pd.DataFrame", champion_scores: np.ndarray, world: Path) -> Pool:
    """``features`` (n, …) as they truly are, and what the world's champion said of them (n,)."""
    liking = likings(features, world)
    return Pool(features.reset_index(drop=True), liking, liking / fit(champion_scores, liking))


def likings(features: "pd.DataFrame", world: Path) -> np.ndarray:
    """The chance (n,) with which each row converts in the ``world``. Raises DataError."""
    import pandas as pd

    try:
        taste = kept_taste(world)
    except (OSError, ValueError, TypeError) as error:
        raise DataError(
            f"{world} does not say what its visitors like: {error}", hint=f"delete {world} and start the lab again"
        ) from error
    place = regions()
    known = {"user_location": place.names, "item_category": CATEGORIES, "item_brand": BRANDS, "device_type": DEVICES}
    columns: Columns = {
        str(name): Coded(pd.Categorical(features[name], categories=known[name]).codes.astype(np.int64), known[name])
        if name in known
        else features[name].to_numpy()
        for name in features
    }
    new = (features["user_location"] == NEW_REGION).to_numpy()
    return chance(log_odds(columns, taste, place), new, taste)


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
            np.concatenate([pool.liking[rows] for pool, rows in drawn]),
            np.concatenate([pool.demand[rows] for pool, rows in drawn]),
        )

    def decide(self, batch: Batch, scores: np.ndarray | None, waited_seconds: float) -> np.ndarray:
        """Who converts (n,) bool, given the served ``scores`` (n,), or None where the model did not answer."""
        stays = np.exp(-max(waited_seconds - _UNNOTICED_SECONDS, 0.0) / _PATIENCE_SECONDS)
        return self._rng.random(len(batch)) < stays * chances(batch, scores)

    def _deal(self, pool: Pool, number: int) -> np.ndarray:
        deck = self._decks[id(pool)]
        while len(deck) < number:
            deck = np.concatenate([deck, self._rng.permutation(len(pool))])
        self._decks[id(pool)] = deck[number:]
        return deck[:number]


def chances(batch: Batch, scores: np.ndarray | None) -> np.ndarray:
    """The chance (n,) with which each visitor converts who is answered at once; ``scores`` as in `Visitors.decide`."""
    if scores is None:
        return _BEST_SELLERS_FIT * batch.liking
    return np.minimum(batch.demand * fit(scores, batch.liking), 1.0)


def fit(scores: np.ndarray, liking: np.ndarray) -> np.ndarray:
    """How well a page made by ``scores`` (n,) fits visitors of these likings (n,), in (0, 1]; 1 where they agree."""
    error = np.abs(_log_odds(scores) - _log_odds(liking))
    noticed = np.maximum(error - _UNNOTICED_LOG_ODDS, 0.0) / _TOLERATED_LOG_ODDS
    return _LEAST_FIT + (1 - _LEAST_FIT) * np.exp(-0.5 * noticed**2)


def _log_odds(chance: np.ndarray) -> np.ndarray:
    clipped = np.clip(chance, 1e-4, 1 - 1e-4)
    return np.log(clipped / (1 - clipped))


def _as_of(features: "pd.DataFrame", at: datetime) -> "pd.DataFrame":
    """The calendar's columns as they are at ``at``."""
    calendar = {"hour_of_day": at.hour, "day_of_week": at.weekday(), "is_weekend": at.weekday() >= 5}
    known = {name: value for name, value in calendar.items() if name in features}
    return features.assign(**known).astype({name: features[name].dtype for name in known})
