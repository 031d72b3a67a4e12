"""The rows of a customer's incident on their way to go wrong: what was served, answered, labelled and lost."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from triage.incident import Window
from triage.lab.bench.customer import Customer

ALERT = datetime(2026, 11, 20, tzinfo=UTC)
INCIDENT = Window(ALERT - timedelta(days=2), ALERT)
HEALTHY = Window(INCIDENT.start - timedelta(days=14), INCIDENT.start)
HISTORY = Window(INCIDENT.start - timedelta(days=28), INCIDENT.start)
ROWS_PER_DAY = 2_000
LABEL_DELAY = timedelta(hours=1)
CHAMPION, SPOILT = "2", "3"


@dataclass(frozen=True, slots=True)
class Situation:
    """``rows`` (n) by ``times`` (n,) in Unix seconds; ``label`` (n,) is what is written down, ``known`` (n,) whether it
    ever arrives; ``failed`` (n,) are requests that got no answer. ``reference`` are the rows as the feature pipeline
    computes them. ``outage`` is the share of requests that fail since ``outage_from``; ``hidden`` is what the KPI loses
    to something that no row shows.
    """

    customer: Customer
    kpi_is_label: bool
    rows: pd.DataFrame
    times: np.ndarray
    label: np.ndarray
    known: np.ndarray
    score: np.ndarray
    version: np.ndarray
    failed: np.ndarray
    reference: pd.DataFrame
    outage: float = 0.0
    outage_from: float = 0.0
    hidden: float = 0.0
    hidden_from: float = 0.0
    spoilt: int | None = None
    alias_moved: bool = False
    late: float = 0.0

    @property
    def badness(self) -> np.ndarray:
        """What each row adds to the KPI, more is worse (n,); NaN where no label ever arrives."""
        if self.kpi_is_label:
            lost = np.where(self.failed, 0.0, -self.label)
        else:
            usual = float(self.customer.training_label.mean())
            lost = self.customer.loss(self.label, np.where(self.failed, usual, self.score))
        lost = lost + self.hidden * (self.times >= self.hidden_from)
        return np.where(self.known, lost, np.nan)

    @property
    def level(self) -> float:
        return float(np.nanmean(self.badness))

    def serve(self, rows: pd.DataFrame, *, reference: pd.DataFrame | None = None) -> "Situation":
        """The same requests with other inputs, answered by the champion."""
        return replace(
            self,
            rows=rows,
            score=self.customer.predict(rows),
            reference=rows if reference is None else reference,
        )

    def after(self, onset: float) -> np.ndarray:
        return self.times >= onset


def drawn(customer: Customer, window: Window, rng: np.random.Generator, *, kpi_is_label: bool) -> Situation:
    """A window in which nothing is wrong: rows of the customer's pool, drawn with replacement."""
    days = window.length / timedelta(days=1)
    times = np.sort(rng.uniform(window.start.timestamp(), window.end.timestamp(), rng.poisson(ROWS_PER_DAY * days)))
    picked = rng.integers(0, len(customer.label), len(times))
    return of_rows(customer, times, picked, kpi_is_label=kpi_is_label)


def of_rows(customer: Customer, times: np.ndarray, picked: np.ndarray, *, kpi_is_label: bool) -> Situation:
    """The rows ``picked`` (n,) from the pool, served at ``times`` (n,)."""
    rows = customer.pool.iloc[picked].reset_index(drop=True)
    n = len(times)
    return Situation(
        customer, kpi_is_label, rows, times, customer.label[picked], np.ones(n, dtype=bool), customer.score[picked],
        np.full(n, CHAMPION), np.zeros(n, dtype=bool), rows,
    )  # fmt: skip
