"""Requests drawn and answered as time goes by: rows for the log, labels with their delay, counters by version."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import numpy as np
import pandas as pd

from triage.ports import Clock, Rollout

Predict = Callable[[pd.DataFrame], np.ndarray]
RATE_ROWS = 3_000
_REMEMBERED = 86_400.0


@dataclass(frozen=True, slots=True)
class Served:
    """What was shown: features (n rows), the served scores (n,), and the chance (n,) that each row's label is 1."""

    rows: pd.DataFrame
    scores: np.ndarray
    chances: np.ndarray


class Shop(Protocol):
    """Who comes, and what they make of what a version shows them."""

    def serve(self, rng: np.random.Generator, seconds: np.ndarray, predict: Predict) -> Served:
        """One row for each moment of ``seconds`` (n,), Unix time."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The log keeps a sample of the requests, the counters see all of them. ``failing`` is the share of errors by
    version, ``usually`` for the others."""

    rows_per_hour: float
    requests_per_hour: float
    label_delay_seconds: float
    step_seconds: float = 300.0
    """Traffic is made in steps of this length; what the router does changes between two of them."""
    profile: Callable[[float], float] = lambda at: 1.0
    """Relative traffic at a Unix time."""
    usually: float = 0.0009
    failing: Mapping[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Counters:
    """Cumulated by version, at the end of each step."""

    times: list[float] = field(default_factory=list)
    requests: dict[str, list[float]] = field(default_factory=dict)
    errors: dict[str, list[float]] = field(default_factory=dict)
    conversions: dict[str, list[float]] = field(default_factory=dict)


@dataclass(slots=True)
class Logged:
    """``answers`` have the columns key, time, features, score, version; ``labels`` key, time, label."""

    answers: list[pd.DataFrame] = field(default_factory=list)
    labels: list[pd.DataFrame] = field(default_factory=list)


class Simulation:
    """Traffic from ``start`` on, made up to now whenever somebody asks for it."""

    def __init__(
        self,
        shop: Shop,
        pace: Pace,
        clock: Clock,
        rollout: Callable[[], Rollout],
        predict_of: Callable[[str], Predict],
        rng: np.random.Generator,
        start: datetime,
        first_key: int = 0,
    ) -> None:
        self.shop, self.pace = shop, pace
        self.counters, self.logged = Counters(), Logged()
        self._clock, self._rollout, self._predict_of, self._rng = clock, rollout, predict_of, rng
        self._reached = -(-start.timestamp() // pace.step_seconds) * pace.step_seconds
        self._next_key = first_key
        self._rates: dict[tuple[int, str], float] = {}

    @property
    def now(self) -> datetime:
        return self._clock.now()

    def advance(self) -> None:
        """Make the traffic of every whole step that is over."""
        if not self.counters.times:
            self._remember(self._rollout().champion)
        now = self._clock.now().timestamp()
        while self._reached + self.pace.step_seconds <= now:
            self._step(self._reached, self._rollout())
            self._reached += self.pace.step_seconds

    def _remember(self, champion: str) -> None:
        """What the counters of ``champion`` showed in the day before; its conversions are the recording's to tell."""
        counted = [self.counters.requests, self.counters.errors, self.counters.conversions]
        for begin in np.arange(self._reached - _REMEMBERED, self._reached, self.pace.step_seconds):
            length = self.pace.step_seconds
            requests = self.pace.requests_per_hour * length / 3600 * self.pace.profile(begin + length / 2)
            new = (requests, requests * self.pace.failing.get(champion, self.pace.usually), 0.0)
            self.counters.times.append(begin + length)
            for series, more in zip(counted, new, strict=True):
                values = series.setdefault(champion, [])
                values.append((values[-1] if values else 0.0) + more)

    def _step(self, begin: float, rollout: Rollout) -> None:
        length = self.pace.step_seconds
        hours = length / 3600 * self.pace.profile(begin + length / 2)
        n = int(self._rng.poisson(self.pace.rows_per_hour * hours))
        total = int(self._rng.poisson(self.pace.requests_per_hour * hours))
        seconds = np.sort(begin + self._rng.random(n) * length)
        mine = self._rng.random(n) < rollout.weight
        theirs = int(self._rng.binomial(total, rollout.weight))
        counted = {rollout.champion: total - theirs}
        if rollout.challenger:
            counted[rollout.challenger] = theirs
        self.counters.times.append(begin + length)
        for version, chosen in ((rollout.champion, ~mine), (rollout.challenger, mine)):
            if version and chosen.any():
                self._answer(seconds[chosen], version, rollout)
        for version, requests in counted.items():
            self._count(version, requests, self._rate(version, begin) if requests else 0.0)
        for series in (self.counters.requests, self.counters.errors, self.counters.conversions):
            for values in series.values():
                values += [values[-1]] * (len(self.counters.times) - len(values))

    def _rate(self, version: str, at: float) -> float:
        """The part of ``version``'s requests that the counters see convert: many more are counted than logged."""
        known = (id(self.shop), version)
        if known not in self._rates:
            served = self.shop.serve(self._rng, np.full(RATE_ROWS, at), self._predict_of(version))
            self._rates[known] = float(served.chances.mean())
        return self._rates[known]

    def _answer(self, seconds: np.ndarray, version: str, rollout: Rollout) -> None:
        """Log what ``version`` answered, and a copy's answers where there is a shadow."""
        served = self.shop.serve(self._rng, seconds, self._predict_of(version))
        n = len(seconds)
        keys = self._next_key + np.arange(n)
        self._next_key += n
        at = pd.Series(pd.to_datetime((seconds * 1e6).astype("int64"), unit="us", utc=True)).dt.as_unit("us")
        base = {"key": keys, "at": at}
        self.logged.answers.append(_frame(base, served.rows, served.scores, version))
        copied = self._rng.random(n) < rollout.shadow
        if rollout.shadow and copied.any() and version == rollout.champion:
            scores = self._predict_of(rollout.challenger)(served.rows)
            whole = _frame(base, served.rows, scores, rollout.challenger)
            self.logged.answers.append(whole[copied])
        label = (self._rng.random(n) < served.chances).astype("int64")
        due = at + pd.Timedelta(seconds=self.pace.label_delay_seconds)
        self.logged.labels.append(pd.DataFrame({"key": keys, "at": due, "label": label}))

    def _count(self, version: str, requests: int, rate: float) -> None:
        steps = len(self.counters.times)
        failed = int(self._rng.binomial(requests, self.pace.failing.get(version, self.pace.usually)))
        converted = int(self._rng.binomial(requests - failed, rate))
        for series, new in (
            (self.counters.requests, requests),
            (self.counters.errors, failed),
            (self.counters.conversions, converted),
        ):
            values = series.setdefault(version, [0.0] * (steps - 1))
            values.append((values[-1] if values else 0.0) + new)


def _frame(base: Mapping[str, object], rows: pd.DataFrame, scores: np.ndarray, version: str) -> pd.DataFrame:
    made = pd.DataFrame(base)
    return pd.concat([made, rows.reset_index(drop=True)], axis=1).assign(score=scores, version=version)
