"""Fit the scorecard on planted incidents: weights per rung by penalised multinomial regression, then a temperature.

The penalty pulls towards the weights that were written by hand (`by_hand.yaml`), not towards zero: a kind that was
planted seldom keeps the sense it was given. Cases that two causes share count for both, by their shares of the drop.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import yaml
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax

from triage.diagnosis.scorecard import Scorecard, shipped, strongest
from triage.incident import CauseKind, Verdict
from triage.lab.bench.run import Result

CARDS = Path(__file__).parent / "cards"
BY_HAND = CARDS / "by_hand.yaml"
PENALTY = 0.5
"""Of a squared point, in nats over all cases."""
LEAST_TEMPERATURE, MOST_TEMPERATURE = 0.5, 4.0
KINDS = tuple(CauseKind)
VERDICTS = (Verdict.SUPPORTS, Verdict.REFUTES, Verdict.INCONCLUSIVE)
RUNGS = tuple((about, verdict) for verdict in VERDICTS for about in KINDS if about is not CauseKind.UNKNOWN)


def fit(results: Sequence[Result]) -> Scorecard:
    """The card that fits ``results``; its temperature is fitted on cases of data sets that its weights did not see.

    Cases without a drop teach nothing here: that none has to be explained is a rule, not a weight.
    """
    usable = [one for one in results if one.truths and one.diagnosis is not None and one.diagnosis.causes]
    start = _weights(shipped(BY_HAND))
    held_out = []
    for name in sorted({one.dataset for one in usable}):
        rest, left = ([one for one in usable if (one.dataset == name) is held] for held in (False, True))
        if rest:
            held_out.append((_features(left) @ _fitted(rest, start), _targets(left)))
    return _card(_fitted(usable, start), _temperature(held_out))


def card_for(dataset: str) -> Path | None:
    """The card that was fitted without ``dataset``, or None where there is none."""
    path = CARDS / f"without_{dataset}.yaml"
    return path if path.exists() else None


def write(card: Scorecard, path: Path, heading: str) -> None:
    """Write ``card`` as YAML, its rows on one line each, below ``heading``."""
    lines = [*(f"# {line}" for line in heading.splitlines()), f"temperature: {card.temperature:.2f}", "prior:"]
    lines += [f"  {kind}: {points:.2f}" for kind, points in card.prior.items()]
    for verdict in VERDICTS:
        lines.append(f"{verdict}:")
        for about, row in card.rows(verdict).items():
            body = yaml.safe_dump({str(kind): round(points, 2) for kind, points in row.items()}, sort_keys=False)
            lines.append(f"  {about}: {{{', '.join(body.strip().splitlines())}}}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _features(results: Sequence[Result]) -> np.ndarray:
    """Strength of each rung and verdict, and a constant for the prior; shape (n, rungs + 1)."""
    table = np.zeros((len(results), len(RUNGS) + 1))
    table[:, -1] = 1.0
    for row, result in enumerate(results):
        for place, (strength, _) in strongest(result.evidence).items():
            if place in RUNGS:
                table[row, RUNGS.index(place)] = strength
    return table


def _targets(results: Sequence[Result]) -> np.ndarray:
    """Each case's planted shares by kind; shape (n, kinds), rows add up to 1."""
    table = np.zeros((len(results), len(KINDS)))
    for row, result in enumerate(results):
        for truth in result.truths:
            table[row, KINDS.index(truth.kind)] += max(truth.share, 0.0)
    return table / table.sum(axis=1, keepdims=True)


def _weights(card: Scorecard) -> np.ndarray:
    """``card`` as a matrix of shape (rungs + 1, kinds)."""
    rows = [[card.rows(verdict).get(about, {}).get(kind, 0.0) for kind in KINDS] for about, verdict in RUNGS]
    return np.array([*rows, [card.prior.get(kind, 0.0) for kind in KINDS]])


def _fitted(results: Sequence[Result], start: np.ndarray) -> np.ndarray:
    """The weights of least penalised cross-entropy; shape of ``start``."""
    x, y = _features(results), _targets(results)

    def cost(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(start.shape)
        chances = log_softmax(x @ weights, axis=1)
        value = -float((y * chances).sum()) + PENALTY * float(np.square(weights - start).sum())
        slope = x.T @ (np.exp(chances) - y) + 2 * PENALTY * (weights - start)
        return value, slope.ravel()

    return np.asarray(minimize(cost, start.ravel(), jac=True, method="L-BFGS-B").x).reshape(start.shape)


def _temperature(held_out: Sequence[tuple[np.ndarray, np.ndarray]]) -> float:
    """The temperature of least cross-entropy on scores that were fitted elsewhere; 1 where there are none."""
    if len(held_out) < 2:
        return 1.0

    def cost(temperature: float) -> float:
        return -sum(float((y * log_softmax(scores / temperature, axis=1)).sum()) for scores, y in held_out)

    bounds = (LEAST_TEMPERATURE, MOST_TEMPERATURE)
    return float(minimize_scalar(cost, bounds=bounds, method="bounded").x)


def _card(weights: np.ndarray, temperature: float) -> Scorecard:
    def table(verdict: Verdict) -> Mapping[CauseKind, Mapping[CauseKind, float]]:
        rows = {about: weights[place] for place, (about, said) in enumerate(RUNGS) if said is verdict}
        kept = {
            about: {k: float(v) for k, v in zip(KINDS, row, strict=True) if abs(v) >= 0.05}
            for about, row in rows.items()
        }
        return {about: row for about, row in kept.items() if row}

    prior = {kind: float(points) for kind, points in zip(KINDS, weights[-1], strict=True)}
    return Scorecard(temperature, prior, *(table(verdict) for verdict in VERDICTS))
