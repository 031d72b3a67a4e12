import json
import math
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.codec import canonical, decode, digest, encode, format_time, parse_time
from triage.incident import CauseKind, Evidence, Measure, Source, Verdict, Window

START = datetime(2026, 11, 2, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(hours=48))
TEXT = st.text(st.characters(), max_size=40)


@given(TEXT, TEXT, st.floats(allow_nan=False, allow_infinity=False))
def test_evidence_comes_back_as_it_was(statement: str, subject: str, value: float) -> None:
    item = Evidence(
        id="e",
        step="s",
        about=CauseKind.FEATURE_DRIFT,
        verdict=Verdict.SUPPORTS,
        statement=statement.encode(errors="ignore").decode(),
        subject=subject.encode(errors="ignore").decode(),
        measures=(Measure("psi", value, "nats"),),
        sources=(Source("dataset", "log", "1", "xxh3:0", WINDOW, 3),),
        window=WINDOW,
    )
    assert decode(Evidence, json.loads(canonical(item))) == item


@given(st.text(st.characters(categories=["Cs", "L", "Cc"]), max_size=20))
def test_any_text_can_be_written_as_utf_8_also_half_characters(text: str) -> None:
    assert json.loads(canonical({text: [text]}).encode()) is not None


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float32("nan")])
def test_what_json_can_not_say_is_null(value: float) -> None:
    assert canonical([value]) == "[null]"


def test_times_are_in_utc_and_need_a_zone() -> None:
    there = timezone(timedelta(hours=2))
    assert format_time(datetime(2026, 11, 2, 2, tzinfo=there)) == "2026-11-02T00:00:00Z"
    assert parse_time("2026-11-02T02:00:00+02:00") == START
    for naive in (lambda: format_time(datetime(2026, 11, 2)), lambda: parse_time("2026-11-02T00:00:00")):  # noqa: DTZ001
        with pytest.raises(ValueError, match="zone"):
            naive()


def test_what_has_no_json_form_is_refused() -> None:
    with pytest.raises(TypeError, match="object has no JSON form"):
        encode({"a": object()})


def test_a_digest_does_not_depend_on_the_order_of_keys() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest({"a": 1, "b": 3})


def test_keys_of_a_newer_version_are_passed_over_and_missing_ones_take_their_defaults() -> None:
    data = {"name": "psi", "value": 0.5, "from_2031": True}
    assert decode(Measure, data) == Measure("psi", 0.5)
