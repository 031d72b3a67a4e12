"""`Trainer` as a pipeline elsewhere (any CI server or orchestrator): started, asked about and cancelled over HTTP.

What was started is kept in a file, so that a resumed executor finds the job; the request to start carries the job's
name as ``Idempotency-Key``, so that asking twice after a crash starts one job where the server honours it.
"""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from triage.adapters.http_json import Answer, HttpJson
from triage.adapters.job_runner import TIMED_OUT, write_whole
from triage.adapters.trainer_command import job_name
from triage.catalog import HttpPipeline
from triage.codec import canonical, encode
from triage.errors import Refused, SourceUnavailable, StepFailed
from triage.plain import visible
from triage.ports import TrainingJob, TrainingState

_TRIES = 3
_PAUSE_SECONDS = 0.5
_LOG_CHARACTERS = 2_000


class HttpTrainer:
    """Jobs at ``pipeline``, remembered under ``folder``. ``now`` is the time in Unix seconds."""

    def __init__(self, folder: Path, pipeline: HttpPipeline, now: Callable[[], float] = time.time) -> None:
        self._folder, self._pipeline, self._now = folder, pipeline, now
        self._http = HttpJson("the pipeline's server", pipeline.auth, hint="check training.pipeline", proxies=True)
        self._asked: dict[str, tuple[float, TrainingState]] = {}
        self._away: dict[str, float] = {}

    def start(self, job: TrainingJob) -> None:
        """Raises Refused where the server says no, SourceUnavailable where it does not answer usefully."""
        record = self._record(job.key)
        if record.get("id"):
            state = self.state(job.key)
            if state is not None and state.running:
                return
        if not record or record.get("id"):
            attempt = record.get("attempt", 0) + 1
            name = job_name(job.key) if attempt == 1 else f"{job_name(job.key)}.{attempt}"
            record = {"attempt": attempt, "name": name, "timeout": job.timeout.total_seconds()}
            self._keep(job.key, record)  # before the request: after a crash it is asked for again by the same name
        answer = self._sent(record["name"], job)
        called = str(_at(answer.body, self._pipeline.start.id) or record["name"])
        self._asked.pop(job.key, None)
        self._keep(job.key, {**record, "id": called, "started": self._now()})

    def state(self, key: str) -> TrainingState | None:
        record = self._record(key)
        if not record.get("id"):
            return None
        if "ended" in record:
            return TrainingState(False, record["ended"]["exit_code"], record["ended"]["lost"], record["ended"]["log"])
        at, last = self._asked.get(key, (float("-inf"), TrainingState(True)))
        if self._now() - at < self._pipeline.poll.total_seconds():
            return last
        state = self._told(key, record)
        if state.running and self._now() - record["started"] > record["timeout"]:
            self._call_off(record)
            state = TrainingState(False, TIMED_OUT, log=f"stopped: it took longer than {record['timeout']:g} s")
        self._asked[key] = (self._now(), state)
        if not state.running:
            self._keep(key, {**record, "ended": encode(state)})
        return state

    def cancel(self, key: str) -> None:
        record = self._record(key)
        if record.get("id") and "ended" not in record:
            self._call_off(record)
            self._keep(key, {**record, "ended": encode(TrainingState(False, 130, log="cancelled"))})

    def _sent(self, name: str, job: TrainingJob) -> Answer:
        start = self._pipeline.start
        body = _filled(start.body, name, encode(job.document))
        url = start.url.replace("{key}", quote(name, safe=""))
        for attempt in range(_TRIES):
            try:
                answer = self._http.ask(
                    start.method,
                    url,
                    body=body,
                    headers={"Idempotency-Key": name},
                    timeout_seconds=self._pipeline.timeout.total_seconds(),
                )
            except SourceUnavailable:
                if attempt == _TRIES - 1:
                    raise
            else:
                if answer.status < 300 or answer.status == 409:  # 409: there is a job of that name already
                    return answer
                if answer.status < 500 and answer.status != 429:
                    raise _no(f"the pipeline's server does not start '{name}'", answer)
                if attempt == _TRIES - 1:
                    raise SourceUnavailable(
                        f"the pipeline's server does not start '{name}': {answer.said()}",
                        hint="look at the server, then resume: the job is asked for under the same name",
                    )
            time.sleep(_PAUSE_SECONDS * 2**attempt)
        raise AssertionError("the last try returns or raises")

    def _told(self, key: str, record: Mapping[str, Any]) -> TrainingState:
        """What the server says; while it is away, for as long as the catalogue allows, the job counts as running."""
        call = self._pipeline.state
        try:
            answer = self._http.ask(
                call.method,
                _address(call.url, record),
                timeout_seconds=self._pipeline.timeout.total_seconds(),
            )
            if answer.status in (401, 403):
                raise _no("the pipeline's server does not say how the job stands", answer)
            if answer.status == 404:
                return TrainingState(False, lost=True, log=f"the server knows no job '{record['id']}'")
            if answer.status != 200 or answer.body is None:
                raise SourceUnavailable(
                    f"the pipeline's server answers {answer.said()}", hint="check training.pipeline.state"
                )
        except SourceUnavailable as error:
            away = self._away.setdefault(key, self._now())
            if self._now() - away > self._pipeline.patience.total_seconds():
                raise
            return TrainingState(True, log=f"not known since a while: {error.message}")
        self._away.pop(key, None)
        return self._meant(answer)

    def _meant(self, answer: Answer) -> TrainingState:
        words = self._pipeline.words
        said = _at(answer.body, self._pipeline.status)
        log = visible(canonical(answer.body), _LOG_CHARACTERS)
        word = said.lower() if isinstance(said, str) else ""
        if word in {one.lower() for one in words.running}:
            return TrainingState(True, log=log)
        if word in {one.lower() for one in words.succeeded}:
            return TrainingState(False, 0, log=log)
        if word in {one.lower() for one in words.failed}:
            return TrainingState(False, 1, log=log)
        shown = f"'{visible(str(said), 100)}'" if said is not None else "nothing"
        raise StepFailed(
            f"the pipeline's server says {shown} at '{self._pipeline.status}', which the catalogue does not know",
            hint="add the word to training.pipeline.words, or correct training.pipeline.status",
        )

    def _call_off(self, record: Mapping[str, Any]) -> None:
        call = self._pipeline.cancel
        if call is None:
            return
        answer = self._http.ask(
            call.method, _address(call.url, record), timeout_seconds=self._pipeline.timeout.total_seconds()
        )
        if answer.status >= 400 and answer.status not in (404, 409, 410):  # gone, or ended already
            raise _no(f"the pipeline's server does not cancel '{record['id']}'", answer)

    def _file(self, key: str) -> Path:
        return self._folder / f"{job_name(key)}.http.json"

    def _record(self, key: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(self._file(key).read_text(encoding="utf-8"))
            return found
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise StepFailed(
                f"{self._file(key)} can't be read: {str(error)[:200]}",
                hint="remove it, and see whether a job runs there",
            ) from None

    def _keep(self, key: str, record: Mapping[str, Any]) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_whole(self._file(key), json.dumps(record))
        except OSError as error:
            raise StepFailed(
                f"{self._file(key)} can't be written: {error.strerror}",
                hint="check that the folder is writable and the disk has room",
            ) from error


def _no(doing: str, answer: Answer) -> Refused:
    hint = "check training.pipeline.auth" if answer.status in (401, 403) else "check training.pipeline"
    return Refused(f"{doing}: {answer.said()}", hint=hint)


def _address(url: str, record: Mapping[str, Any]) -> str:
    return url.replace("{key}", quote(record["name"], safe="")).replace("{id}", quote(record["id"], safe=""))


def _at(body: Any, path: str) -> Any:
    """The value at a dotted path, None where there is none."""
    for part in path.split("."):
        body = body.get(part) if isinstance(body, dict) else None
    return body if isinstance(body, str | int) and not isinstance(body, bool) else None


def _filled(value: Any, name: str, document: Any) -> Any:
    if isinstance(value, dict):
        return {key: _filled(item, name, document) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, name, document) for item in value]
    if isinstance(value, str):
        if value == "{job}":
            return document
        return value.replace("{key}", name).replace("{job}", canonical(document))
    return value
