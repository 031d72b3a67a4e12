"""The story's visitors after the alert: they go on coming, and what they are shown depends on the version that answers.

In the regions of old, what is shown is as in the log: every version of the recommender knows its way there. In the new
region the shop has a hundred offers for a slot and shows the one that the version scores highest; who buys it is the
story's own taste. It is set so that the champion's choices sell as in the incident: whatever sells better afterwards
comes from better choices.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from triage.lab.traffic.simulation import Predict, Served
from triage.lab.worlds.story_history import CAMPAIGN_SHARE
from triage.lab.worlds.story_outcome import Taste, chance, kept_taste, log_odds
from triage.lab.worlds.story_rows import Regions, draw_rows, regions
from triage.lab.worlds.table import Coded, Columns, coded, to_arrow

OFFERS = 100
_OF_THE_OFFER = (
    "item_category",
    "item_brand",
    "item_price_eur",
    "item_discount_pct",
    "item_rating",
    "item_stock",
    "delivery_days",
    "user_item_affinity",
)
_ROWS_TO_SETTLE = 1_500
_ALL_OFFERS = 40_000


class StoryVisitors:
    """``rate`` is the part of the new region that converts with the offers that ``champion`` chooses."""

    def __init__(self, folder: Path, champion: Predict, rate: float, at: float, rng: np.random.Generator) -> None:
        self._place: Regions = regions()
        self._taste: Taste = kept_taste(folder)
        self._offers = draw_rows(rng, np.zeros(_ALL_OFFERS), np.zeros(_ALL_OFFERS, dtype=bool))
        seconds = np.full(_ROWS_TO_SETTLE, at)
        shown, _ = self._chosen(rng, draw_rows(rng, seconds, np.ones(len(seconds), dtype=bool)), champion)
        self._taste = _settled(self._taste, log_odds(shown, self._taste, self._place), rate)

    def serve(self, rng: np.random.Generator, seconds: np.ndarray, predict: Predict) -> Served:
        arrivals = rng.random(len(seconds)) < CAMPAIGN_SHARE
        drawn = draw_rows(rng, seconds, arrivals)
        new = coded(drawn, "user_location").codes == self._place.new
        shown, scores = dict(drawn), np.zeros(len(seconds))
        for rows, choose in ((np.flatnonzero(~new), False), (np.flatnonzero(new), True)):
            if not len(rows):
                continue
            part = _take(drawn, rows)
            if choose:
                part, scores[rows] = self._chosen(rng, part, predict)
                shown = _put(shown, rows, part)
            else:
                scores[rows] = predict(_frame(part))
        odds = log_odds(shown, self._taste, self._place)
        return Served(_frame(shown), scores, chance(odds, new, self._taste))

    def _chosen(self, rng: np.random.Generator, visitors: Columns, predict: Predict) -> tuple[Columns, np.ndarray]:
        """Each visitor beside the best of many offers, by what the version thinks of them; with its scores."""
        n = len(coded(visitors, "user_location").codes)
        many = np.repeat(np.arange(n), OFFERS)
        picked = rng.integers(_ALL_OFFERS, size=len(many))
        offers = _take({name: self._offers[name] for name in _OF_THE_OFFER}, picked)
        asked = _take(visitors, many) | offers
        scores = np.asarray(predict(_frame(asked))).reshape(n, OFFERS)
        best = np.arange(n) * OFFERS + scores.argmax(axis=1)
        return _take(asked, best), scores.max(axis=1)


def _settled(taste: Taste, odds: np.ndarray, rate: float) -> Taste:
    from scipy.optimize import brentq

    everywhere = np.ones(len(odds), dtype=bool)

    def gap(value: float) -> float:
        return float(chance(odds, everywhere, replace(taste, new_intercept=value)).mean()) - rate

    return replace(taste, new_intercept=brentq(gap, -15.0, 5.0))


def _take(columns: Columns, rows: np.ndarray) -> Columns:
    return {name: column.take(rows) if isinstance(column, Coded) else column[rows] for name, column in columns.items()}


def _put(columns: Columns, rows: np.ndarray, part: Columns) -> Columns:
    """``columns`` with ``part`` in place of ``rows``."""
    made: Columns = {}
    for name, column in columns.items():
        other = part[name]
        if isinstance(column, Coded) and isinstance(other, Coded):
            codes = column.codes.copy()
            codes[rows] = other.codes
            made[name] = Coded(codes, column.values)
        elif isinstance(column, np.ndarray) and isinstance(other, np.ndarray):
            values = column.astype(np.result_type(column, other), copy=True)
            values[rows] = other
            made[name] = values
    return made


def _frame(columns: Columns) -> pd.DataFrame:
    return to_arrow(columns).to_pandas()
