"""What the switched faults do to the lab's visitors, to the rows on their way to the model, and to the labels."""

from collections.abc import Mapping
from datetime import datetime

import numpy as np
import pandas as pd

from triage.lab.switches import Switched
from triage.lab.visitors import Batch

On = Mapping[str, Switched]


def upstream(batch: Batch, on: On, now: datetime, rng: np.random.Generator) -> Batch:
    return batch


def as_served(features: pd.DataFrame, on: On, now: datetime, rng: np.random.Generator) -> pd.DataFrame:
    return features


def settle(features: pd.DataFrame, converted: np.ndarray, on: On, rng: np.random.Generator) -> np.ndarray:
    return converted


def campaign_share(on: On) -> float:
    """Share of the visitors that a campaign brings from the new region."""
    return float(on["location_campaign"].settings["share"]) if "location_campaign" in on else 0.0


def traffic_factor(on: On) -> float:
    """How much of the usual traffic comes."""
    return float(on["traffic_drop"].settings["factor"]) if "traffic_drop" in on else 1.0


def label_delay_seconds(on: On, usual_seconds: float) -> float:
    """How long after an offer its label arrives."""
    return usual_seconds + float(on["label_delay"].settings["seconds"]) if "label_delay" in on else usual_seconds
