"""Who converts: one function of the row, the same before, during and after the campaign.

The new region differs from the others in what its people answer to: prices (customs on top) and delivery times weigh
far more there, and other brands are liked. The region is in the training data, but rare, so the champion has never
learned that. When the campaign makes the region large, P(outcome | row) is as it was; only the rows are others.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from triage.lab.worlds.story_rows import BRANDS, CATEGORIES, Regions
from triage.lab.worlds.table import Columns, coded

_KEPT = "taste.json"


@dataclass(frozen=True, slots=True)
class Taste:
    """Coefficients on the log-odds of a conversion. ``new_*`` hold in the new region."""

    intercept: float
    new_intercept: float
    region: np.ndarray
    category: np.ndarray
    new_category: np.ndarray
    brand: np.ndarray
    new_brand: np.ndarray


def draw_taste(rng: np.random.Generator, place: Regions) -> Taste:
    return Taste(
        intercept=-2.6,
        new_intercept=-2.6,
        region=rng.normal(0, 0.08, len(place.names)),
        category=rng.normal(0, 0.3, len(CATEGORIES)),
        new_category=rng.normal(0, 0.5, len(CATEGORIES)),
        brand=rng.normal(0, 0.22, len(BRANDS)),
        new_brand=rng.normal(0, 0.3, len(BRANDS)),
    )


def keep_taste(folder: Path, taste: Taste) -> None:
    """Write ``taste`` beside the world, for those who let its visitors come again."""
    document = {name: np.asarray(getattr(taste, name)).tolist() for name in Taste.__dataclass_fields__}
    (folder / _KEPT).write_text(json.dumps(document), encoding="utf-8")


def kept_taste(folder: Path) -> Taste:
    """The inverse of `keep_taste`."""
    kept = json.loads((folder / _KEPT).read_text(encoding="utf-8"))
    shaped: dict[str, Any] = {name: np.array(one) if isinstance(one, list) else one for name, one in kept.items()}
    return Taste(**shaped)


def log_odds(columns: Columns, taste: Taste, place: Regions) -> np.ndarray:
    """Log-odds of a conversion (n,), without the intercept; float64."""
    location = coded(columns, "user_location").codes
    new = location == place.new
    category = coded(columns, "item_category").codes
    brand = coded(columns, "item_brand").codes
    price = (np.log(_numbers(columns, "item_price_eur")) - 3.2) / 0.8
    delivery = _numbers(columns, "delivery_days") - 3.0
    affinity = _numbers(columns, "user_item_affinity") - 0.4
    discount = _numbers(columns, "item_discount_pct") / 10.0
    recency = np.nan_to_num(_numbers(columns, "days_since_last_order"), nan=90.0) / 30.0
    shared = (
        0.35 * np.nan_to_num(_numbers(columns, "item_rating") - 4.1, nan=0.0)
        - 0.08 * (_numbers(columns, "slot_position") - 1)
        + 0.25 * np.log1p(_numbers(columns, "orders_90d"))
        - 0.12 * recency
        + 0.35 * _numbers(columns, "is_member")
        + 0.15 * _numbers(columns, "push_enabled")
        + 0.05 * np.log1p(_numbers(columns, "basket_value_eur"))
        - 0.1 * np.nan_to_num(((_numbers(columns, "user_age_years") - 38) / 15) ** 2, nan=0.8)
        + np.array([-0.05, 0.1, 0.04, -0.1])[coded(columns, "device_type").codes]
        + taste.region[location]
    )
    usual = (
        2.2 * affinity
        - 0.35 * price
        + 0.18 * discount
        - 0.08 * delivery
        + taste.category[category]
        + taste.brand[brand]
    )
    there = (
        0.7 * affinity
        - 1.1 * price
        - 0.05 * discount
        - 0.5 * delivery
        + taste.new_category[category]
        + taste.new_brand[brand]
    )
    return shared + np.where(new, there, usual)


def chance(odds: np.ndarray, new: np.ndarray, taste: Taste) -> np.ndarray:
    """Probability of a conversion (n,) from `log_odds`; ``new`` (n,) bool marks rows of the new region."""
    return 1.0 / (1.0 + np.exp(-odds - np.where(new, taste.new_intercept, taste.intercept)))


def settle(
    taste: Taste, odds: np.ndarray, new: np.ndarray, healthy: np.ndarray, incident: np.ndarray, rate: float, drop: float
) -> Taste:
    """Choose both intercepts: healthy rows convert at ``rate``, the incident's at ``rate * (1 - drop)``."""
    from scipy.optimize import brentq

    def healthy_gap(value: float) -> float:
        return float(chance(odds[healthy], new[healthy], replace(taste, intercept=value)).mean()) - rate

    def incident_gap(value: float) -> float:
        return float(chance(odds[incident], new[incident], replace(taste, new_intercept=value)).mean()) - rate * (
            1 - drop
        )

    for _ in range(3):
        taste = replace(taste, intercept=brentq(healthy_gap, -8.0, 2.0))
        taste = replace(taste, new_intercept=brentq(incident_gap, -12.0, 2.0))
    return taste


def draw_conversions(rng: np.random.Generator, chances: np.ndarray, day: np.ndarray) -> np.ndarray:
    """Outcomes (n,) bool with the given chances, whose number per day is the expected one, rounded at random.

    Systematic sampling in random order within each day (Madow 1949): each row keeps its own chance, and the rate of a
    48-hour window is not blurred by two or three points of sampling noise, which would drown the planted figure.
    """
    order = np.lexsort((rng.random(len(day)), day))
    ticks = np.floor(np.cumsum(chances[order]) + rng.random())
    converted = np.empty(len(day), dtype=bool)
    converted[order] = np.diff(ticks, prepend=0.0) > 0
    return converted


def _numbers(columns: Columns, name: str) -> np.ndarray:
    column = columns[name]
    assert isinstance(column, np.ndarray), name
    return column.astype(float)
