import json
import math
from dataclasses import replace

import jsonschema
import pytest

from tests.report.hostile import HOSTILE_CHANGES
from tests.report.sample import DIAGNOSIS, DROP, EVIDENCE, incident
from triage.incident import Measure, fold
from triage.report import json_schema, render_json


def document(**changes):
    return json.loads(render_json(*incident(**changes)))


def test_the_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("changes", [{}, HOSTILE_CHANGES, {"diagnosis": None, "plan": None, "evidence": ()}])
def test_a_document_holds_to_the_schema(changes):
    jsonschema.validate(document(**changes), json_schema())


def test_the_document_of_every_prefix_of_a_journal_holds_to_the_schema():
    _, told = incident()
    for length in range(1, len(told) + 1):
        jsonschema.validate(json.loads(render_json(fold(told[:length]), told[:length])), json_schema())


def test_the_schema_refuses_a_document_with_a_missing_or_unknown_key():
    whole = document()
    for broken in ({**whole, "extra": 1}, {key: value for key, value in whole.items() if key != "causes"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, json_schema())


def test_the_keys_that_scripts_rely_on_are_there():
    whole = document()
    assert whole["incident"] == "recommender-1"
    assert whole["model"] == "recommender"
    assert whole["window"] == {"start": "2026-11-18T09:00:00Z", "end": "2026-11-20T09:00:00Z"}
    top = whole["causes"][0]
    assert (top["kind"], top["subject"], top["probability"]) == ("feature_drift", "user_location", 0.91)
    assert top["share_of_drop"] == 0.78
    assert set(top["evidence"]) <= {item["id"] for item in whole["evidence"]}
    assert {item["kind"] for item in whole["ruled_out"]} == {"infrastructure", "data_quality", "bad_deploy"}
    assert whole["unmeasured"][0]["what"] == "error rate"
    assert whole["plan"]["digest"].startswith("sha256:")


def test_a_figure_that_is_no_number_is_null():
    evidence = (replace(EVIDENCE[0], measures=(Measure("x", math.nan), Measure("y", math.inf))),)
    whole = document(evidence=evidence, diagnosis=replace(DIAGNOSIS, drop=replace(DROP, low=math.nan)))
    assert [item["value"] for item in whole["evidence"][0]["measures"]] == [None, None]
    assert whole["drop"]["low"] is None
    jsonschema.validate(whole, json_schema())


def test_json_text_is_safe_to_print_and_reads_back_as_it_was():
    text = render_json(*incident(**HOSTILE_CHANGES))
    text.encode()
    assert not [c for c in text if (ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160 or c in "\u202e\u2066"]
    statement = HOSTILE_CHANGES["diagnosis"].statement
    assert json.loads(text)["summary"] == statement.encode(errors="backslashreplace").decode()  # half characters aside
