"""How a challenger is trained: on this machine, as an MLflow Project, or by a pipeline elsewhere."""

import re
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from triage.catalog.connections import Auth, Url
from triage.catalog.fields import Name, Part, PositiveDuration, against, folder_of
from triage.document import Wrong

_REMOTE = re.compile(r"^([a-z+]+://|git@)")


def _in_key_or_id(url: str) -> str:
    if not re.search(r"{(key|id)}", url):
        raise Wrong("is the same for every job", "write it with {key} or {id}, as http://ci/jobs/{id}")
    return url


def _project(uri: str, info: ValidationInfo) -> str:
    if not uri.strip():
        raise Wrong("must not be empty")
    return uri if _REMOTE.match(uri) else against(folder_of(info), uri)


class Call(Part):
    """One request to the pipeline's server. In `url`, {key} is the job's name and {id} what the server calls it."""

    url: Annotated[Url, AfterValidator(_in_key_or_id)]
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"


class Start(Part):
    """The request that starts a job; the job's name goes along as `Idempotency-Key` too."""

    url: Url
    method: Literal["POST", "PUT"] = "POST"
    body: dict[str, Any] = Field(default_factory=lambda: {"key": "{key}", "job": "{job}"})
    """Sent as JSON. A value "{job}" becomes the job's document, "{key}" its name, wherever they stand."""
    id: Name = "id"
    """Where the answer says what the job is called there, as in data.id; where it says nothing it is the key."""


class StateWords(Part):
    """What the server's words mean. Any other word is an error, never a success."""

    running: tuple[Name, ...] = ("created", "pending", "queued", "scheduled", "waiting", "preparing", "running")
    succeeded: tuple[Name, ...] = ("success", "succeeded", "successful", "completed", "finished")
    failed: tuple[Name, ...] = ("failed", "failure", "error", "canceled", "cancelled", "skipped", "timed_out")


class HttpPipeline(Part):
    """A job that a CI server or an orchestrator runs: started, asked about and cancelled over HTTP."""

    start: Start
    state: Call
    cancel: Call | None = None
    """Without it an abort leaves the job running there, and says so."""
    status: Name = "status"
    """Where the answer about a job says how it stands, as in data.state."""
    words: StateWords = StateWords()
    auth: Auth = Auth()
    timeout: PositiveDuration = timedelta(seconds=10)
    """Bound of one request."""
    poll: PositiveDuration = timedelta(seconds=5)
    """How often the server is asked."""
    patience: PositiveDuration = timedelta(minutes=5)
    """How long the server may be away while a job runs, before the run stops to wait for a person."""


class MlflowProject(Part):
    """An MLflow Project, run on this machine by `mlflow run`; its entry point finds the job in $TRIAGE_JOB."""

    uri: Annotated[str, AfterValidator(_project)]
    """Folder of the MLproject file, relative to the catalogue's; or the address of a git repository."""
    entry_point: Name = "main"
    version: str = ""
    """Commit or branch, where the project is a git repository."""
    parameters: dict[Name, str] = Field(default_factory=dict)
    env_manager: Literal["local", "virtualenv", "uv", "conda"] = "local"

    @model_validator(mode="after")
    def _pinned(self) -> "MlflowProject":
        if _REMOTE.match(self.uri) and not self.version:
            raise Wrong("is a repository without a version", "add version: COMMIT, so that the same code runs again")
        return self


class Training(Part):
    """How a challenger is trained, and on what. Exactly one of `command`, `project` and `pipeline`."""

    command: Annotated[tuple[Name, ...], Field(min_length=1)] | None = None
    """Program and arguments, run where the catalogue is; it reads the job that $TRIAGE_JOB names. `python` is the
    interpreter that runs triage."""
    project: MlflowProject | None = None
    pipeline: HttpPipeline | None = None
    days: int = Field(7, ge=1, le=3650)
    """Length of the training window, which ends where the hold-out begins."""
    holdout: PositiveDuration = timedelta(hours=24)
    """The newest part of the incident window: never given to the job, so that the comparison is fair."""
    timeout: PositiveDuration = timedelta(hours=1)
    min_labelled: int = Field(5_000, ge=1)
    """Labelled rows of the window below which training is refused."""

    @model_validator(mode="after")
    def _one_of(self) -> "Training":
        if sum(way is not None for way in (self.command, self.project, self.pipeline)) != 1:
            raise Wrong("needs exactly one of command, project, pipeline", "such as command: [python, train.py]")
        return self

    @property
    def way(self) -> tuple[str, ...]:
        """What trains, in words: program and arguments, or the address that is asked."""
        if self.project is not None:
            pinned = (f"at {self.project.version}",) if self.project.version else ()
            return ("mlflow", "run", self.project.uri, "-e", self.project.entry_point, *pinned)
        if self.pipeline is not None:
            return (self.pipeline.start.method, self.pipeline.start.url)
        return self.command or ()
