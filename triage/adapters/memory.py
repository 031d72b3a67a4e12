"""Every port in memory, for rehearsals and tests: the same answers and refusals as the real ones, without a server."""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from triage.adapters.parquet_times import inside
from triage.adapters.recorded import on_grid
from triage.adapters.refusals import halted, moved_outside
from triage.errors import DataError, EmptyWindow, NotFound, Refused, SourceUnavailable, Unmeasurable, near
from triage.incident import Source, Window
from triage.ports import (
    AliasMove,
    DatasetInfo,
    ModelVersion,
    Provenance,
    RangeResult,
    Rollout,
    RulesWritten,
    Series,
    Serving,
)

if TYPE_CHECKING:
    import pandas as pd

_UTC = pa.timestamp("us", "UTC")


class MemoryClock:
    """A clock that stands still until someone sleeps."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


class MemoryMetrics:
    """Answers by query. Raises SourceUnavailable for any other query."""

    def __init__(self, answers: Mapping[str, Sequence[Series]]) -> None:
        self._answers = answers

    def range(self, query: str, window: Window, step_seconds: float) -> RangeResult:
        if query not in self._answers:
            raise SourceUnavailable(f"no answer to the query: {query}", hint=near(query, self._answers))
        answer = [
            (series.labels, list(zip(series.times.tolist(), series.values.tolist(), strict=True)))
            for series in self._answers[query]
        ]
        return on_grid(query, window, step_seconds, answer)

    def check(self) -> str:
        return f"{len(self._answers)} queries in memory"


@dataclass(frozen=True, slots=True)
class MemoryDataset:
    """``rows`` with the column ``time`` (timestamps; without a zone they are UTC)."""

    rows: pa.Table
    time: str
    version: str = "memory"


class MemoryWindows:
    def __init__(self, datasets: Mapping[str, MemoryDataset]) -> None:
        self._datasets = datasets

    def describe(self, dataset: str) -> DatasetInfo:
        found = self._dataset(dataset)
        ends = pc.min_max(found.rows.column(found.time).cast(_UTC)).as_py()
        return DatasetInfo(
            name=dataset,
            version=found.version,
            columns={
                name: str(type_) for name, type_ in zip(found.rows.schema.names, found.rows.schema.types, strict=True)
            },
            rows=found.rows.num_rows,
            files=1,
            first=ends["min"],
            last=ends["max"],
        )

    def scan(self, dataset: str, window: Window | None, columns: Sequence[str] | None = None) -> "MemoryScan":
        found = self._dataset(dataset)
        there = found.rows.column_names
        names = list(columns) if columns is not None else there
        known = set(there)
        for name in names:
            if name not in known:
                hint = near(name, there, listing=f"columns: {', '.join(there)}")
                raise DataError(f"no column '{name}' in dataset '{dataset}'", hint=hint)
        place = there.index(found.time)
        rows = found.rows.set_column(place, found.time, found.rows.column(found.time).cast(_UTC))
        if window is not None:
            rows = rows.filter(inside(rows.column(found.time), window))
        if not rows.num_rows:
            raise EmptyWindow(f"dataset '{dataset}' has no rows in {window}", hint="choose another window")
        return MemoryScan(dataset, found.version, window, rows.select(names))

    def _dataset(self, name: str) -> MemoryDataset:
        if name not in self._datasets:
            raise NotFound(f"no dataset '{name}'", hint=near(name, self._datasets))
        return self._datasets[name]


class MemoryScan:
    def __init__(self, dataset: str, version: str, window: Window | None, rows: pa.Table) -> None:
        self._dataset = dataset
        self._version = version
        self._window = window
        self._rows = rows

    def batches(self) -> Iterator[pa.RecordBatch]:
        yield from self._rows.to_batches()

    @property
    def source(self) -> Source:
        sink = _Hashed()
        with pa.ipc.new_stream(pa.PythonFile(sink, "w"), self._rows.schema) as stream:
            stream.write_table(self._rows.combine_chunks())
        digest = f"xxh3:{sink.hash.hexdigest()}"
        return Source("dataset", self._dataset, self._version, digest, self._window, self._rows.num_rows)


class _Hashed(io.RawIOBase):
    """A file of which nothing but the hash is kept."""

    def __init__(self) -> None:
        self.hash = xxhash.xxh3_128()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.hash.update(data)
        return len(data)


@dataclass(slots=True)
class _Kept:
    version: ModelVersion
    predict: "Callable[[pd.DataFrame], np.ndarray] | None"
    artifacts: dict[str, bytes] = field(default_factory=dict)
    made: Provenance = field(default_factory=Provenance)


@dataclass(frozen=True, slots=True)
class MemoryPredictor:
    version: ModelVersion
    answer: "Callable[[pd.DataFrame], np.ndarray]"

    def predict(self, rows: "pd.DataFrame") -> np.ndarray:
        missing = [name for name in self.version.inputs or () if name not in rows.columns]
        if missing:
            raise Unmeasurable(f"rows lack {', '.join(missing)}, which the model needs")
        return np.asarray(self.answer(rows), dtype=np.float64)


class MemoryRules:
    """Rule files in a mapping; ``refuses`` makes the next reload fail with these words."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.writes = 0
        self.refuses = ""

    def read(self, name: str) -> str:
        return self.files.get(name, "")

    def write(self, files: Mapping[str, str | None], message: str) -> RulesWritten:
        if self.refuses:
            raise Refused(self.refuses)
        if not self.holds(files):
            self.writes += 1
        for name, text in files.items():
            self.files.pop(name, None)
            if text is not None:
                self.files[name] = text
        return RulesWritten("memory", True)

    def holds(self, files: Mapping[str, str | None]) -> bool:
        return all(self.files.get(name) == text for name, text in files.items())

    def check(self) -> str:
        return f"{len(self.files)} rule files in memory"


class MemoryRegistry:
    """Versions that were `add`-ed, with aliases, tags and artifacts."""

    def __init__(self) -> None:
        self._kept: dict[str, dict[str, _Kept]] = {}
        self._moves: dict[str, dict[str, AliasMove]] = {}

    def add(
        self,
        version: ModelVersion,
        predict: "Callable[[pd.DataFrame], np.ndarray] | None" = None,
        made: Provenance | None = None,
    ) -> None:
        """Register ``version``; its aliases move to it."""
        versions = self._kept.setdefault(version.name, {})
        for kept in versions.values():
            rest = tuple(alias for alias in kept.version.aliases if alias not in version.aliases)
            kept.version = replace(kept.version, aliases=rest)
        versions[version.version] = _Kept(version, predict, made=made or Provenance())

    def champion(self, model: str, alias: str) -> ModelVersion:
        known = {name: kept.version for kept in self._model(model).values() for name in kept.version.aliases}
        if alias not in known:
            raise NotFound(f"'{model}' has no alias '{alias}'", hint=near(alias, known))
        return known[alias]

    def version(self, model: str, version: str) -> ModelVersion:
        return self._one(model, version).version

    def versions(self, model: str) -> tuple[ModelVersion, ...]:
        return tuple(kept.version for kept in reversed(self._model(model).values()))

    def provenance(self, version: ModelVersion) -> Provenance:
        return self._one(version.name, version.version).made

    def predictor(self, version: ModelVersion) -> MemoryPredictor:
        kept = self._one(version.name, version.version)
        if kept.predict is None:
            raise Unmeasurable(f"'{version.name}' version {version.version} can't be loaded")
        return MemoryPredictor(kept.version, kept.predict)

    def load_artifact(self, version: ModelVersion, name: str) -> bytes | None:
        return self._one(version.name, version.version).artifacts.get(name)

    def save_artifact(self, version: ModelVersion, name: str, body: bytes) -> None:
        self._one(version.name, version.version).artifacts[name] = body

    def tag(self, version: ModelVersion, key: str, value: str) -> None:
        kept = self._one(version.name, version.version)
        kept.version = replace(kept.version, tags={**(kept.version.tags or {}), key: value})

    def move_alias(self, model: str, alias: str, version: str, *, expected: str, key: str) -> None:
        target, made = self._one(model, version), self._moves.setdefault(model, {})
        now = next((name for name, kept in self._model(model).items() if alias in kept.version.aliases), "")
        if now == version and key in made:
            return
        if now != expected:
            raise moved_outside(model, alias, expected, now)
        made.pop(key, None)
        made[key] = AliasMove(alias, expected, version, datetime.now(UTC), key)
        for kept in self._model(model).values():
            kept.version = replace(kept.version, aliases=tuple(one for one in kept.version.aliases if one != alias))
        target.version = replace(target.version, aliases=(*target.version.aliases, alias))

    def moves(self, model: str) -> tuple[AliasMove, ...]:
        self._model(model)
        return tuple(self._moves.get(model, {}).values())

    def check(self) -> str:
        return f"{len(self._kept)} models in memory"

    def _model(self, model: str) -> dict[str, _Kept]:
        if model not in self._kept:
            raise NotFound(f"no registered model '{model}'", hint=near(model, self._kept))
        return self._kept[model]

    def _one(self, model: str, version: str) -> _Kept:
        versions = self._model(model)
        if version not in versions:
            raise NotFound(f"'{model}' has no version {version}", hint=f"versions: {', '.join(versions)}")
        return versions[version]


class MemoryRouter:
    """Rollouts by model. ``broken`` versions can't be loaded; while it is ``away`` nothing answers."""

    def __init__(self, rollouts: Mapping[str, Rollout], broken: Iterable[str] = ()) -> None:
        self._rollouts = dict(rollouts)
        self._keys: dict[str, str] = {}
        self._halted: set[str] = set()
        self.broken = set(broken)
        self.away = False

    def current(self, model: str) -> Rollout:
        self._ask()
        if model not in self._rollouts:
            raise NotFound(f"no rollout of '{model}'", hint=near(model, self._rollouts))
        return self._rollouts[model]

    def apply(self, model: str, rollout: Rollout, key: str) -> None:
        self._ask()
        if self._keys.get(model) == key and self._rollouts[model] == rollout:
            if model in self._halted:
                raise halted(model)
            return
        for version in (rollout.champion, rollout.challenger):
            if version in self.broken:
                raise Refused(f"version {version} of '{model}' can't be loaded", hint="look at the version's artifacts")
        self._rollouts[model], self._keys[model] = rollout, key
        self._halted.discard(model)

    def applied(self, model: str) -> str:
        self._ask()
        return self._keys.get(model, "")

    def halt(self, model: str) -> bool:
        self._ask()
        self._halted.add(model)
        return True

    def serving(self, model: str) -> tuple[Serving, ...]:
        rollout = self.current(model)
        champion = Serving("champion", rollout.champion)
        if not rollout.challenger:
            return (champion,)
        return champion, Serving("standby" if model in self._halted else "challenger", rollout.challenger)

    def check(self, model: str) -> str:
        return f"in memory, version {self.current(model).champion} serves"

    def _ask(self) -> None:
        if self.away:
            raise SourceUnavailable("the router does not answer", hint="start it")
