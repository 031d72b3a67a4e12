"""Which feature's change costs how much: each change replayed through the model on healthy, labelled rows.

Method (inject, then Shapley): a corrupted feature is carried to the current window's marginal on healthy rows; where
the population moved instead, the healthy rows are reweighted to the feature's new shares. The loss this adds, split by
Shapley values, is what each change costs; what the observed drop has beyond their sum is concept drift or unknown.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from triage.drift.attribution.arbiter import population_moved
from triage.drift.attribution.at_once import broken_among, moved_at_once
from triage.drift.attribution.game import MAX_STRANGE, Mechanism, Population, Predict, Replay, populations, scores
from triage.drift.attribution.leaders import follow
from triage.drift.attribution.reweight import Switch, effective_rows, rake
from triage.drift.attribution.shapley import EXACT_PLAYERS, shapley
from triage.drift.attribution.transport import carry, fit_transport, shuffle
from triage.drift.attribution.undo import Incident, labelled, undo
from triage.drift.codes import encode, evenly
from triage.drift.losses import Loss
from triage.errors import Unmeasurable
from triage.incident import Unmeasured

MIN_ROWS = 100
MAX_SUSPECTS, MAX_PLAYERS, MAX_UNDONE = 40, 10, 4
NEGLIGIBLE = 0.01
BOOTSTRAPS = 400
BOOTSTRAP_ROWS = 10_000
"""Of more rows the mean is as good as normal, and a bootstrap only costs memory."""
TOGETHER = 0.8
"""Of rows in which some feature of a source is null, those in which all are, for a source that is gone as a whole."""
PLENTY = 1024
"""Evaluations beyond what any game needs."""
LEAST_BLOCKS = 0.5
"""Of all blocks (days), those that reweighted rows must come from, effectively: where most days hold none of them, the
days' own luck would pass for what the rows cost."""
PATIENCE = 4
"""Times the budget, in seconds of the wall: a model that answers in other threads or elsewhere spends none of ours."""
WIDER = 5  # times the budget's rows are scored to measure the drop itself


@dataclass(frozen=True, slots=True)
class FeatureShare:
    """What one feature's change costs, in the loss's unit per row, with a 95% bootstrap interval.

    ``share`` is the cost as a fraction of the observed drop (None without one). ``alone`` is the cost of this change by
    itself. ``undone`` is how much the current rows' loss falls when only this feature is put back: None without labels
    there, negative where what was lost can't be put back. ``follows`` names the feature that this one only moved along
    with; its cost is then the leader's.
    """

    feature: str
    source: str
    mechanism: Mechanism
    cost: float
    low: float
    high: float
    share: float | None
    alone: float
    undone: float | None
    switch: Switch
    follows: str = ""


@dataclass(frozen=True, slots=True)
class SourceShare:
    """The same for all suspects of one upstream source together."""

    source: str
    features: tuple[str, ...]
    cost: float
    low: float
    high: float
    share: float | None


@dataclass(frozen=True, slots=True)
class Attribution:
    """``features`` by cost, largest first; ``remainder`` is the observed drop that no feature's change explains.

    ``exact`` is False when Shapley values were sampled, or suspects were left out to keep to the budget.
    """

    features: tuple[FeatureShare, ...]
    sources: tuple[SourceShare, ...]
    healthy_loss: float
    observed: float | None
    explained: float
    explained_low: float
    explained_high: float
    remainder: float | None
    rows: int
    evaluations: int
    exact: bool
    unmeasured: tuple[Unmeasured, ...]


@dataclass(frozen=True, slots=True)
class Budget:
    """``seconds`` of this thread's processor time, read from ``clock``, and how many healthy rows are replayed at most.

    Processor time is the same on a busy machine and on a quiet one, and so are the shares.
    """

    seconds: float = 30.0
    rows: int = 6000
    clock: Callable[[], float] = time.thread_time

    def first(self, ask: Callable[[], np.ndarray]) -> tuple[np.ndarray, int]:
        """The answer of ``ask``, and how often the model can be asked in all: a power of two, so that a little more or
        less time changes nothing. Where the first answer seems dear it is asked again: loading is part of the first."""
        spent: list[float] = []
        while len(spent) < 2 and (not spent or self.seconds < PLENTY * spent[0]):
            began = self.clock()
            answer = ask()
            spent.append(max(self.clock() - began, 1e-9))
        return answer, 2 ** int(np.log2(np.clip(self.seconds / min(spent), 1, PLENTY)))


def attribute(
    healthy: pd.DataFrame,
    labels: np.ndarray,
    current: pd.DataFrame,
    features: Sequence[str],
    suspects: Sequence[str],
    predict: Predict,
    loss: Loss,
    rng: np.random.Generator,
    *,
    broken: Mapping[str, float] | None = None,
    corrupted: Collection[str] = (),
    observed: float | None = None,
    current_labels: np.ndarray | None = None,
    blocks: np.ndarray | None = None,
    sources: Mapping[str, str] | None = None,
    budget: Budget | None = None,
) -> Attribution:
    """Split the drop among ``suspects`` (features whose marginals moved, most suspicious first) and ``broken``
    (features that lost their dependence on the others, with the share of rows in which they did).

    ``labels`` (n,) belong to ``healthy``; NaN is unlabelled. ``features`` are the model's inputs, in both frames.
    ``corrupted`` names those known to be faulty, which are never taken for covariate drift. ``observed`` is the drop in
    loss per row; with ``current_labels`` it is measured here. ``blocks`` (n,) name what healthy rows are clustered by
    (hour, day): intervals then hold what whole blocks differ in. Raises Unmeasurable when an input is missing, the
    model fails on healthy rows, or fewer than 100 of them have labels.
    """
    budget, sources, broken = budget or Budget(), sources or {}, broken or {}
    unmeasured: list[Unmeasured] = []
    truth = np.asarray(labels, dtype=np.float64)
    known = np.flatnonzero(~np.isnan(truth))
    _check(healthy, current, features, len(known))
    inputs = list(features)
    order = rng.permutation(known)
    picked = np.sort(order[: budget.rows])
    rows, labelled_truth, truth = healthy.iloc[picked][inputs], truth, truth[picked]
    window = evenly(current, 50_000)[inputs]
    named = [name for name in dict.fromkeys([*broken, *suspects]) if name in set(features)]
    names = named[:MAX_SUSPECTS]
    if len(named) > len(names):
        reason = f"{len(named)} suspects: only the first {len(names)} were replayed"
        unmeasured.append(Unmeasured("share of the drop", reason, "narrow the suspects"))

    over = time.monotonic() + PATIENCE * budget.seconds
    said, affordable = budget.first(lambda: scores(predict, rows))
    base_loss = loss(truth, said)
    replay = Replay(predict, loss, rows, truth, base_loss)
    resampled = _Resampled.of(None if blocks is None else np.asarray(blocks)[picked], len(rows), rng)
    incident = None
    if current_labels is not None:
        now = np.asarray(current_labels, dtype=np.float64)
        incident = labelled(current[inputs], now, predict, loss, rng, WIDER * budget.rows)
    moved = populations(healthy, window, [name for name in features if name not in corrupted], names)
    together = _null_together(window, names, sources, rng.random(len(rows)))
    mechanism: dict[str, Mechanism] = {}
    carried: dict[str, pd.Series] = {}
    alone: dict[str, float] = {}
    everyone = len(named) == len(names)
    for name in names:
        if alone and (replay.evaluations > affordable / 2 or time.monotonic() > over):
            everyone = False
            reason = f"the budget of {budget.seconds:g} s ran out before its change was replayed"
            unmeasured.append(Unmeasured(name, reason, "raise the budget or narrow the suspects"))
            continue
        try:
            injected = carry(replay.rows[name], fit_transport(healthy[name], window[name]), rng, together.get(name))
            carried[name] = injected
            mechanism[name] = _mechanism(name, moved[name], broken, corrupted)
            if mechanism[name] is Mechanism.BROKEN_DEPENDENCE:
                injected = shuffle(injected, rng, broken[name])
            elif name not in corrupted and not moved[name].switch.decided and incident is not None:
                others = [moved[one] for one in names if one != name and one not in corrupted and one not in broken]
                mechanism[name] = _by_labels(replay, name, moved[name], injected, picked, incident, others)
            if mechanism[name] is Mechanism.COVARIATE_DRIFT:
                replay.targets[name] = (moved[name].codes[picked], moved[name].target)
                resampled.check(replay.weighted([name]))
            else:
                replay.injected[name] = injected
            alone[name] = float((replay.worth([name]) - base_loss).mean())
        except Unmeasurable as error:
            unmeasured.append(Unmeasured(name, f"its change can't be replayed: {error.message}", error.hint))
    soft = [name for name in alone if name not in corrupted and name not in broken]
    party = moved_at_once(soft, moved) if incident is not None else ()
    if incident is not None and party and replay.evaluations + 2 ** len(party) < affordable / 2:
        torn = broken_among(party, moved, carried, replay, picked, incident)
        for name in party:
            replay.injected.pop(name, None)
            replay.targets.pop(name, None)
            if name in torn:
                replay.injected[name] = carried[name]
            else:
                replay.targets[name] = (moved[name].codes[picked], moved[name].target)
        replay.losses.clear()
        replay.weights.clear()
        alone[party[0]] = float((replay.worth(party) - base_loss).mean())
        mechanism.update(dict.fromkeys(party, Mechanism.CORRUPTION))
        mechanism.update(
            dict.fromkeys([party[0], *(name for name in party if name not in torn)], Mechanism.COVARIATE_DRIFT)
        )
    else:
        party = ()
    single = [name for name in alone if name not in party and mechanism[name] is Mechanism.COVARIATE_DRIFT]
    follows = follow(single, moved) | dict.fromkeys(party[1:], party[0] if party else "")

    def at_stake(names: Iterable[str]) -> np.ndarray:
        """The worth of the changes of ``names``, who lead others with all that moved at once with them."""
        return replay.worth([one for name in names for one in (party if name in party[:1] else (name,))])

    largest = max((abs(cost) for cost in alone.values()), default=0.0)
    ranked = sorted((name for name in alone if name not in follows), key=lambda name: -abs(alone[name]))
    players = [name for name in ranked if abs(alone[name]) > NEGLIGIBLE * largest][:MAX_PLAYERS]
    fitting = _affordable(len(players), affordable - replay.evaluations)
    complete = fitting == len(players)
    players = players[:fitting]
    per_player, sampled = np.zeros((len(players), len(rows))), False
    if players:
        split = shapley(
            len(players),
            lambda group: at_stake(players[i] for i in sorted(group)),
            rng,
            may_go_on=lambda: replay.evaluations < affordable and time.monotonic() < over,
        )
        per_player, sampled = split.rows, split.orders > 0

    drop, undone = observed, dict[str, float]()
    if current_labels is not None:
        if incident is None:
            unmeasured.append(
                Unmeasured("undoing", "too few labels in the current window", "wait for labels to arrive")
            )
        else:
            if drop is None:
                more = order[budget.rows : WIDER * budget.rows]
                rest = (
                    loss(labelled_truth[more], scores(predict, healthy[inputs].iloc[more])) if len(more) else base_loss
                )
                drop = incident.loss - float(np.concatenate([base_loss, rest]).mean())
            spare = (affordable - replay.evaluations) // WIDER
            for name in players[: min(MAX_UNDONE, max(spare, 0))]:
                undone[name] = undo(incident, healthy[name], window[name], predict, loss, rng)
    whole = resampled.cost(per_player.sum(axis=0), drop)
    found = []
    for name in alone:
        played = name in players
        contribution = per_player[players.index(name)] if played else at_stake([name]) - base_loss
        if name in follows:
            contribution = np.zeros(len(rows))
        cost, low, high, share = resampled.cost(contribution, drop)
        found.append(
            FeatureShare(
                name, sources.get(name, ""), mechanism[name], cost, low, high, share, alone[name],
                undone.get(name), moved[name].switch, follows.get(name, ""),
            )
        )  # fmt: skip
    return Attribution(
        features=tuple(sorted(found, key=lambda item: -item.cost)),
        sources=_by_source(players, per_player, sources, resampled, drop),
        healthy_loss=float(base_loss.mean()),
        observed=drop,
        explained=whole[0],
        explained_low=whole[1],
        explained_high=whole[2],
        remainder=None if drop is None else drop - whole[0],
        rows=len(rows),
        evaluations=replay.evaluations,
        exact=everyone and complete and not sampled,
        unmeasured=tuple(unmeasured),
    )


def _check(healthy: pd.DataFrame, current: pd.DataFrame, features: Sequence[str], labelled_rows: int) -> None:
    missing = [name for name in features if name not in healthy or name not in current]
    if missing:
        raise Unmeasurable(
            f"{len(missing)} of the model's inputs are missing from a window: {', '.join(missing[:5])}",
            hint="compare the model's signature with the dataset's columns",
        )
    if labelled_rows < MIN_ROWS or not len(current):
        raise Unmeasurable(
            f"{labelled_rows} labelled healthy and {len(current)} current rows; at least {MIN_ROWS} and 1 are needed",
            hint="take an earlier or longer healthy window",
        )


def _mechanism(name: str, moved: Population, broken: Mapping[str, float], corrupted: Collection[str]) -> Mechanism:
    if name in broken:
        return Mechanism.BROKEN_DEPENDENCE
    return Mechanism.COVARIATE_DRIFT if moved.drifted and name not in corrupted else Mechanism.CORRUPTION


def _by_labels(
    replay: Replay,
    name: str,
    moved: Population,
    injected: pd.Series,
    picked: np.ndarray,
    incident: Incident,
    others: Sequence[Population],
) -> Mechanism:
    """What the labels say where the other features say nothing; else what the values themselves look like."""
    weights = rake([one.codes[picked] for one in others], [one.target for one in others]) if others else None
    replay.injected[name] = injected
    told = population_moved(
        moved.codes[picked],
        replay.base_loss,
        encode(moved.coding, injected),
        replay.worth([name]),
        encode(moved.coding, incident.rows[name]),
        incident.losses,
        weights,
    )
    del replay.injected[name]
    if told is None or moved.new_support >= MAX_STRANGE:
        told = moved.drifted
    return Mechanism.COVARIATE_DRIFT if told else Mechanism.CORRUPTION


def _null_together(
    window: pd.DataFrame, names: Sequence[str], sources: Mapping[str, str], chance: np.ndarray
) -> dict[str, np.ndarray]:
    """``chance`` (n,) for features of one source that are null in the same rows: their nulls are injected together."""
    groups: dict[str, list[str]] = {}
    for name in names:
        if sources.get(name) and window[name].isna().any():
            groups.setdefault(sources[name], []).append(name)
    found = {}
    for members in groups.values():
        null = window[members].isna()
        if len(members) > 1 and null.all(axis=1).mean() > TOGETHER * null.any(axis=1).mean():
            found.update(dict.fromkeys(members, chance))
    return found


def _affordable(players: int, evaluations: int) -> int:
    """How many players the evaluations left allow: 2^k evaluations up to 6, about 2k per pair of orders above."""
    while players > 1 and (2**players if players <= EXACT_PLAYERS else 4 * players) > evaluations:
        players -= 1
    return players


@dataclass(frozen=True, slots=True)
class _Resampled:
    """Which rows (BOOTSTRAPS, n) or blocks (BOOTSTRAPS, blocks) each resample takes; where rows are many and without
    blocks, none, as their mean is as good as normal. ``place`` (n,) is the block of each row."""

    draws: np.ndarray | None
    place: np.ndarray | None

    @staticmethod
    def of(blocks: np.ndarray | None, rows: int, rng: np.random.Generator) -> "_Resampled":
        if blocks is None:
            draws = rng.integers(0, rows, (BOOTSTRAPS, rows), dtype=np.int32) if rows <= BOOTSTRAP_ROWS else None
            return _Resampled(draws, None)
        place = np.unique(blocks, return_inverse=True)[1]
        count = int(place.max()) + 1
        return _Resampled(rng.multinomial(count, np.full(count, 1 / count), size=BOOTSTRAPS), place)

    def check(self, weights: np.ndarray) -> None:
        """Raises Unmeasurable where rows so weighted (n,) come from so few blocks that these alone would answer."""
        if self.place is None:
            return
        held = np.bincount(self.place, weights)
        few, there = effective_rows(held), len(held)
        if few < LEAST_BLOCKS * there:
            raise Unmeasurable(
                f"healthy rows like those of now come from {few:.0f} of {there} days",
                hint="take a healthy window of the same season, or wait for labels at the new values",
            )

    def cost(self, contribution: np.ndarray, drop: float | None) -> tuple[float, float, float, float | None]:
        """The mean of ``contribution`` (n,), its 95% interval, and its share of ``drop``."""
        cost = float(contribution.mean())
        if self.draws is None:
            margin = 1.96 * float(contribution.std()) / len(contribution) ** 0.5
            low, high = cost - margin, cost + margin
        elif self.place is None:
            low, high = np.quantile(contribution[self.draws].mean(axis=1), [0.025, 0.975])
        else:
            sums, rows = np.bincount(self.place, contribution), np.bincount(self.place)
            low, high = np.quantile(self.draws @ sums / np.maximum(self.draws @ rows, 1), [0.025, 0.975])
        return cost, float(low), float(high), cost / drop if drop is not None and drop > 0 else None


def _by_source(
    players: Sequence[str],
    per_player: np.ndarray,
    sources: Mapping[str, str],
    resampled: _Resampled,
    drop: float | None,
) -> tuple[SourceShare, ...]:
    groups: dict[str, list[int]] = {}
    for i, name in enumerate(players):
        if sources.get(name):
            groups.setdefault(sources[name], []).append(i)
    found = []
    for source, members in groups.items():
        cost, low, high, share = resampled.cost(per_player[members].sum(axis=0), drop)
        found.append(SourceShare(source, tuple(players[i] for i in members), cost, low, high, share))
    return tuple(sorted(found, key=lambda item: -item.cost))
