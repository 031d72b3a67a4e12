"""Proposals rest on names that servers of models really have."""

import pytest

from triage.adapters.prometheus_discovery import propose

RUNTIME = [
    "go_gc_duration_seconds_count",
    "prometheus_http_request_duration_seconds_bucket",
    "promhttp_metric_handler_requests_total",
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "up",
]


def proposed(names, labels=(), **options):
    found = propose([*RUNTIME, *names], lambda name: labels, **options)
    return {one.name: one for one in found}


def test_a_bare_server_gets_what_every_target_has_and_nothing_about_its_requests():
    assert set(proposed([])) == {"cpu", "memory", "restarts", "starts", "up"}


def test_an_empty_server_gets_nothing():
    assert propose([], lambda name: ()) == ()


@pytest.mark.parametrize(
    ("names", "labels", "latency", "errors"),
    [
        (
            ["http_requests_total", "http_request_duration_seconds_bucket", "http_request_size_bytes_bucket"],
            ["handler", "status"],
            "http_request_duration_seconds_bucket",
            'http_requests_total{status=~"5.*"}',
        ),
        (
            ["revision_request_count", "revision_request_latencies_bucket", "revision_queue_depth"],
            ["response_code_class", "response_code"],
            "revision_request_latencies_bucket",
            'revision_request_count{response_code=~"5.*"}',
        ),
        (
            ["bentoml_service_request_total", "bentoml_service_request_duration_seconds_bucket"],
            ["http_response_code"],
            "bentoml_service_request_duration_seconds_bucket",
            'bentoml_service_request_total{http_response_code=~"5.*"}',
        ),
        (
            [
                "model_infer_request_success_total",
                "model_infer_request_failure_total",
                "model_infer_request_duration_bucket",
            ],
            ["model"],
            "model_infer_request_duration_bucket",
            "model_infer_request_failure_total",
        ),
        (
            ["istio_requests_total", "istio_request_duration_milliseconds_bucket", "istio_request_bytes_bucket"],
            ["response_code"],
            "istio_request_duration_milliseconds_bucket",
            'istio_requests_total{response_code=~"5.*"}',
        ),
        (
            ["vllm:request_success_total", "vllm:e2e_request_latency_seconds_bucket", "vllm:num_requests_waiting"],
            ["model_name"],
            "vllm:e2e_request_latency_seconds_bucket",
            None,
        ),
    ],
    ids=["fastapi", "knative", "bentoml", "mlserver", "istio", "vllm"],
)
def test_known_servers_are_recognised(names, labels, latency, errors):
    found = proposed(names, labels)
    assert f"rate({latency}[5m])" in found["latency_p99"].query
    assert ("error_ratio" in found) == (errors is not None)
    if errors:
        assert errors in found["error_ratio"].query
    assert found["throughput"].because == names[0]


def test_triton_counts_successes_and_failures_apart():
    found = proposed(
        [
            "nv_inference_request_success",
            "nv_inference_request_failure",
            "nv_inference_pending_request_count",
            "nv_gpu_utilization",
        ]
    )
    assert found["error_ratio"].query == (
        "(sum(rate(nv_inference_request_failure[5m])) or vector(0)) / "
        "(sum(rate(nv_inference_request_success[5m])) + sum(rate(nv_inference_request_failure[5m])))"
    )
    assert found["queue"].because == "nv_inference_pending_request_count"
    assert found["gpu"].because == "nv_gpu_utilization"


def test_a_kpi_is_proposed_as_a_ratio_of_what_was_won_and_what_was_shown():
    query = proposed(["conversions_total", "impressions_total"])["conversion"].query
    assert query == "sum(increase(conversions_total[1h])) / sum(increase(impressions_total[1h]))"


def test_an_error_that_is_better_when_lower_says_so():
    assert proposed(["fare_model_rmse"])["error"].direction == "lower_is_better"


def test_a_native_histogram_is_known_by_its_type():
    found = proposed(["inference_latency_seconds"], types={"inference_latency_seconds": "histogram"})
    assert found["latency_p99"].query == "histogram_quantile(0.99, sum(rate(inference_latency_seconds[5m])))"
    assert "latency_p99" not in proposed(["inference_latency_seconds"])


def test_a_matcher_goes_into_every_selector():
    found = proposed(["http_requests_total"], ["code"], matcher='job="api"')
    assert found["up"].query == 'min(up{job="api"})'
    assert 'http_requests_total{job="api",code=~"5.*"}' in found["error_ratio"].query


def test_units_come_from_the_names():
    found = proposed(["ray_serve_processing_latency_ms_bucket"])
    assert found["latency_p99"].unit == "milliseconds"


def test_restarts_of_pods_are_preferred_to_start_times():
    found = proposed(["kube_pod_container_status_restarts_total", "kube_pod_info"])
    assert found["restarts"].because == "kube_pod_container_status_restarts_total"


def test_freshness_and_version_changes_are_found():
    names = ["feature_store_last_success_timestamp_seconds", "model_version_info"]
    found = proposed(names, ["version"])
    assert found["feature_freshness"].query == "time() - min(feature_store_last_success_timestamp_seconds)"
    assert found["versions"].query == "max by (version) (model_version_info)"
