"""What a report must not show is not in it."""

from dataclasses import replace

import pytest

from tests.report import sample
from triage.catalog.reporting import Reporting
from triage.incident import Alert, fold
from triage.report import RENDERERS, render_pdf
from triage.report.redaction import HIDDEN, redacted

SECRETS = (
    "https://ada:hunter2@prometheus.example.org/graph",
    "Authorization: Bearer abcdefghijklmnop",
    "password=hunter2",
    "api_key: hunter2",
    "AKIAABCDEFGHIJKLMNOP",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N",
    "xoxb-1234567890-abcdef",
    "ada.lovelace@example.org",
)


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("form", ["md", "html", "json"])
def test_no_secret_and_no_address_of_a_person_reaches_a_report(secret: str, form: str) -> None:
    alert = replace(sample.ALERT, summary=f"see {secret} now")
    events = redacted(sample.events(alert=alert), Reporting())
    folded = fold(events)
    assert folded is not None
    text = RENDERERS[form](folded, events)
    for part in ("hunter2", "abcdefghijklmnop", "AKIAABCD", "eyJhbGci", "xoxb-", "ada.lovelace"):
        assert part not in text
    assert "see" in text
    assert "now" in text


def test_the_catalogues_own_rules_are_applied_everywhere() -> None:
    rules = Reporting.model_validate({"redact": [{"pattern": "user_loc\\w+", "by": "[feature]"}]})
    events = redacted(sample.events(), rules)
    folded = fold(events)
    assert folded is not None
    for form, render in RENDERERS.items():
        text = render(folded, events)
        assert "user_location" not in text, form
        assert "[feature]" in text.replace("\\[", "[").replace("\\]", "]"), form


def test_single_values_of_a_feature_can_be_hidden() -> None:
    plain = RENDERERS["html"](*sample.incident())
    rules = Reporting(hide_values_of=("user_location",))
    events = redacted(sample.events(), rules)
    folded = fold(events)
    assert folded is not None
    text = RENDERERS["html"](folded, events)
    values = {
        label
        for item in sample.EVIDENCE
        if item.subject == "user_location" and item.chart
        for label in item.chart.get("labels", ())
    }
    assert values
    assert any(value in plain for value in values)
    assert HIDDEN in text
    for value in values:
        assert f">{value}<" not in text


def test_digests_and_the_hash_chain_stay() -> None:
    rules = Reporting.model_validate({"redact": [{"pattern": "[0-9a-f]{8,}"}]})
    events = redacted(sample.events(), rules)
    assert [event.hash for event in events] == [event.hash for event in sample.events()]
    folded = fold(events)
    assert folded is not None
    assert folded.playbook_digest == "sha256:" + "01" * 32


def test_without_anything_to_hide_nothing_changes() -> None:
    told = sample.events(alert=Alert("A", "recommender", sample.NOW, summary="conversion fell to 8.09%"))
    assert [dict(event.data) for event in redacted(told, Reporting())] == [dict(event.data) for event in told]


@pytest.mark.parametrize("form", ["md", "html", "json", "pdf"])
def test_the_same_journal_gives_the_same_bytes(form: str) -> None:
    once, again = sample.incident(), sample.incident()
    if form == "pdf":
        first = render_pdf(*once)
        assert first == render_pdf(*again)
        assert first.startswith(b"%PDF-")
    else:
        assert RENDERERS[form](*once) == RENDERERS[form](*again)
