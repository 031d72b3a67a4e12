"""Reading a delivery: real shapes, and everything that somebody could send instead."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.webhook.payloads import alert, delivery, grafana
from triage.catalog import IntakeLimits
from triage.errors import Refused
from triage.webhook.payload import MAX_DEPTH, completed, parse

LIMITS = IntakeLimits()
DATA = Path(os.environ.get("TRIAGE_DATA") or Path(__file__).parents[3] / "shared" / "data")
CAPTURED = DATA / "alertmanager"


def test_a_delivery_of_alertmanager_is_read() -> None:
    found = parse(delivery(alert(instance="a"), alert(instance="b", firing=False)), "alertmanager", LIMITS)
    assert [(one.name, one.firing) for one in found.alerts] == [("ModelQualityDrop", True), ("ModelQualityDrop", False)]
    assert found.alerts[0].starts_at == datetime(2026, 11, 4, tzinfo=UTC)
    assert found.alerts[0].summary == "ModelQualityDrop on shop"
    assert found.group_labels == {"alertname": "ModelQualityDrop", "model": "shop"}
    assert found.missing == 0


def test_a_delivery_of_grafana_is_read_as_well() -> None:
    found = parse(grafana(alert()), "grafana", LIMITS)
    assert found.alerts == parse(delivery(alert()), "grafana", LIMITS).alerts


@pytest.mark.skipif(not CAPTURED.is_dir(), reason="the captured deliveries are not beside the project")
@pytest.mark.parametrize(("name", "firing"), [("webhook_firing", True), ("webhook_resolved", False)])
def test_a_captured_delivery_of_a_real_alertmanager_is_read(name: str, firing: bool) -> None:
    body = json.dumps(json.loads((CAPTURED / f"{name}.json").read_text())["body"]).encode()
    (found,) = parse(body, "alertmanager", LIMITS).alerts
    assert (found.name, found.firing, found.fingerprint) == ("ModelLatencyHigh", firing, "bdaf38e16e101fbd")


def test_the_key_of_a_firing_is_the_same_when_it_has_ended_and_whoever_delivers_it() -> None:
    began = parse(delivery(alert()), "alertmanager", LIMITS).alerts[0]
    peer = delivery(alert(firing=False, ends_at="2026-11-04T01:00:00Z"), external="http://am-2:9093")
    assert parse(peer, "alertmanager", LIMITS).alerts[0].key == began.key
    later = parse(delivery(alert(starts_at="2026-11-05T00:00:00Z")), "alertmanager", LIMITS).alerts[0]
    assert later.key != began.key


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[]", "a list"),
        (b'{"alerts": {}}', "no list"),
        (b'{"alerts": []}', "no list"),
        (b'{"alerts": [7]}', "a number"),
        (b'{"alerts": [{"status": "firing", "labels": {"a": 1}, "startsAt": "2026-11-04T00:00:00Z"}]}', "not text"),
        (b'{"alerts": [{"status": "firing", "labels": [], "startsAt": "2026-11-04T00:00:00Z"}]}', "a list"),
        (b'{"alerts": [{"status": "maybe", "labels": {}, "startsAt": "2026-11-04T00:00:00Z"}]}', "neither firing"),
        (b'{"alerts": [{"status": "firing", "labels": {}, "startsAt": "yesterday"}]}', "RFC 3339"),
        (b'{"alerts": [{"status": "firing", "labels": {}, "startsAt": 7}]}', "RFC 3339"),
        (b'{"alerts": [{"status": "firing", "labels": {}, "startsAt": "2026-11-04T00:00:00"}]}', "RFC 3339"),
        (b'{"alerts": [{"status": "firing", "labels": {}, "startsAt": "0001-01-01T00:00:00Z"}]}', "before there were"),
        (b'{"alerts": [{"status": "firing", "labels": {}, "startsAt": "0001-01-01T00:00:00+14:00"}]}', "RFC 3339"),
        (b'{"groupKey": 7, "alerts": [{}]}', "'groupKey' is a number"),
        (b'{"alerts": ' + b"9" * 5000 + b"}", "no JSON"),
        (b"[" * 100_000, "nested"),
        (b'{"a":' * 30 + b"1" + b"}" * 30, f"more than {MAX_DEPTH} levels"),
    ],
)
def test_what_is_no_delivery_is_refused_with_the_reason(body: bytes, words: str) -> None:
    with pytest.raises(Refused, match=words):
        parse(body, "alertmanager", LIMITS)


def test_labels_beyond_the_limits_are_cut_and_the_name_and_model_stay() -> None:
    many = alert(**{f"a{index}": "x" for index in range(500)}, z="y" * 100_000)
    (found,) = parse(delivery(many), "alertmanager", LIMITS).alerts
    assert found.trimmed
    assert len(found.labels) == LIMITS.labels
    assert (found.labels["alertname"], found.labels["model"]) == ("ModelQualityDrop", "shop")
    assert all(len(value) <= LIMITS.label_bytes for value in found.labels.values())


def test_alerts_beyond_the_limit_count_as_missing() -> None:
    limits = IntakeLimits(alerts=2)
    found = parse(delivery(*(alert(n=str(n)) for n in range(5)), truncatedAlerts=3), "alertmanager", limits)
    assert (len(found.alerts), found.missing) == (2, 6)


def test_half_characters_in_a_label_become_escapes() -> None:
    body = delivery(alert(note="\ud800"))
    assert parse(body, "alertmanager", LIMITS).alerts[0].labels["note"] == "\\ud800"


def test_a_truncated_delivery_is_completed_with_what_the_api_lists() -> None:
    one, two = alert(instance="a"), alert(instance="b")
    listed = [{**item, "status": {"state": "active", "silencedBy": []}, "receivers": []} for item in (one, two)]
    found = completed(parse(delivery(one, truncatedAlerts=1), "alertmanager", LIMITS), listed, LIMITS)
    assert [item.labels["instance"] for item in found.alerts] == ["a", "b"]
    assert found.missing == 0


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(st.sampled_from(["alerts", "groupKey", "groupLabels", "truncatedAlerts"]), json_values))
def test_any_json_is_read_or_refused_and_nothing_else(document: object) -> None:
    try:
        parse(json.dumps(document).encode(), "alertmanager", LIMITS)
    except Refused:
        return
