import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from triage.adapters.memory import MemoryMetrics
from triage.adapters.recorded import RecordedMetrics, save
from triage.errors import SourceUnavailable
from triage.incident import Window
from triage.ports import Metrics, Series

START = datetime(2026, 11, 1, tzinfo=UTC)
QUERY = 'sum(rate(requests_total{code="500"}[5m]))'
TIMES = START.timestamp() + 3600.0 * np.arange(24)
VALUES = np.where(np.arange(24) == 5, np.nan, np.arange(24) / 3)


def answers() -> dict[str, list[Series]]:
    return {QUERY: [Series({"job": "a"}, TIMES, VALUES)]}


def day(days: float = 0) -> Window:
    return Window(START + timedelta(days=days), START + timedelta(days=days + 1))


@pytest.fixture(params=["recorded", "memory"])
def metrics(request: pytest.FixtureRequest, tmp_path: Path) -> Metrics:
    if request.param == "memory":
        return MemoryMetrics(answers())
    save(tmp_path / "metrics", answers())
    return RecordedMetrics(tmp_path / "metrics")


def test_what_was_saved_comes_back_with_its_gaps(metrics: Metrics) -> None:
    result = metrics.range(QUERY, day(), 3600)
    (series,) = result.series
    assert series.labels == {"job": "a"}
    np.testing.assert_array_equal(series.times, TIMES)
    np.testing.assert_array_equal(series.values, VALUES)
    assert (result.source.name, result.source.rows, result.warnings) == (QUERY, 23, ())


def test_the_digest_tells_another_answer(tmp_path: Path) -> None:
    changed = {QUERY: [Series({"job": "a"}, TIMES, VALUES + (np.arange(24) == 9) * 1e-12)]}
    one, other = MemoryMetrics(answers()), MemoryMetrics(changed)
    assert one.range(QUERY, day(), 3600).source.digest != other.range(QUERY, day(), 3600).source.digest
    assert one.range(QUERY, day(), 3600).source.digest == one.range(QUERY, day(), 3600).source.digest


def test_a_query_that_is_not_recorded_is_refused_with_the_nearest(metrics: Metrics) -> None:
    with pytest.raises(SourceUnavailable, match="sum\\(rate\\(request_total") as raised:
        metrics.range(QUERY.replace("requests_total", "request_total"), day(), 3600)
    assert QUERY in raised.value.hint


def test_outside_the_recording_there_is_no_series_and_a_word_why(metrics: Metrics) -> None:
    result = metrics.range(QUERY, day(5), 3600)
    assert result.series == ()
    assert "outside the window" in " ".join(result.warnings)


def test_a_recording_coarser_than_asked_keeps_its_step_and_says_so(metrics: Metrics) -> None:
    result = metrics.range(QUERY, day(), 300)
    assert len(result.series[0].values) == 24
    assert "recorded every 3600 s, asked for every 300 s" in result.warnings


def test_a_longer_step_takes_the_samples_that_lie_on_it(metrics: Metrics) -> None:
    values = metrics.range(QUERY, day(), 4 * 3600).series[0].values
    np.testing.assert_array_equal(values, VALUES[::4])


def test_white_space_in_a_query_does_not_matter(tmp_path: Path) -> None:
    save(tmp_path, answers())
    assert RecordedMetrics(tmp_path).range(f"  {QUERY}\n", day(), 3600).series


@pytest.mark.parametrize(
    ("file", "body", "says"),
    [
        ("index.json", None, "the recording's index is missing"),
        ("index.json", "[1]", "no mapping of queries to files"),
        ("index.json", json.dumps({QUERY: "../secret.json"}), "outside the folder"),
        ("answer", None, "the recorded answer to"),
        ("answer", "{", "can't be read as a recording"),
        ("answer", "{}", "no answer of a range query"),
        ("answer", '{"status": "error", "error": "too long"}', "is an error: too long"),
        ("answer", '{"data": {"result": [{"metric": {}, "values": [["x", "1"]]}]}}', "no answer of a range query"),
    ],
)
def test_a_broken_recording_is_said_by_its_file(tmp_path: Path, file: str, body: str | None, says: str) -> None:
    save(tmp_path, answers())
    name = file if file == "index.json" else json.loads((tmp_path / "index.json").read_text())[QUERY]
    if body is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_text(body)
    with pytest.raises(SourceUnavailable, match=says):
        RecordedMetrics(tmp_path).range(QUERY, day(), 3600)
    with pytest.raises(SourceUnavailable, match=says):
        RecordedMetrics(tmp_path).check()
