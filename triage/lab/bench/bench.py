"""The benchmark as a whole: which cases, diagnosed, and what of it is reported."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from triage.diagnosis.scorecard import Scorecard, shipped
from triage.lab.bench import tables
from triage.lab.bench.case import recipes
from triage.lab.bench.fit import kept_cards, left_out
from triage.lab.bench.run import Result, run_all
from triage.lab.bench.saved import load, weighed_again
from triage.lab.bench.scores import by, confusion, first_kind, reliability, right, score, score_baseline

EVALUATION_SEED = 20
FIT_SEED = 21
QUICK_ROUNDS, FULL_ROUNDS = 2, 13


@dataclass(frozen=True, slots=True)
class Outcome:
    """``datasets`` are those that were at hand, ``results`` as the shipped scorecard weighs them."""

    datasets: tuple[str, ...]
    results: tuple[Result, ...]


def run_bench(*, quick: bool, jobs: int, progress: Callable[[str], None], seed: int = EVALUATION_SEED) -> Outcome:
    """Plant, diagnose and compare; ``quick`` takes a seventh of the cases."""
    datasets = tables.names()
    wanted = recipes(datasets, rounds=QUICK_ROUNDS if quick else FULL_ROUNDS, seed=seed)
    return Outcome(datasets, tuple(run_all(wanted, progress, jobs=jobs)))


def read_bench(path: Path) -> Outcome:
    """The results kept in ``path``, weighed by the scorecard of today."""
    results = tuple(weighed_again(one, shipped()) for one in load(path))
    return Outcome(tuple(sorted({one.dataset for one in results})), results)


def document(outcome: Outcome, cards: Mapping[str, Scorecard] | None = None) -> dict[str, Any]:
    """Everything as JSON values: what `triage bench --json` prints.

    ``scores`` are of cards that have not seen the case's data set, where there is such a card; ``shipped_card`` are of
    the one that comes with the product, which was fitted on other incidents of the same data sets.
    """
    cards = kept_cards() if cards is None else cards
    results = left_out(outcome.results, cards)
    return {
        "datasets": list(outcome.datasets),
        "cases": len(results),
        "left_out": sorted({one.dataset for one in results} & set(cards)),
        "scores": asdict(score(results)),
        "shipped_card": asdict(score(outcome.results)),
        "baselines": {name: score_baseline(results, name) for name in _baselines(results)},
        "confusion": confusion(results),
        "reliability": reliability(results),
        "by_dataset": {name: asdict(part) for name, part in by(results, lambda one: one.dataset).items()},
        "by_family": {name: asdict(part) for name, part in by(results, lambda one: one.family).items()},
        "wrong": [_wrong(one) for one in results if one.truths and not right(one)],
        "broken_steps": sorted({f"{one.name}: {failed}" for one in results for failed in one.failed}),
    }


def _baselines(results: Sequence[Result]) -> list[str]:
    return sorted({name for one in results for name in one.baselines})


def _wrong(result: Result) -> dict[str, Any]:
    causes = result.diagnosis.causes if result.diagnosis else ()
    return {
        "case": result.name,
        "planted": [f"{truth.kind} ({truth.fault}, {truth.share:.0%})" for truth in result.truths],
        "named": first_kind(result),
        "causes": [f"{cause.kind} {cause.subject} {cause.probability:.2f}".replace("  ", " ") for cause in causes[:4]],
    }
