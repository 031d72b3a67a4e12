"""What happened in the story: rows with outcomes over two months, and the same months without the campaign."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from scipy.special import expit, logit

from triage.lab.worlds.story_outcome import Taste, chance, draw_conversions, draw_taste, log_odds, settle
from triage.lab.worlds.story_rows import NEW_REGION, Regions, draw_rows, draw_times, regions
from triage.lab.worlds.table import DAY_SECONDS, Columns, coded

TRAINING = datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 10, 3, tzinfo=UTC)
SERVING = datetime(2026, 10, 5, tzinfo=UTC), datetime(2026, 11, 4, tzinfo=UTC)
CAMPAIGN = datetime(2026, 11, 2, tzinfo=UTC)
HEALTHY_DAYS = 14
CALENDAR = ("hour_of_day", "day_of_week", "is_weekend")

CAMPAIGN_SHARE = 0.27
_RAMP_SECONDS = 1800.0
_HEALTHY_RATE = 0.1
_DROP = 0.153
_TRAINING_ROWS_PER_SERVED = 0.375
_DECOYS = (*CALENDAR, "outdoor_temperature_c", "session_length_s", "pages_viewed", "app_version")
_MOVED_ALONG = ("language", "device_type", "traffic_source", "timezone_offset_minutes", "tenure_days", "orders_90d")


@dataclass(frozen=True, slots=True)
class Log:
    """Impressions in order of time. ``seconds`` since 1970, ``chances`` of a conversion and ``converted``, all (n,)."""

    columns: Columns
    seconds: np.ndarray
    chances: np.ndarray
    converted: np.ndarray


@dataclass(frozen=True, slots=True)
class History:
    """``rate`` gives the expected part of impressions that convert at Unix times (n,); ``taste`` is who converts."""

    training: Log
    serving: Log
    rate: Callable[[np.ndarray], np.ndarray]
    truth: dict[str, Any]
    taste: Taste


def draw_history(rng: np.random.Generator, rows: int) -> History:
    """``rows`` served impressions, and the training rows before them."""
    place = regions()
    visitors, outcome = rng.spawn(2)
    seen = draw_times(visitors, *TRAINING, round(rows * _TRAINING_ROWS_PER_SERVED))
    served = draw_times(visitors, *SERVING, rows)
    since = served - CAMPAIGN.timestamp()
    incident = since >= 0
    healthy = ~incident & (since >= -HEALTHY_DAYS * DAY_SECONDS)
    arrivals = visitors.random(rows) < _campaign_share(served)
    seed = int(visitors.integers(2**63))
    columns = draw_rows(np.random.default_rng(seed), served, arrivals)
    without = draw_rows(np.random.default_rng(seed), served, np.zeros(rows, dtype=bool))
    before = draw_rows(visitors, seen, np.zeros(len(seen), dtype=bool))

    taste = draw_taste(outcome, place)
    moods = _daily_moods(outcome)
    mood = _on_day(moods, served)
    new = coded(columns, "user_location").codes == place.new
    taste = settle(taste, log_odds(columns, taste, place) + mood, new, healthy, incident, _HEALTHY_RATE, _DROP)
    training = _log(outcome, before, seen, _chances(before, taste, place, 0.0))
    serving = _log(outcome, columns, served, _chances(columns, taste, place, mood))

    only_location = without | {"user_location": columns["user_location"]}
    rates = {
        "healthy": _mean(serving.chances[healthy]),
        "incident": _mean(serving.chances[incident]),
        "incident_without_campaign": _mean(_chances(without, taste, place, mood)[incident]),
        "incident_with_only_user_location_moved": _mean(_chances(only_location, taste, place, mood)[incident]),
        "incident_in_new_region": _mean(serving.chances[incident & new]),
        "incident_elsewhere": _mean(serving.chances[incident & ~new]),
        "healthy_observed": _mean(serving.converted[healthy]),
        "incident_observed": _mean(serving.converted[incident]),
    }
    shares = {
        "training": coded(before, "user_location").share(NEW_REGION),
        "healthy": _mean(new[healthy]),
        "incident": _mean(new[incident]),
    }
    calm = serving.chances.mean(where=healthy), serving.chances.mean(where=incident & new)
    levels = [logit(rate) - mood.mean(where=rows) for rate, rows in zip(calm, (healthy, incident), strict=True)]

    def rate(seconds: np.ndarray) -> np.ndarray:
        share, mood = _campaign_share(seconds), _on_day(moods, seconds)
        return (1 - share) * expit(levels[0] + mood) + share * expit(levels[1] + mood)

    return History(training, serving, rate, _truth(rates, shares), taste)


def _log(rng: np.random.Generator, columns: Columns, seconds: np.ndarray, chances: np.ndarray) -> Log:
    return Log(columns, seconds, chances, draw_conversions(rng, chances, (seconds // DAY_SECONDS).astype(np.int64)))


def _chances(columns: Columns, taste: Taste, place: Regions, mood: np.ndarray | float) -> np.ndarray:
    return chance(log_odds(columns, taste, place) + mood, coded(columns, "user_location").codes == place.new, taste)


def _daily_moods(rng: np.random.Generator) -> np.ndarray:
    """What moves all conversions a little, in log-odds by day of serving; half as much in the incident's days."""
    moods = rng.normal(0, 0.02, (SERVING[1] - SERVING[0]).days)
    moods[(CAMPAIGN - SERVING[0]).days :] *= 0.5
    return moods


def _on_day(moods: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    day = ((seconds - SERVING[0].timestamp()) // DAY_SECONDS).astype(np.int64)
    return moods[day.clip(max=len(moods) - 1)]


def _campaign_share(seconds: np.ndarray) -> np.ndarray:
    """The part of visitors (n,) that the campaign brought."""
    return CAMPAIGN_SHARE * np.clip((seconds - CAMPAIGN.timestamp()) / _RAMP_SECONDS, 0, 1)


def _mean(values: np.ndarray) -> float:
    return round(float(values.mean()), 6)


def _truth(rates: dict[str, float], shares: dict[str, float]) -> dict[str, Any]:
    """What was planted, with the share of the drop that the counterfactual gives to ``user_location`` alone."""
    fell = rates["healthy"] - rates["incident"]
    by_location = rates["incident_without_campaign"] - rates["incident_with_only_user_location_moved"]
    by_campaign = rates["incident_without_campaign"] - rates["incident"]
    return {
        "cause": {
            "kind": "feature_drift",
            "subject": "user_location",
            "value": NEW_REGION,
            "onset": CAMPAIGN.isoformat(),
            "share_of_drop": round(by_location / fell, 4),
        },
        "statement": (
            f"A campaign raised {NEW_REGION} from {shares['healthy']:.1%} to {shares['incident']:.1%} of impressions. "
            "The champion has seen next to nothing of that region and pools it with other rare ones. "
            "P(conversion | row) is one function throughout."
        ),
        "windows": {
            "training": [moment.isoformat() for moment in TRAINING],
            "incident": [moment.isoformat() for moment in (CAMPAIGN, SERVING[1])],
            "healthy_days": HEALTHY_DAYS,
        },
        "conversion": rates,
        "relative_drop": round(fell / rates["healthy"], 4),
        "share_of_drop_by_whole_campaign": round(by_campaign / fell, 4),
        "new_region_share": shares,
        "moved_along": list(_MOVED_ALONG),
        "harmless": list(_DECOYS),
        "infrastructure": "healthy",
        "remedy": "retrain on the last 7 days, which hold the new region",
        "labels": "drawn by systematic sampling in random order within each day, so daily rates are the expected ones",
    }
