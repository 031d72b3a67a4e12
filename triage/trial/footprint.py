"""What the challenger costs to serve: latency and size beside the champion's."""

from dataclasses import dataclass

import numpy as np

from triage.trial.verdict import Interval, TrialVerdict, combine, judge_margin


@dataclass(frozen=True, slots=True)
class Footprint:
    """``latency_ms`` are single calls measured under equal conditions, shape (n,); None where not measured."""

    latency_ms: np.ndarray | None = None
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class FootprintMargins:
    """Largest acceptable growth, as a fraction of the champion's; None: shown, does not decide."""

    latency_growth: float | None = 0.2
    size_growth: float | None = None
    quantile: float = 0.99
    min_calls: int = 500


@dataclass(frozen=True, slots=True)
class FootprintComparison:
    """``latency_growth`` is the relative growth of the latency's ``quantile``, with its bootstrap interval."""

    quantile: float
    champion_latency_ms: float | None
    challenger_latency_ms: float | None
    latency_growth: Interval | None
    champion_size_bytes: int | None
    challenger_size_bytes: int | None
    verdict: TrialVerdict
    reasons: tuple[str, ...]


def compare_footprints(
    champion: Footprint,
    challenger: Footprint,
    margins: FootprintMargins,
    rng: np.random.Generator,
    *,
    confidence: float = 0.95,
    replicates: int = 1_000,
) -> FootprintComparison:
    """Judge latency (a high quantile) and size; what a margin asks for and was not measured is no data."""
    verdicts, reasons = [], []
    growth, levels = _latency_growth(champion, challenger, margins, rng, confidence, replicates)
    if margins.latency_growth is not None:
        if growth is None:
            verdicts.append(TrialVerdict.NO_DATA)
            reasons.append(f"latency: fewer than {margins.min_calls:,} calls of each model were timed")
        else:
            verdicts.append(judge_margin(growth, margins.latency_growth))
            reasons.append(
                f"latency p{margins.quantile * 100:g} {levels[0]:.3g} -> {levels[1]:.3g} ms, "
                f"growth {growth.value:+.1%} [{growth.low:+.1%}, {growth.high:+.1%}], "
                f"margin {margins.latency_growth:+.0%}: {verdicts[-1]}"
            )
    if margins.size_growth is not None:
        verdicts.append(_judge_size(champion.size_bytes, challenger.size_bytes, margins.size_growth))
        reasons.append(
            f"size {champion.size_bytes} -> {challenger.size_bytes} bytes, "
            f"margin {margins.size_growth:+.0%}: {verdicts[-1]}"
        )
    return FootprintComparison(
        quantile=margins.quantile,
        champion_latency_ms=levels[0],
        challenger_latency_ms=levels[1],
        latency_growth=growth,
        champion_size_bytes=champion.size_bytes,
        challenger_size_bytes=challenger.size_bytes,
        verdict=combine(verdicts) if verdicts else TrialVerdict.PASS,
        reasons=tuple(reasons),
    )


def _judge_size(champion: int | None, challenger: int | None, margin: float) -> TrialVerdict:
    if not champion or challenger is None:
        return TrialVerdict.NO_DATA
    return TrialVerdict.PASS if challenger <= champion * (1 + margin) else TrialVerdict.FAIL


def _latency_growth(
    champion: Footprint,
    challenger: Footprint,
    margins: FootprintMargins,
    rng: np.random.Generator,
    confidence: float,
    replicates: int,
) -> tuple[Interval | None, tuple[float | None, float | None]]:
    """Growth of the quantile from the binomial distribution of its rank in each sample, drawn ``replicates`` times."""
    sorted_ms = []
    for side in (champion, challenger):
        if side.latency_ms is None or len(side.latency_ms) < margins.min_calls:
            return None, (None, None)
        sorted_ms.append(np.sort(np.asarray(side.latency_ms, dtype=np.float64)))
    levels = [float(np.quantile(values, margins.quantile)) for values in sorted_ms]
    drawn = []
    for values in sorted_ms:
        n = len(values)
        rank = np.minimum(rng.binomial(n, margins.quantile, size=replicates), n - 1)
        drawn.append(values[rank])
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn[1] / drawn[0] - 1, [tail, 1 - tail])
    return Interval(levels[1] / levels[0] - 1, float(low), float(high), confidence), (levels[0], levels[1])
