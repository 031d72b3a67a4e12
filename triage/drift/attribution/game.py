"""Healthy rows as they would have gone under some of the changes at once: the worth of a coalition of suspects."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import pandas as pd

from triage.drift.attribution.reweight import Switch, rake, shares, switch
from triage.drift.codes import UNSEEN, Coding, encode, evenly, fit_coding
from triage.drift.losses import Loss
from triage.errors import Unmeasurable

Predict = Callable[[pd.DataFrame], np.ndarray]
MAX_WITNESSES, WITNESS_ROWS = 60, 20_000
NEW_SUPPORT, MAX_STRANGE = 0.005, 0.05
MANY_VALUES = 50


class Mechanism(StrEnum):
    CORRUPTION = "corruption"
    COVARIATE_DRIFT = "covariate drift"
    BROKEN_DEPENDENCE = "broken dependence"


def scores(predict: Predict, rows: pd.DataFrame) -> np.ndarray:
    """Scores of shape (n,), float64. Raises Unmeasurable when the model raises, or answers with something else."""
    try:
        answer = np.asarray(predict(rows), dtype=np.float64)
    except Unmeasurable:
        raise
    except Exception as error:  # a model is foreign code and may raise anything
        what = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        raise Unmeasurable(
            f"the model raised on {len(rows)} rows ({what})", hint="compare inputs with its signature"
        ) from error
    if answer.shape != (len(rows),) or not np.isfinite(answer).all():
        raise Unmeasurable(
            f"the model answered with shape {answer.shape} for {len(rows)} rows, or with values that are not finite",
            hint="it should return one finite score per row",
        )
    return answer


@dataclass(slots=True)
class Replay:
    """Rows and changes ready to be combined. ``injected`` holds changed columns, ``codes`` codes and target shares."""

    predict: Predict
    loss: Loss
    rows: pd.DataFrame
    truth: np.ndarray
    base_loss: np.ndarray
    injected: dict[str, pd.Series] = field(default_factory=dict)
    targets: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    evaluations: int = 1
    losses: dict[frozenset[str], np.ndarray] = field(default_factory=dict)
    weights: dict[frozenset[str], np.ndarray] = field(default_factory=dict)

    def worth(self, names: Sequence[str]) -> np.ndarray:
        """Loss per row, shape (n,), with the changes of ``names`` in force: injected, and reweighted where they have
        targets."""
        moved = frozenset(name for name in names if name in self.targets)
        changed = frozenset(names) - moved
        if changed not in self.losses:
            if changed:
                self.evaluations += 1
                frame = self.rows.assign(**{name: self.injected[name] for name in changed})
                self.losses[changed] = self.loss(self.truth, scores(self.predict, frame))
            else:
                self.losses[changed] = self.base_loss
        loss = self.losses[changed]
        if not moved:
            return loss
        weights = self.weighted(moved)
        # The same mean as weights * loss, linearised: resampling rows then shows the error of a *normalised* mean.
        return loss + (weights - 1) * (loss - float((weights * loss).mean()))

    def under(self, changed: Mapping[str, pd.Series], moved: Iterable[str]) -> tuple[np.ndarray, np.ndarray | None]:
        """Loss per row (n,) with columns ``changed``, and the weights (n,) that give the rows the current shares of
        ``moved``; None where nothing moved."""
        loss = self.base_loss
        if changed:
            self.evaluations += 1
            loss = self.loss(self.truth, scores(self.predict, self.rows.assign(**changed)))
        named = frozenset(moved)
        return loss, self.weighted(named) if named else None

    def weighted(self, names: Iterable[str]) -> np.ndarray:
        """Weights (n,) that give the rows the current shares of ``names``, all of which have targets."""
        moved = frozenset(names)
        if moved not in self.weights:
            pairs = [self.targets[name] for name in sorted(moved)]
            self.weights[moved] = rake([codes for codes, _ in pairs], [share for _, share in pairs])
        return self.weights[moved]


@dataclass(frozen=True, slots=True)
class Population:
    """What a suspect's marginals say: the switch, the codes of all healthy rows, and the current shares of each
    code."""

    switch: Switch
    coding: Coding
    codes: np.ndarray
    target: np.ndarray
    new_support: float
    new_atom: bool

    @property
    def drifted(self) -> bool:
        """The population moved, not the feature alone. Where nothing depends on the feature, any value that healthy
        rows never had, or a new dominant one, speaks for corruption."""
        if self.switch.decided:
            return self.switch.covariate_drift and self.new_support < MAX_STRANGE
        return self.new_support < NEW_SUPPORT and not self.new_atom


def populations(
    healthy: pd.DataFrame, current: pd.DataFrame, witnesses: Sequence[str], suspects: Sequence[str], *, bins: int = 20
) -> Mapping[str, Population]:
    """For each suspect, whether the other features moved along. ``witnesses`` are the trusted features that may
    tell."""
    before, now = evenly(healthy, WITNESS_ROWS), evenly(current, WITNESS_ROWS)
    others = [name for name in witnesses if name not in suspects][:MAX_WITNESSES]
    others += list(suspects[: MAX_WITNESSES - len(others)])
    coded: dict[str, tuple[Coding, np.ndarray, np.ndarray]] = {}
    for name in {*others, *suspects}:
        coding = fit_coding(before[name], bins=bins, max_categories=30, window=now[name])
        coded[name] = coding, encode(coding, before[name]), encode(coding, now[name])
    strange = {name for name, (_, _, now_codes) in coded.items() if (now_codes == UNSEEN).mean() > MAX_STRANGE}
    found = {}
    for name in suspects:
        coding, codes, codes_now = coded[name]
        old, new = shares(codes, coding.size), shares(codes_now, coding.size)
        known = [other for other in others if other != name and other in witnesses and other not in strange]
        weights = rake([codes], [new])
        told = switch(
            name,
            weights,
            [coded[other][1] for other in known],
            [coded[other][2] for other in known],
            [coded[other][0].size for other in known],
        )
        fresh = float(new[UNSEEN]) + max(float(new[0] - old[0]), 0.0)
        values = now[name].dropna()
        growth = 0.0
        if coding.edges is not None and len(values):
            common = values.value_counts().index[0]
            growth = float((now[name] == common).mean() - (before[name] == common).mean())
        full = codes if len(before) == len(healthy) else encode(coding, healthy[name])
        found[name] = Population(
            told,
            coding,
            full,
            new,
            fresh,
            growth > 0.05 and before[name].nunique() > MANY_VALUES,
        )
    return found
