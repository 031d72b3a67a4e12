"""What the switched faults do to the lab's visitors, to the rows on their way to the model, and to the labels."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from triage.lab import faults
from triage.lab.switches import Switched
from triage.lab.visitors import Batch

On = Mapping[str, Switched]


def upstream(batch: Batch, on: On, rng: np.random.Generator) -> Batch:
    """``batch`` as the pipeline delivers it: what is wrong here is wrong in training data to come, too."""
    features = batch.features
    for name, plant in _UPSTREAM.items():
        if name in on:
            features, _ = plant(features, rng, **on[name].settings)
    return replace(batch, features=features)


def as_served(features: pd.DataFrame, on: On, rng: np.random.Generator) -> pd.DataFrame:
    """``features`` as they reach the model, where serving computes one otherwise than the pipeline."""
    if "serving_skew" not in on:
        return features
    settings = on["serving_skew"].settings
    served, _ = faults.serving_skew(features, rng, [settings["feature"]], rows_late=int(settings["rows_late"]))
    return served


def settle(features: pd.DataFrame, converted: np.ndarray, on: On, rng: np.random.Generator) -> np.ndarray:
    """Who converts after all (n,) bool: a flipped concept loses the buyers whose ``feature`` is ``above`` a level."""
    if "concept_flip" not in on:
        return converted
    settings = on["concept_flip"].settings
    above = features[settings["feature"]].to_numpy() >= settings["above"]
    return converted & ~(above & (rng.random(len(converted)) < settings["severity"]))


def campaign_share(on: On) -> float:
    """Share of the visitors that a campaign brings from the new region."""
    return float(on["location_campaign"].settings["severity"]) if "location_campaign" in on else 0.0


def traffic_factor(on: On) -> float:
    """How much of the usual traffic comes."""
    return float(on["traffic_drop"].settings["factor"]) if "traffic_drop" in on else 1.0


def label_delay_seconds(on: On, usual_seconds: float) -> float:
    """How long after an offer its label arrives."""
    return usual_seconds + float(on["label_delay"].settings["seconds"]) if "label_delay" in on else usual_seconds


_UPSTREAM: Mapping[str, Callable[..., faults.Planted]] = {
    "null_flood": faults.null_flood,
    "unit_change": faults.unit_change,
    "category_rename": faults.category_rename,
    "harmless_season": faults.harmless_season,
}
