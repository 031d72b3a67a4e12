"""The current window's loss if one feature had kept its healthy distribution."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from triage.drift.attribution.game import Predict, scores
from triage.drift.attribution.transport import carry, fit_transport
from triage.drift.losses import Loss

MIN_LABELLED = 50


@dataclass(frozen=True, slots=True)
class Incident:
    """Labelled rows of the current window (n) and what the model loses on each of them as they are (n,)."""

    rows: pd.DataFrame
    truth: np.ndarray
    losses: np.ndarray

    @property
    def loss(self) -> float:
        return float(self.losses.mean())


def labelled(
    current: pd.DataFrame, labels: np.ndarray, predict: Predict, loss: Loss, rng: np.random.Generator, most: int
) -> Incident | None:
    """At most ``most`` labelled rows and their loss; None with fewer than 50. Raises Unmeasurable when the model
    fails."""
    known = np.flatnonzero(~np.isnan(labels))
    if len(known) < MIN_LABELLED:
        return None
    known = np.sort(rng.permutation(known)[:most])
    rows, truth = current.iloc[known], labels[known]
    return Incident(rows, truth, loss(truth, scores(predict, rows)))


def undo(
    incident: Incident, healthy: pd.Series, current: pd.Series, predict: Predict, loss: Loss, rng: np.random.Generator
) -> float:
    """How much the loss per row falls when the feature is carried from its ``current`` back to its ``healthy``
    marginal.

    Negative where the change destroyed what the feature knew: a stuck value can't be put back.
    """
    name = str(healthy.name)
    restored = carry(incident.rows[name], fit_transport(current, healthy), rng)
    after = loss(incident.truth, scores(predict, incident.rows.assign(**{name: restored})))
    return incident.loss - float(after.mean())
