"""Fit the scorecard on planted incidents: weights per rung by penalised multinomial regression, then a temperature.

The penalty pulls towards the weights that were written by hand (`by_hand.yaml`), not towards zero: a kind that was
planted seldom keeps the sense it was given. How hard it pulls is chosen with the temperature, by the cases of data sets
that the weights did not see: a few incidents move the weights little. The likeliest kind is to be the largest cause;
causes of nearly equal share count alike.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import yaml
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax

from triage.diagnosis.scorecard import Scorecard, shares, shipped, strongest
from triage.errors import UsageError
from triage.incident import CauseKind, Verdict
from triage.lab.bench.run import Result
from triage.lab.bench.saved import weighed_again
from triage.lab.bench.scores import accepted

CARDS = Path(__file__).parent / "cards"
BY_HAND = CARDS / "by_hand.yaml"
PENALTIES = (0.5, 2.0, 8.0, 32.0, 128.0)
"""Of a squared point, in nats over all cases."""
LEAST_POINTS = 0.05
LEAST_TEMPERATURE, MOST_TEMPERATURE = 0.5, 4.0
HEADING = """\
Weights of evidence. A kind's score is its prior plus, for each rung of the ladder, the strength (0 to 1) of the
strongest evidence on it times the points below, and the share of the drop that a supported kind explains times its
points under "share"; probabilities are softmax(score / temperature).
`triage explain ID` shows every term. Read a row as: "evidence that supports X adds these points".
"""
KINDS = tuple(CauseKind)
VERDICTS = (Verdict.SUPPORTS, Verdict.REFUTES, Verdict.INCONCLUSIVE)
RUNGS = tuple((about, verdict) for verdict in VERDICTS for about in KINDS if about is not CauseKind.UNKNOWN)
SHARED = tuple(kind for kind in KINDS if kind is not CauseKind.UNKNOWN)
"""Kinds whose own share of the drop adds points to them, and to no other."""
ROWS = len(RUNGS) + len(SHARED) + 1


def fit(results: Sequence[Result]) -> Scorecard:
    """The card that fits ``results``; penalty and temperature are those that do best on data sets that the weights did
    not see, the strongest penalty where there is one data set only.

    Cases without a drop teach nothing here: that none has to be explained is a rule, not a weight.
    """
    usable = [one for one in results if one.truths and one.diagnosis is not None and one.diagnosis.causes]
    start = _weights(shipped(BY_HAND))
    names = sorted({one.dataset for one in usable})
    parts = [[[one for one in usable if (one.dataset == name) is held] for held in (False, True)] for name in names]

    def elsewhere(penalty: float) -> list[tuple[np.ndarray, np.ndarray]]:
        return [(_features(left) @ _fitted(rest, start, penalty), _targets(left)) for rest, left in parts if rest]

    tried = [(*_temperature(elsewhere(penalty)), penalty) for penalty in PENALTIES]
    _, temperature, penalty = min(tried, key=lambda one: (one[0], -one[2]))
    return _card(_fitted(usable, start, penalty), temperature)


def fit_without(results: Sequence[Result]) -> dict[str, Scorecard]:
    """For each data set the card that is fitted without it. Raises UsageError where there are not two of them."""
    names = sorted({one.dataset for one in results})
    if len(names) < 2:
        raise UsageError(
            f"a fit that leaves one data set out needs two at least, and there is {', '.join(names) or 'none'}",
            hint="let $TRIAGE_DATA name a folder of more data sets",
        )
    return {name: fit([one for one in results if one.dataset != name]) for name in names}


def write_all(results: Sequence[Result], folder: Path) -> dict[str, Scorecard]:
    """Fit and write ``scorecard.yaml``, and beside it a card without each data set, by whose names they come back."""
    without = fit_without(results)
    folder.mkdir(parents=True, exist_ok=True)
    many = f"{len(results)} planted incidents on {', '.join(without)}"
    write(fit(results), folder / "scorecard.yaml", HEADING + f"Fitted by 'triage bench --fit' on {many}.")
    for name, card in without.items():
        rest = f"{sum(one.dataset != name for one in results)} planted incidents, none of them on {name}"
        write(
            card, folder / f"without_{name}.yaml", f"For the benchmark: fitted on {rest}. Read scorecard.yaml for how."
        )
    return without


def left_out(results: Sequence[Result], cards: Mapping[str, Scorecard]) -> tuple[Result, ...]:
    """Each result weighed by the card of ``cards`` that has not seen its data set: what to expect of a new one."""
    return tuple(weighed_again(one, cards[one.dataset]) if one.dataset in cards else one for one in results)


def kept_cards(folder: Path = CARDS) -> dict[str, Scorecard]:
    """The cards in ``folder`` that were fitted without one data set each, by its name."""
    return {path.stem.removeprefix("without_"): shipped(path) for path in sorted(folder.glob("without_*.yaml"))}


def write(card: Scorecard, path: Path, heading: str) -> None:
    """Write ``card`` as YAML, its rows on one line each, below ``heading``."""
    lines = [*(f"# {line}" for line in heading.splitlines()), f"temperature: {card.temperature:.2f}", "prior:"]
    lines += [f"  {kind}: {points:.2f}" for kind, points in card.prior.items()]
    for verdict in VERDICTS:
        lines.append(f"{verdict}:")
        for about, row in card.rows(verdict).items():
            body = yaml.safe_dump({str(kind): round(points, 2) for kind, points in row.items()}, sort_keys=False)
            lines.append(f"  {about}: {{{', '.join(body.strip().splitlines())}}}")
    body = ", ".join(f"{kind}: {points:.2f}" for kind, points in card.share.items())
    lines.append(f"share: {{{body}}}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _features(results: Sequence[Result]) -> np.ndarray:
    """Strength of each rung and verdict, share of each kind, and a constant for the prior; shape (n, ROWS)."""
    table = np.zeros((len(results), ROWS))
    table[:, -1] = 1.0
    for row, result in enumerate(results):
        for place, (strength, _) in strongest(result.evidence).items():
            if place in RUNGS:
                table[row, RUNGS.index(place)] = strength
        for kind, (share, _) in shares(result.evidence).items():
            if kind in SHARED:
                table[row, len(RUNGS) + SHARED.index(kind)] = share
    return table


def _targets(results: Sequence[Result]) -> np.ndarray:
    """Each case's largest cause, or those that are nearly as large; shape (n, kinds), rows add up to 1."""
    table = np.zeros((len(results), len(KINDS)))
    for row, result in enumerate(results):
        for truth in accepted(result.truths):
            table[row, KINDS.index(truth.kind)] += max(truth.share, 0.0)
    return table / table.sum(axis=1, keepdims=True)


def _weights(card: Scorecard) -> np.ndarray:
    """``card`` as a matrix of shape (ROWS, kinds)."""
    rows = [[card.rows(verdict).get(about, {}).get(kind, 0.0) for kind in KINDS] for about, verdict in RUNGS]
    own = [[card.share.get(kind, 0.0) if kind is mine else 0.0 for kind in KINDS] for mine in SHARED]
    return np.array([*rows, *own, [card.prior.get(kind, 0.0) for kind in KINDS]])


def _free() -> np.ndarray:
    """Which weights may move: of the shares, a kind's own alone; shape (ROWS, kinds)."""
    free = np.ones((ROWS, len(KINDS)), dtype=bool)
    free[len(RUNGS) : -1] = [[kind is mine for kind in KINDS] for mine in SHARED]
    return free


def _fitted(results: Sequence[Result], start: np.ndarray, penalty: float) -> np.ndarray:
    """The weights of least penalised cross-entropy; shape of ``start``."""
    x, y, free = _features(results), _targets(results), _free()

    def cost(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(start.shape)
        chances = log_softmax(x @ weights, axis=1)
        value = -float((y * chances).sum()) + penalty * float(np.square(weights - start).sum())
        slope = x.T @ (np.exp(chances) - y) + 2 * penalty * (weights - start)
        return value, (slope * free).ravel()

    return np.asarray(minimize(cost, start.ravel(), jac=True, method="L-BFGS-B").x).reshape(start.shape)


def _temperature(elsewhere: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[float, float]:
    """The least cross-entropy on scores that were fitted elsewhere, and its temperature; 0 and 1 without any."""
    if len(elsewhere) < 2:
        return 0.0, 1.0

    def cost(temperature: float) -> float:
        return -sum(float((y * log_softmax(scores / temperature, axis=1)).sum()) for scores, y in elsewhere)

    bounds = (LEAST_TEMPERATURE, MOST_TEMPERATURE)
    found = minimize_scalar(cost, bounds=bounds, method="bounded")
    return float(found.fun), float(found.x)


def _card(weights: np.ndarray, temperature: float) -> Scorecard:
    def table(verdict: Verdict) -> Mapping[CauseKind, Mapping[CauseKind, float]]:
        rows = {about: weights[place] for place, (about, said) in enumerate(RUNGS) if said is verdict}
        kept = {
            about: {k: float(v) for k, v in zip(KINDS, row, strict=True) if abs(v) >= LEAST_POINTS}
            for about, row in rows.items()
        }
        return {about: row for about, row in kept.items() if row}

    prior = {kind: float(points) for kind, points in zip(KINDS, weights[-1], strict=True)}
    own: dict[CauseKind, float] = {
        kind: float(weights[len(RUNGS) + place, KINDS.index(kind)]) for place, kind in enumerate(SHARED)
    }
    share: dict[CauseKind, float] = {kind: points for kind, points in own.items() if abs(points) >= LEAST_POINTS}
    return Scorecard(
        temperature,
        prior,
        supports=table(Verdict.SUPPORTS),
        refutes=table(Verdict.REFUTES),
        inconclusive=table(Verdict.INCONCLUSIVE),
        share=share,
    )
