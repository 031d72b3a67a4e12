"""What the core asks of the world, as Protocols. Adapters implement them; wiring chooses the adapter."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from triage.incident import Source, Window

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa


class Clock(Protocol):
    def now(self) -> datetime:
        """The time, aware and in UTC."""

    def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Series:
    """``times`` in Unix seconds, ascending, and ``values`` beside them, NaN a gap; both float64, shape (n,)."""

    labels: Mapping[str, str]
    times: "np.ndarray"
    values: "np.ndarray"


@dataclass(frozen=True, slots=True)
class RangeResult:
    """What a range query returned. No series at all means *unmeasured*, never zero."""

    series: tuple[Series, ...]
    source: Source
    warnings: tuple[str, ...] = ()


class Metrics(Protocol):
    """A server that answers PromQL."""

    def range(self, query: str, window: Window, step_seconds: float) -> RangeResult:
        """Evaluate ``query`` every ``step_seconds`` over ``window``. Raises SourceUnavailable, naming the query."""

    def check(self) -> str:
        """One line that says what answers, and as whom. Raises SourceUnavailable."""


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """What is known of a dataset from its metadata alone; ``columns`` maps each name to its Arrow type, as text."""

    name: str
    version: str
    columns: Mapping[str, str]
    rows: int
    files: int
    first: datetime | None
    last: datetime | None


class Scan(Protocol):
    """One pass over one window of a dataset."""

    def batches(self) -> "Iterator[pa.RecordBatch]":
        """The rows, row group by row group, only the columns asked for. Raises DataError on a broken file."""

    @property
    def source(self) -> Source:
        """Name, version, window, rows and digest of what was read; complete once all of it has been."""


class Windows(Protocol):
    """Data, named and versioned in the catalogue."""

    def describe(self, dataset: str) -> DatasetInfo:
        """Raises DataError, NotFound."""

    def scan(self, dataset: str, window: Window | None, columns: Sequence[str] | None = None) -> Scan:
        """Open ``window`` (None: all rows) of ``dataset``. Raises DataError when it, or a column, is not there."""


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A version in the registry. ``inputs`` maps feature names of the signature to MLflow type names, if it has one."""

    name: str
    version: str
    aliases: tuple[str, ...] = ()
    created_at: datetime | None = None
    run_id: str = ""
    source: str = ""
    inputs: Mapping[str, str] | None = None
    tags: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class AliasMove:
    """``alias`` moved from version ``previous`` (nothing: it was new) to ``version``, by the change with ``key``."""

    alias: str
    previous: str
    version: str
    at: datetime
    key: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """What the registry keeps of a version's making; empty where it keeps nothing, ``problem`` where it can't be read.

    ``datasets`` are the inputs that the run was logged with, ``requirements`` the lines of the model's own list of
    packages, ``python`` the version of Python it was made with, ``image`` the container image it was made in.
    """

    status: str = ""
    started_at: datetime | None = None
    made_by: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    datasets: tuple[Source, ...] = ()
    requirements: tuple[str, ...] = ()
    python: str = ""
    image: str = ""
    problem: str = ""


class Predictor(Protocol):
    """A model loaded by version."""

    version: ModelVersion

    def predict(self, rows: "pd.DataFrame") -> "np.ndarray":
        """Scores, shape (n,): probability of the positive class, or the predicted value. Raises Unmeasurable."""


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """What to train, by name: ``document`` (JSON values) says which datasets, versions and window; no path in it.

    ``key`` names the job for good: the same key is the same job, whoever asks and however often. ``command`` is empty
    where the trainer knows by itself what to run.
    """

    key: str
    command: tuple[str, ...]
    folder: Path
    document: Mapping[str, Any]
    timeout: timedelta


@dataclass(frozen=True, slots=True)
class TrainingState:
    """``exit_code`` is None while the job runs, and where it ended without a word (``lost``). ``log`` is its tail."""

    running: bool
    exit_code: int | None = None
    lost: bool = False
    log: str = ""


class Trainer(Protocol):
    """Runs training jobs that outlive the executor which started them."""

    def start(self, job: TrainingJob) -> None:
        """Start ``job`` unless it runs already; a job that ended starts afresh. Raises StepFailed."""

    def state(self, key: str) -> TrainingState | None:
        """How the job called ``key`` stands, or None where it was never started."""

    def cancel(self, key: str) -> None:
        """End the job and everything it started, if it runs."""


class Registry(Protocol):
    """The model registry: the only way to production."""

    def champion(self, model: str, alias: str) -> ModelVersion:
        """The version ``alias`` points at now. Raises NotFound, SourceUnavailable."""

    def version(self, model: str, version: str) -> ModelVersion: ...

    def versions(self, model: str) -> tuple[ModelVersion, ...]:
        """Newest first."""

    def provenance(self, version: ModelVersion) -> Provenance:
        """How the version was made. Raises SourceUnavailable."""

    def predictor(self, version: ModelVersion) -> Predictor:
        """Load the model. Raises Unmeasurable when it can't be loaded."""

    def load_artifact(self, version: ModelVersion, name: str) -> bytes | None:
        """A file kept with the version (such as its baseline profile), or None where there is none."""

    def save_artifact(self, version: ModelVersion, name: str, body: bytes) -> None: ...

    def tag(self, version: ModelVersion, key: str, value: str) -> None:
        """Write a tag on the version; tags never change what is served."""

    def move_alias(self, model: str, alias: str, version: str, *, expected: str, key: str) -> None:
        """Point ``alias`` at ``version``, if it points at ``expected`` now; the same ``key`` again changes nothing.

        The move is kept with the version: see `moves`. Raises Refused where the alias points elsewhere, or moved
        meanwhile; NotFound, SourceUnavailable.
        """

    def moves(self, model: str) -> tuple[AliasMove, ...]:
        """What `move_alias` moved, any alias of ``model``, oldest first. Raises NotFound, SourceUnavailable."""

    def check(self) -> str:
        """One line that says what answers. Raises SourceUnavailable."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """Who serves a model: ``champion``, and beside it a ``challenger`` that answers ``weight`` of the requests.

    ``shadow`` is the share of requests that the challenger is asked as well, its answers thrown away. Both shares are
    fractions from 0 to 1; without a challenger both are 0. Versions are the registry's, never aliases.
    """

    champion: str
    challenger: str = ""
    weight: float = 0.0
    shadow: float = 0.0

    def __post_init__(self) -> None:
        if not self.champion or self.champion == self.challenger:
            raise ValueError(f"a rollout needs a champion, and another version as challenger: {self}")
        if not (0 <= self.weight <= 1 and 0 <= self.shadow <= 1):
            raise ValueError(f"weight and shadow are fractions from 0 to 1: {self}")
        if not self.challenger and (self.weight or self.shadow):
            raise ValueError(f"without a challenger it has no share: {self}")


@dataclass(frozen=True, slots=True)
class Serving:
    """What a server said when it was asked: the ``version`` it has loaded.

    ``role`` is the part the committed spec gives it: champion, challenger, or standby where no request reaches it.
    """

    role: str
    version: str


@dataclass(frozen=True, slots=True)
class RulesWritten:
    """What became of rule files: ``where`` they are now (a folder, or branch and commit), and whether they are loaded.

    ``loaded`` is None where nobody was asked to load them; ``words`` says more.
    """

    where: str
    loaded: bool | None
    words: str = ""


class RuleStore(Protocol):
    """Where prevention rules are kept for Prometheus. Names are relative, as in ``triage-shop.yml``."""

    def read(self, name: str) -> str:
        """What the file holds, or nothing where there is none. Raises Refused where it can't be read."""

    def write(self, files: Mapping[str, str | None], message: str) -> RulesWritten:
        """Replace these files (None takes one away) and have them loaded; the same again changes nothing.

        Raises Refused where a file can't be written, or Prometheus refuses the rules: then what was there before is
        there again, and loaded. Raises SourceUnavailable where Prometheus is away; nothing is written then.
        """

    def holds(self, files: Mapping[str, str | None]) -> bool:
        """Whether exactly these contents are there, and loaded as far as that can be asked."""

    def check(self) -> str:
        """One line that says where rules go. Raises Refused, SourceUnavailable."""


@dataclass(frozen=True, slots=True)
class RulesTested:
    """``passed`` is None where nothing could test them; ``words`` are the tool's, or why it was not asked."""

    passed: bool | None
    words: str


class RuleTester(Protocol):
    """Runs the unit tests of a rule file."""

    def test(self, name: str, rules: str, cases: str) -> RulesTested:
        """Check ``rules`` and run ``cases``, which name the rule file ``name``."""


class Router(Protocol):
    """Sends a model's requests to its versions, from one committed rollout spec. ``model`` is the registered model."""

    def current(self, model: str) -> Rollout:
        """The committed spec. Raises NotFound where there is none yet, SourceUnavailable."""

    def apply(self, model: str, rollout: Rollout, key: str) -> None:
        """Commit ``rollout`` and let it take effect, with no request dropped; the same again changes nothing.

        ``key`` is written beside the spec, so that a resumed run finds its own change. Versions are loaded and
        verified before traffic reaches them. A new key lifts the kill switch; the same one again does not, and is
        refused while it is on. Raises Refused where the spec or a version is refused, SourceUnavailable where a
        server is away; what served before then goes on serving.
        """

    def applied(self, model: str) -> str:
        """The key of the change that is in force, or nothing where none was made through here.

        Raises SourceUnavailable where it can't be known.
        """

    def halt(self, model: str) -> bool:
        """The kill switch: send every request to the champion at once, whatever the spec says, which stays as it is.

        False where this router has none; then `apply` is the way. Raises SourceUnavailable.
        """

    def serving(self, model: str) -> tuple[Serving, ...]:
        """Which versions really answer, asked of the servers themselves. Raises SourceUnavailable.

        Empty where nobody can be asked: then what is served is unmeasured.
        """

    def check(self, model: str) -> str:
        """One line that says what answers, and that it serves what is committed. Raises NotFound, SourceUnavailable."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What a person is told. ``id`` is the same each time it is sent; ``of`` is the journal line it tells of.

    ``moment`` is needs_approval, needs_person or done, ``words`` says it in words. All text may hold what data holds.
    """

    id: str
    of: int
    incident: str
    model: str
    moment: str
    words: str
    cause: str
    reason: str
    command: str
    at: datetime


class Notifier(Protocol):
    """A way to tell people."""

    def send(self, notice: Notice) -> None:
        """Tell it once. Raises SourceUnavailable where it may be tried again, Refused where that would not help."""
