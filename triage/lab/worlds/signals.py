"""Service levels of a healthy service: what its Prometheus would have recorded, with season and noise."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

STEP_SECONDS = 300.0
PER_HOUR = 12
CONVERSION_SECONDS = 1500.0
"""How long people take to convert, on average."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One query of the catalogue with its recorded answer: ``times`` in Unix seconds, ``values`` beside them, (n,).

    ``kind`` is that of a service level; of a KPI, what it is row by row.
    """

    name: str
    query: str
    times: np.ndarray
    values: np.ndarray
    kind: str = ""
    direction: str = "lower_is_better"
    target: float = 0.0
    unit: str = ""

    def catalogued(self) -> dict[str, str | float]:
        """The signal as an entry of ``service_levels``."""
        return {
            "name": self.name,
            "kind": self.kind,
            "query": self.query,
            "direction": self.direction,
            "target": self.target,
            "unit": self.unit,
            "step": "5m",
        }


def healthy_signals(
    rng: np.random.Generator, job: str, start: datetime, end: datetime, load: np.ndarray, requests_per_second: float
) -> tuple[Signal, ...]:
    """Ten service levels of ``job`` every five minutes over ``[start, end]``.

    ``load`` is the relative traffic at those moments, mean about 1; latency, processor and queue follow it weakly.
    """
    times = moments(start, end)
    n = len(times)
    load = load * np.exp(_wander(rng, n, 0.03))
    busy = load - load.mean()

    def noisy(level: np.ndarray | float, wander: float, jitter: float) -> np.ndarray:
        return level * np.exp(_wander(rng, n, wander) + rng.normal(0, jitter, n))

    sent = np.maximum(load * requests_per_second * STEP_SECONDS, 1.0)
    failed = rng.poisson(sent * 0.0009) / sent
    since_refresh = np.arange(n) % 3 * STEP_SECONDS + rng.gamma(4.0, 12.0, n)

    own = f'job="{job}"'
    buckets = f"sum by (le) (rate(inference_latency_seconds_bucket{{{own}}}[5m]))"
    requests = f"sum(rate(inference_requests_total{{{own}}}[5m]))"
    failures = f'sum(rate(inference_requests_total{{{own},code=~"5.."}}[5m]))'
    processors = f"avg(rate(process_cpu_seconds_total{{{own}}}[5m]))"
    memory = f"max(process_resident_memory_bytes{{{own}}}) / max(container_memory_limit_bytes{{{own}}})"
    queue = f"avg(avg_over_time(inference_queue_depth{{{own}}}[5m]))"
    starts = f"sum(changes(process_start_time_seconds{{{own}}}[5m]))"
    refresh = "max(time() - feature_store_last_success_timestamp_seconds)"

    # name, kind, query, values, promised level, unit
    lower = (
        ("latency_p50", "latency", _quantile(0.5, buckets), noisy(0.021 + 0.001 * busy, 0.02, 0.02), 0.05, "seconds"),
        ("latency_p99", "latency", _quantile(0.99, buckets), noisy(0.128 + 0.015 * busy, 0.03, 0.06), 0.25, "seconds"),
        ("error_ratio", "errors", f"{failures} / {requests}", failed, 0.005, "ratio"),
        ("cpu", "saturation", processors, noisy(0.34 + 0.15 * busy, 0.02, 0.03), 0.85, "ratio"),
        ("memory", "saturation", memory, noisy(0.58, 0.015, 0.002), 0.9, "ratio"),
        ("queue", "saturation", queue, noisy(np.maximum(0.8 + 0.5 * busy, 0.1), 0.03, 0.12), 20.0, "requests"),
        ("restarts", "restarts", starts, np.zeros(n), 0.0, "restarts"),
        ("feature_freshness", "freshness", refresh, since_refresh, 1800.0, "seconds"),
    )
    higher = (
        ("throughput", "throughput", requests, sent / STEP_SECONDS, requests_per_second * 0.1, "requests/s"),
        ("up", "up", f"min(up{{{own}}})", np.ones(n), 1.0, "ratio"),
    )
    return tuple(
        Signal(name, query, times, values, kind, direction, target, unit)
        for direction, levels in (("lower_is_better", lower), ("higher_is_better", higher))
        for name, kind, query, values, target, unit in levels
    )


def _quantile(q: float, buckets: str) -> str:
    return f"histogram_quantile({q}, {buckets})"


def no_deploys(model: str, start: datetime, end: datetime) -> Signal:
    """The change query of a model whose served version never changed."""
    times = moments(start, end)
    query = f'sum(changes(model_version_info{{model="{model}"}}[1h]))'
    return Signal("model_version_changes", query, times, np.zeros(len(times)))


def conversion_ratio(rng: np.random.Generator, events: np.ndarray, rate: np.ndarray) -> np.ndarray:
    """Conversions per impression, hour by hour, as two counters show it: a conversion is counted when it happens.

    ``events`` are impressions per second and ``rate`` the part that converts, at `moments` (n,); people take 25
    minutes. The counters see every impression, so the noise is binomial at that number. The first hour is left out.
    """
    delays = np.exp(-np.arange(2 * PER_HOUR) * STEP_SECONDS / CONVERSION_SECONDS)
    converted = np.r_[np.full(len(delays) - 1, events[0] * rate[0]), events * rate]
    arriving = np.convolve(converted, delays / delays.sum(), mode="valid")
    impressions = events[1:].reshape(-1, PER_HOUR).sum(axis=1) * STEP_SECONDS
    return rng.poisson(arriving[1:].reshape(-1, PER_HOUR).sum(axis=1) * STEP_SECONDS) / impressions


def moments(start: datetime, end: datetime) -> np.ndarray:
    """Every five minutes from ``start`` to ``end``, both included, in Unix seconds."""
    return np.arange(start.timestamp(), end.timestamp() + 1, STEP_SECONDS)


def _wander(rng: np.random.Generator, n: int, scale: float) -> np.ndarray:
    """Gaussian noise with a memory of about two hours (an AR(1) of 0.96 a step) and standard deviation ``scale``."""
    from scipy.signal import lfilter

    pulses = rng.normal(0, scale * np.sqrt(1 - 0.96**2), n)
    pulses[:1] = rng.normal(0, scale)
    return lfilter([1.0], [1.0, -0.96], pulses)
