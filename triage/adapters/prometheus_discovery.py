"""From the names of the metrics that a server has to queries for a starter catalogue.

The names follow conventions (Prometheus's own, KServe, Knative, MLServer, Triton, BentoML, Ray Serve, vLLM, Istio,
Envoy, OpenTelemetry), so this proposes and a person decides: each proposal says which metric it rests on.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from triage.adapters.prometheus import PrometheusMetrics
from triage.errors import Unmeasurable
from triage.incident import Window
from triage.starter import Proposal

_HIGHER = "higher_is_better"
_LOWER = "lower_is_better"

_SERVING = ("infer", "predict", "model", "serv", "request", "revision", "http", "grpc", "rpc", "latency", "duration")
_FOREIGN = re.compile(
    r"^(?:go|promhttp|prometheus|alertmanager|scrape|net_conntrack|node|kubelet|kube|apiserver|etcd|coredns|grafana|"
    r"rest_client|workqueue|cadvisor|storage|thanos|cortex|loki|otelcol)_"
)
_RESTARTS = "kube_pod_container_status_restarts_total"
_STATUS_LABELS = (
    "code", "status_code", "response_code", "http_status_code", "http_response_status_code", "http_response_code",
    "response_code_class", "envoy_response_code_class", "status",
)  # fmt: skip
_TRIAL_STEP_SECONDS = 300.0
_USUAL = 0.95
_UNITS = {
    "_seconds": "seconds", "_milliseconds": "milliseconds", "_ms": "milliseconds", "_rq_time": "milliseconds",
    "_latencies": "milliseconds", "_microseconds": "microseconds", "_us": "microseconds",
}  # fmt: skip


def discover(metrics: PrometheusMetrics, now: datetime, matcher: str = "") -> tuple[Proposal, ...]:
    """What `propose` finds on the server, each tried over the day before ``now``: its last value stands beside it.

    Raises SourceUnavailable.
    """
    found = propose(metrics.metric_names(), metrics.label_names, metrics.metric_types(), matcher)
    return tuple(_tried(metrics, one, Window(now - timedelta(days=1), now)) for one in found)


def _tried(metrics: PrometheusMetrics, proposal: Proposal, window: Window) -> Proposal:
    if proposal.kind == "changes":
        return proposal
    try:
        answer = metrics.range(proposal.query, window, _TRIAL_STEP_SECONDS)
    except Unmeasurable as error:
        return replace(proposal, trouble=error.message)
    if len(answer.series) != 1:
        several = f"it returns {len(answer.series)} series" if answer.series else "it returns nothing in the last day"
        return replace(proposal, trouble="; ".join((several, *answer.warnings)))
    values = answer.series[0].values
    known = values[np.isfinite(values)]
    if not known.size:
        return replace(proposal, trouble="it returns no number in the last day")
    tail = _USUAL if proposal.direction == _LOWER else 1 - _USUAL
    return replace(proposal, now=float(known[-1]), usual=float(np.quantile(known, tail)))


def propose(
    names: Collection[str],
    labels_of: Callable[[str], Collection[str]],
    types: Mapping[str, str] | None = None,
    matcher: str = "",
) -> tuple[Proposal, ...]:
    """Queries for what a model on call needs watched, as far as ``names`` allow; KPI candidates first.

    ``labels_of`` gives the label names of one metric; ``types`` what the server's metadata says; ``matcher`` (such as
    ``job="recommender"``) goes into every selector.
    """
    own = sorted(name for name in names if name == _RESTARTS or not _FOREIGN.match(name))
    found = _Found(own, labels_of, types or {}, matcher)
    makers = (_kpi, _latency, _errors, _throughput, _saturation, _restarts, _up, _freshness, _changes)
    return tuple(proposal for make in makers for proposal in make(found))


@dataclass(frozen=True, slots=True)
class _Found:
    names: list[str]
    labels_of: Callable[[str], Collection[str]]
    types: Mapping[str, str]
    matcher: str

    def best(self, pattern: str, *, without: str = r"$^") -> str | None:
        """The metric that matches and sounds most like the serving of a model; of equals the shortest."""
        fits = [name for name in self.names if re.search(pattern, name) and not re.search(without, name)]
        return min(fits, key=lambda name: (-sum(word in name for word in _SERVING), len(name), name), default=None)

    def selector(self, name: str, *more: str) -> str:
        matchers = ",".join(part for part in (self.matcher, *more) if part)
        return f"{name}{{{matchers}}}" if matchers else name

    def requests(self) -> str | None:
        return self.best(
            r"(?:requests?|request_count|predictions?|inferences?|inference_request_success|_rq|invocations?)"
            r"(?:_counter)?(?:_total|_count|_success|_success_total)?$",
            without=r"fail|error|size|bytes|duration|latency|seconds|in_progress|inflight|in_flight|waiting|pending|"
            r"queue|created|num_requests|active",
        )


def _kpi(found: _Found) -> Iterable[Proposal]:
    wins = found.best(r"(?:conversions?|clicks?|purchases?|accepted|positives?|fraud_confirmed)_total$")
    shown = found.best(r"(?:impressions?|recommendations?|views|offers)_total$") or found.best(r"predictions?_total$")
    if wins and shown and wins != shown:
        query = f"sum(increase({found.selector(wins)}[1h])) / sum(increase({found.selector(shown)}[1h]))"
        yield Proposal("conversion", "kpi", query, _HIGHER, "ratio", None, f"{wins} and {shown}")
    score = found.best(r"(?:accuracy|auc|f1|precision|recall|ndcg|r2|hit_rate)(?:_score|_ratio)?$")
    if score:
        yield Proposal("quality", "kpi", f"avg({found.selector(score)})", _HIGHER, "ratio", None, score)
    error = found.best(r"(?:rmse|mae|mape|logloss|log_loss|brier)(?:_score)?$")
    if error:
        yield Proposal("error", "kpi", f"avg({found.selector(error)})", _LOWER, "", None, error)


def _latency(found: _Found) -> Iterable[Proposal]:
    bucket = found.best(
        r"(?:latency|latencies|duration|_seconds|_rq_time|_ms).*_bucket$", without=r"queue|size|ttl|gc_"
    )
    if bucket:
        base = bucket.removesuffix("_bucket")
        rate = f"sum by (le) (rate({found.selector(bucket)}[5m]))"
    else:
        base = next((n for n in found.names if found.types.get(n) == "histogram" and _unit(n)), "")
        if not base:
            return
        rate = f"sum(rate({found.selector(base)}[5m]))"
    for name, quantile in (("latency_p50", 0.5), ("latency_p99", 0.99)):
        query = f"histogram_quantile({quantile}, {rate})"
        yield Proposal(name, "latency", query, _LOWER, _unit(base), None, bucket or f"{base} (native histogram)")


def _errors(found: _Found) -> Iterable[Proposal]:
    served = found.requests()
    if served is None:
        return
    total = f"sum(rate({found.selector(served)}[5m]))"
    labels = set(found.labels_of(served))
    label = next((name for name in _STATUS_LABELS if name in labels), None)
    failures = found.best(r"(?:error|fail|exception)", without=r"bucket$|created$|retries")
    if label:
        failed, because = found.selector(served, f'{label}=~"5.*"'), f"{served} by {label}"
    elif failures:
        failed, because = found.selector(failures), f"{failures} and {served}"
        if served.endswith(("_success", "_success_total")):
            total = f"({total} + sum(rate({failed}[5m])))"
    else:
        return
    query = f"(sum(rate({failed}[5m])) or vector(0)) / {total}"
    yield Proposal("error_ratio", "errors", query, _LOWER, "ratio", 0.01, because)


def _throughput(found: _Found) -> Iterable[Proposal]:
    served = found.requests()
    if served:
        query = f"sum(rate({found.selector(served)}[5m]))"
        yield Proposal("throughput", "throughput", query, _HIGHER, "requests/s", None, served)


def _saturation(found: _Found) -> Iterable[Proposal]:
    cpu = found.best(r"^(?:container|process)_cpu(?:_usage)?_seconds_total$")
    if cpu:
        query = f"avg(rate({found.selector(cpu)}[5m]))"
        yield Proposal("cpu", "saturation", query, _LOWER, "cores", None, cpu)
    used = found.best(r"^(?:container_memory_working_set|process_resident_memory)_bytes$")
    limit = found.best(r"memory_limit_bytes$")
    if used and limit:
        query = f"max({found.selector(used)}) / max({found.selector(limit)})"
        yield Proposal("memory", "saturation", query, _LOWER, "ratio", 0.9, f"{used} and {limit}")
    elif used:
        yield Proposal("memory", "saturation", f"max({found.selector(used)})", _LOWER, "bytes", None, used)
    queue = found.best(
        r"(?:queue_(?:depth|length|size)|pending_requests?(?:_count)?|requests?_waiting|in_?flight|in_progress)$"
    )
    if queue:
        query = f"sum(avg_over_time({found.selector(queue)}[5m]))"
        yield Proposal("queue", "saturation", query, _LOWER, "requests", None, queue)
    gpu = found.best(r"gpu_util(?:ization)?$")
    if gpu:
        yield Proposal("gpu", "saturation", f"avg({found.selector(gpu)})", _LOWER, "", None, gpu)


def _restarts(found: _Found) -> Iterable[Proposal]:
    if _RESTARTS in found.names:
        query = f"sum(increase({found.selector(_RESTARTS)}[10m]))"
        yield Proposal("restarts", "restarts", query, _LOWER, "restarts", 0.0, _RESTARTS)
    elif "process_start_time_seconds" in found.names:
        query = f"sum(changes({found.selector('process_start_time_seconds')}[10m]))"
        yield Proposal("restarts", "restarts", query, _LOWER, "restarts", 0.0, "process_start_time_seconds")


def _up(found: _Found) -> Iterable[Proposal]:
    if "up" in found.names:
        yield Proposal("up", "up", f"min({found.selector('up')})", _HIGHER, "ratio", 1.0, "up")


def _freshness(found: _Found) -> Iterable[Proposal]:
    last = found.best(r"(?:feature|ingest|feed|etl|sync|refresh|materiali[sz]).*timestamp(?:_seconds)?$")
    if last:
        query = f"time() - min({found.selector(last)})"
        yield Proposal("feature_freshness", "freshness", query, _LOWER, "seconds", None, last)


def _changes(found: _Found) -> Iterable[Proposal]:
    info = found.best(r"(?:model_version|model|build)_info$", without=r"python_info")
    label = next((name for name in ("version", "model_version") if info and name in found.labels_of(info)), None)
    if info and label:
        yield Proposal("versions", "changes", f"max by ({label}) ({found.selector(info)})", _LOWER, "", None, info)
    if "process_start_time_seconds" in found.names:
        query = found.selector("process_start_time_seconds")
        yield Proposal("starts", "changes", query, _LOWER, "", None, "process_start_time_seconds")


def _unit(base: str) -> str:
    return next((unit for suffix, unit in _UNITS.items() if base.endswith(suffix)), "")
