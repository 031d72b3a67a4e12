"""What the switched faults do to the lab's visitors, to the rows on their way to the model, and to the labels."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from triage.lab.switches import Switched
from triage.lab.visitors import Batch

On = Mapping[str, Switched]
Settings = Mapping[str, Any]
_Change = Callable[[pd.DataFrame, Settings, np.random.Generator], pd.DataFrame]


def upstream(batch: Batch, on: On, rng: np.random.Generator) -> Batch:
    """``batch`` as the pipeline delivers it: what is wrong here is wrong in training data to come, too."""
    features = batch.features
    for name, change in _UPSTREAM.items():
        if name in on:
            features = change(features, on[name].settings, rng)
    return replace(batch, features=features)


def as_served(features: pd.DataFrame, on: On) -> pd.DataFrame:
    """``features`` as they reach the model, where serving computes one otherwise than the pipeline."""
    if "serving_skew" not in on:
        return features
    settings = on["serving_skew"].settings
    return _times(features, settings["column"], settings["factor"])


def settle(features: pd.DataFrame, converted: np.ndarray, on: On, rng: np.random.Generator) -> np.ndarray:
    """Who converts after all (n,) bool: a flipped concept loses buyers where the column is above its median."""
    if "concept_flip" not in on:
        return converted
    settings = on["concept_flip"].settings
    above = features[settings["column"]].to_numpy() >= settings["above"]
    return converted & ~(above & (rng.random(len(converted)) < settings["share"]))


def campaign_share(on: On) -> float:
    """Share of the visitors that a campaign brings from the new region."""
    return float(on["location_campaign"].settings["share"]) if "location_campaign" in on else 0.0


def traffic_factor(on: On) -> float:
    """How much of the usual traffic comes."""
    return float(on["traffic_drop"].settings["factor"]) if "traffic_drop" in on else 1.0


def label_delay_seconds(on: On, usual_seconds: float) -> float:
    """How long after an offer its label arrives."""
    return usual_seconds + float(on["label_delay"].settings["seconds"]) if "label_delay" in on else usual_seconds


def _null_flood(features: pd.DataFrame, settings: Settings, rng: np.random.Generator) -> pd.DataFrame:
    name = str(settings["column"])
    empty = pd.Series(rng.random(len(features)) < settings["share"], index=features.index)
    return features.assign(**{name: features[name].mask(empty)})


def _unit_change(features: pd.DataFrame, settings: Settings, rng: np.random.Generator) -> pd.DataFrame:
    return _times(features, settings["column"], settings["factor"])


def _category_rename(features: pd.DataFrame, settings: Settings, rng: np.random.Generator) -> pd.DataFrame:
    name = str(settings["column"])
    return features.assign(**{name: features[name].str.upper()})


def _harmless_season(features: pd.DataFrame, settings: Settings, rng: np.random.Generator) -> pd.DataFrame:
    colder = features["outdoor_temperature_c"] - settings["colder_c"]
    longer = (features["session_length_s"] * settings["longer"]).round()
    return features.assign(outdoor_temperature_c=colder, session_length_s=longer)


def _times(features: pd.DataFrame, column: str, factor: float) -> pd.DataFrame:
    return features.assign(**{column: features[column] * factor})


_UPSTREAM: Mapping[str, _Change] = {
    "null_flood": _null_flood,
    "unit_change": _unit_change,
    "category_rename": _category_rename,
    "harmless_season": _harmless_season,
}
