"""What only a pipeline elsewhere can get wrong: it hangs, lies, is away, or is something else altogether."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.test_trainer import pipeline
from tests.pipeline_server import PipelineServer
from triage.adapters.trainer_http import HttpTrainer
from triage.catalog import HttpPipeline
from triage.errors import ConfigError, Refused, SourceUnavailable, StepFailed
from triage.ports import TrainingJob

KEY = "m-1/retrain"


@pytest.fixture
def server() -> Iterator[PipelineServer]:
    made = PipelineServer()
    yield made
    made.stop()


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def job(seconds: float = 60.0) -> TrainingJob:
    return TrainingJob(KEY, (), Path(), {"model": "shop", "window": "named"}, timedelta(seconds=seconds))


def trainer(folder: Path, server: PipelineServer, clock: Clock | None = None, **changes: Any) -> HttpTrainer:
    fields = pipeline(server.url).model_dump(mode="json")
    made = HttpPipeline.model_validate({**fields, "timeout": "1s", **changes})
    return HttpTrainer(folder, made, clock or Clock())


def test_the_job_is_sent_whole_under_a_name_that_is_the_same_after_a_crash(
    tmp_path: Path, server: PipelineServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    doomed = trainer(tmp_path, server)
    keep = doomed._keep

    def crash(key: str, record: dict[str, Any]) -> None:
        if "id" in record:
            raise KeyboardInterrupt
        keep(key, record)

    monkeypatch.setattr(doomed, "_keep", crash)
    with pytest.raises(KeyboardInterrupt):
        doomed.start(job())
    resumed = trainer(tmp_path, server)
    assert resumed.state(KEY) is None
    resumed.start(job())
    assert server.posts == 2
    ((name, made),) = server.jobs.items()
    assert made["body"] == {"key": name, "job": {"model": "shop", "window": "named"}}
    state = resumed.state(KEY)
    assert state is not None
    assert state.running


def test_the_servers_own_fields_are_filled_where_the_catalogue_puts_them(
    tmp_path: Path, server: PipelineServer
) -> None:
    body = {"ref": "main", "variables": [{"key": "JOB", "value": "job={job}"}], "n": 3, "name": "run-{key}"}
    start = {"url": f"{server.url}/jobs", "id": "data.id", "body": body}
    trainer(tmp_path, server, start=start).start(job())
    ((name, made),) = server.jobs.items()
    assert made["body"] == {
        "ref": "main",
        "variables": [{"key": "JOB", "value": 'job={"model":"shop","window":"named"}'}],
        "n": 3,
        "name": f"run-{name}",
    }


def test_a_server_that_stumbles_is_asked_again_and_one_that_says_no_is_not(
    tmp_path: Path, server: PipelineServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("triage.adapters.trainer_http._PAUSE_SECONDS", 0.0)
    server.replies = [(502, b"<html>bad gateway</html>"), (429, {"message": "slowly"})]
    trainer(tmp_path / "a", server).start(job())
    assert server.posts == 3
    server.replies = [(500, None)] * 9
    with pytest.raises(SourceUnavailable, match="does not start"):
        trainer(tmp_path / "b", server).start(job())
    assert server.posts == 6
    server.replies = [(422, {"message": "no such\nbranch \x1b[2J"})]
    with pytest.raises(Refused, match="422: no such branch ␛"):
        trainer(tmp_path / "c", server).start(job())
    assert server.posts == 7


def test_a_server_that_hangs_is_given_up_in_time(
    tmp_path: Path, server: PipelineServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("triage.adapters.trainer_http._PAUSE_SECONDS", 0.0)
    server.replies = ["hang"] * 3
    with pytest.raises(SourceUnavailable, match=r"no answer within 0\.1 s"):
        trainer(tmp_path, server, timeout="100ms").start(job())


def test_who_is_not_known_is_told_at_once_with_where_the_token_stands(
    tmp_path: Path, server: PipelineServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.token = "s3cret"
    with pytest.raises(Refused, match="401: who are you") as raised:
        trainer(tmp_path / "a", server).start(job())
    assert "auth" in raised.value.hint
    assert server.posts == 1
    monkeypatch.setenv("CI_TOKEN", "s3cret")
    trusted = trainer(tmp_path / "b", server, auth={"bearer": {"env": "CI_TOKEN"}})
    trusted.start(job())
    assert len(server.jobs) == 1
    assert "s3cret" not in "".join(path.read_text() for path in tmp_path.rglob("*.json"))
    monkeypatch.delenv("CI_TOKEN")
    with pytest.raises(ConfigError, match="CI_TOKEN"):
        trainer(tmp_path / "b", server, auth={"bearer": {"env": "CI_TOKEN"}}).state(KEY)


@pytest.mark.parametrize("answer", [b"<html>log in</html>", b"", b"{", b"[" * 100_000])
def test_an_answer_that_is_no_json_is_no_success(tmp_path: Path, server: PipelineServer, answer: bytes) -> None:
    made = trainer(tmp_path, server)
    made.start(job())
    server.replies = [(200, answer)]
    state = made.state(KEY)
    assert state is not None
    assert state.running
    assert "not known" in state.log


@pytest.mark.parametrize("answer", ["success", ["success"], {"data": {}}, {"data": {"state": True}}, {"data": None}])
def test_an_answer_that_does_not_say_how_the_job_stands_is_no_success(
    tmp_path: Path, server: PipelineServer, answer: Any
) -> None:
    made = trainer(tmp_path, server)
    made.start(job())
    server.replies = [(200, answer)]
    with pytest.raises(StepFailed, match="says nothing at"):
        made.state(KEY)


def test_a_word_that_the_catalogue_does_not_know_is_no_success(tmp_path: Path, server: PipelineServer) -> None:
    made = trainer(tmp_path, server)
    made.start(job())
    server.status = "success-ish"
    with pytest.raises(StepFailed, match=r"says 'success-ish' at 'data\.state'"):
        made.state(KEY)


def test_a_server_that_is_away_while_a_job_runs_is_waited_for_and_then_said(
    tmp_path: Path, server: PipelineServer
) -> None:
    clock = Clock()
    made = trainer(tmp_path, server, clock, patience="60s")
    made.start(job(3_600))
    server.replies = [(503, None)] * 2
    clock.now += 10
    state = made.state(KEY)
    assert state is not None
    assert state.running
    assert "not known since a while" in state.log
    clock.now += 61
    with pytest.raises(SourceUnavailable, match="503"):
        made.state(KEY)
    clock.now += 1
    server.status = "success"
    state = made.state(KEY)
    assert state is not None
    assert state.exit_code == 0


def test_a_job_that_the_server_forgot_is_lost(tmp_path: Path, server: PipelineServer) -> None:
    made = trainer(tmp_path, server)
    made.start(job())
    server.jobs.clear()
    state = made.state(KEY)
    assert state is not None
    assert state.lost
    assert not state.running


def test_the_server_is_asked_no_oftener_than_the_catalogue_says(tmp_path: Path, server: PipelineServer) -> None:
    clock = Clock()
    made = trainer(tmp_path, server, clock, poll="5s")
    made.start(job())
    first = made.state(KEY)
    server.status = "failed"
    clock.now += 4
    assert made.state(KEY) == first
    clock.now += 2
    state = made.state(KEY)
    assert state is not None
    assert state.exit_code == 1


def test_a_job_that_takes_too_long_is_called_off_there_too(tmp_path: Path, server: PipelineServer) -> None:
    clock = Clock()
    made = trainer(tmp_path, server, clock)
    made.start(job(30))
    clock.now += 31
    state = made.state(KEY)
    assert state is not None
    assert state.exit_code == 124
    assert server.cancelled == ["/jobs/1"]


def test_a_job_that_ended_stays_as_it_ended_though_the_server_is_gone(tmp_path: Path, server: PipelineServer) -> None:
    made = trainer(tmp_path, server)
    made.start(job())
    server.status = "failed"
    assert made.state(KEY) == trainer(tmp_path, server).state(KEY)
    server.status = "success"
    state = trainer(tmp_path, server).state(KEY)
    assert state is not None
    assert state.exit_code == 1


def test_a_spoilt_record_is_said(tmp_path: Path, server: PipelineServer) -> None:
    made = trainer(tmp_path, server)
    made.start(job())
    (path,) = tmp_path.glob("*.http.json")
    path.write_text("{")
    with pytest.raises(StepFailed, match="can't be read"):
        made.state(KEY)
