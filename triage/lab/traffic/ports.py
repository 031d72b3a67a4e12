"""The ports of a world whose traffic goes on: what was recorded up to the alert, and what is simulated after it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd
import pyarrow as pa

from triage.adapters.memory import MemoryDataset, MemoryRouter, MemoryWindows
from triage.adapters.prometheus_grid import Grid
from triage.catalog import Catalog, LevelKind, Model, ServiceLevel
from triage.catalog.fields import format_duration
from triage.errors import EmptyWindow
from triage.incident import Source, Window
from triage.lab.traffic.simulation import Simulation
from triage.ports import DatasetInfo, Metrics, RangeResult, Rollout, Scan, Windows

_WEEK = timedelta(days=7)
_LOOKBACK = timedelta(minutes=5)
"""How long Prometheus holds the last sample of a series."""


class SimulatedRouter(MemoryRouter):
    """A router in memory; the traffic before each change is made as it was routed then."""

    simulation: Simulation | None = None

    def apply(self, model: str, rollout: Rollout, key: str) -> None:
        if self.simulation is not None:
            self.simulation.advance()
        super().apply(model, rollout, key)


class SimulatedMetrics:
    """The KPI, the guardrails and the service levels go on after the recording; any other query is the recording's.

    Errors are those that the simulation counts, any other service level is as it was a week before.
    """

    def __init__(
        self, recorded: Metrics, simulation: Simulation, model: Model, start: float, kpi_delay_seconds: float = 0.0
    ) -> None:
        self._recorded, self._simulation, self._model, self._start = recorded, simulation, model, start
        self._delay_seconds = kpi_delay_seconds

    def range(self, query: str, window: Window, step_seconds: float) -> RangeResult:
        self._simulation.advance()
        if query == self._model.kpi.query:
            return self._kpi(query, window, step_seconds)
        level = next((one for one in self._model.service_levels if one.query == query), None)
        if level is not None and window.end.timestamp() > self._start:
            return self._level(level, window, step_seconds)
        counted = self._counted(query)
        if counted is None:
            return self._recorded.range(query, window, step_seconds)
        return self._on_grid(query, window, step_seconds, *counted)

    def check(self) -> str:
        return f"{self._recorded.check()}, and simulated traffic after it"

    def _kpi(self, query: str, window: Window, step_seconds: float) -> RangeResult:
        """Conversions per request in the hour before each point, over all versions."""
        before = self._recorded.range(query, window, step_seconds)
        counters = self._simulation.counters
        times = np.array(counters.times)
        counted = _delayed(_all(counters.conversions), self._simulation.pace.step_seconds, self._delay_seconds)
        total, events = (_increase(times, one, 3600.0) for one in (_all(counters.requests), counted))
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.where(total > 0, events / total, np.nan)
        share[times < self._start + 3600.0] = np.nan
        grid = _grid(window, step_seconds)
        for one in before.series:
            points = zip(one.times.tolist(), one.values.tolist(), strict=True)
            grid.take({}, [point for point in points if np.isfinite(point[1])])
        after = zip(times.tolist(), share.tolist(), strict=True)
        grid.take({}, [point for point in after if np.isfinite(point[1]) and point[0] % step_seconds == 0])
        return grid.result(query, window, before.warnings)

    def _level(self, level: ServiceLevel, window: Window, step_seconds: float) -> RangeResult:
        asked = Window(window.start - _LOOKBACK, window.end)
        before = self._recorded.range(level.query, asked, step_seconds)
        grid = _grid(window, step_seconds)
        known = [point for one in before.series for point in _points(one.times, one.values) if point[0] <= self._start]
        if level.kind is LevelKind.ERRORS:
            counters, length = self._simulation.counters, _LOOKBACK.total_seconds()
            times = np.arange(self._start + length, counters.times[-1] + 1, length) if counters.times else np.array([])
            total, failed = (
                np.diff(np.interp([self._start, *times], counters.times, _all(one))) if times.size else times
                for one in (counters.requests, counters.errors)
            )
            with np.errstate(invalid="ignore", divide="ignore"):
                after = _points(times, np.where(total > 0, failed / total, np.nan))
        else:
            past = self._recorded.range(level.query, Window(asked.start - _WEEK, asked.end - _WEEK), step_seconds)
            after = [
                (at + _WEEK.total_seconds(), value)
                for one in past.series
                for at, value in _points(one.times, one.values)
            ]
        last = min(window.end, self._simulation.now).timestamp()
        known += [point for point in after if self._start < point[0] <= last]
        grid.take({}, _held(known, step_seconds, last))
        return grid.result(level.query, window, before.warnings)

    def _counted(self, query: str) -> tuple[Mapping[str, list[float]], str, float] | None:
        """Which counter of which version a guardrail's query asks for, and over how many seconds."""
        policy = self._model.release
        if policy is None:
            return None
        counters, interval = self._simulation.counters, policy.interval
        for rule in policy.guardrails:
            events = counters.conversions if rule.name == "conversion" else counters.errors
            for template, counter in ((rule.total, counters.requests), (rule.events, events)):
                for version in {*counters.requests}:
                    made = template.replace("$version", version).replace("$interval", format_duration(interval))
                    if made == query:
                        return counter, version, interval.total_seconds()
        return None

    def _on_grid(
        self,
        query: str,
        window: Window,
        step_seconds: float,
        counter: Mapping[str, list[float]],
        version: str,
        seconds: float,
    ) -> RangeResult:
        times = np.array(self._simulation.counters.times)
        grid = _grid(window, step_seconds)
        increase = _increase(times, np.array(counter[version]), seconds)
        grid.take({"version": version}, list(zip(times.tolist(), increase.tolist(), strict=True)))
        return grid.result(query, window, ())


def _points(times: np.ndarray, values: np.ndarray) -> list[tuple[float, float]]:
    return [point for point in zip(times.tolist(), values.tolist(), strict=True) if np.isfinite(point[1])]


def _held(points: list[tuple[float, float]], step_seconds: float, until: float) -> list[tuple[float, float]]:
    """Each value until the next one comes, or its time is over, at every step in between."""
    held = []
    for place, (at, value) in enumerate(points):
        end = min(points[place + 1][0] if place + 1 < len(points) else until + 1, at + _LOOKBACK.total_seconds())
        moment = -(-at // step_seconds) * step_seconds
        while moment < end:
            held.append((moment, value))
            moment += step_seconds
    return held


def _grid(window: Window, step_seconds: float) -> Grid:
    first = -(-window.start.timestamp() // step_seconds)
    return Grid(int(first), max(int(-(-window.end.timestamp() // step_seconds) - first), 0), step_seconds)


def _all(by_version: Mapping[str, list[float]]) -> np.ndarray:
    return np.sum([np.array(values) for values in by_version.values()], axis=0) if by_version else np.array([])


def _delayed(cumulated: np.ndarray, step_seconds: float, delay_seconds: float) -> np.ndarray:
    """A counter of events that are only counted some time after their request, exponentially ``delay_seconds``."""
    if not delay_seconds or not len(cumulated):
        return cumulated
    new = np.diff(cumulated, prepend=0.0)
    kept = np.exp(-step_seconds / delay_seconds)
    waiting, out = new[0] * kept / (1 - kept), np.empty(len(new))
    for index, arrived in enumerate(new):
        waiting += arrived
        out[index] = waiting * (1 - kept)
        waiting *= kept
    return np.cumsum(out)


def _increase(times: np.ndarray, cumulated: np.ndarray, seconds: float) -> np.ndarray:
    """What a counter grew by in the ``seconds`` before each of ``times`` (n,)."""
    if not len(times):
        return np.array([])
    return cumulated - np.interp(times - seconds, times, cumulated, left=0.0)


class SimulatedWindows:
    """The world's datasets, with the serving log and the labels going on after ``start``."""

    def __init__(self, recorded: Windows, simulation: Simulation, catalog: Catalog, model: Model) -> None:
        self._recorded, self._simulation = recorded, simulation
        log, labels = catalog.dataset(model.serving_log.dataset), model.labels
        names = {"key": str(log.key), "at": log.time, "score": model.serving_log.prediction}
        self._made: dict[str, Callable[[], pd.DataFrame]] = {
            log.name: lambda: _rows(simulation.logged.answers, {**names, "version": str(model.serving_log.version)})
        }
        self._times = {log.name: log.time}
        if labels is not None:
            truth = catalog.dataset(labels.dataset)
            columns = {"key": str(truth.key), "at": truth.time, "label": labels.column}
            self._made[truth.name] = lambda: _rows(simulation.logged.labels, columns)
            self._times[truth.name] = truth.time

    def describe(self, dataset: str) -> DatasetInfo:
        return self._recorded.describe(dataset)

    def scan(self, dataset: str, window: Window | None, columns: Sequence[str] | None = None) -> Scan:
        self._simulation.advance()
        made = self._made[dataset]() if dataset in self._made else pd.DataFrame()
        if len(made):
            made = made[made[self._times[dataset]] <= pd.Timestamp(self._simulation.now)]  # no label before its time
        if not len(made) or window is None:
            return self._recorded.scan(dataset, window, columns)
        schema = [name for name in (columns or made.columns) if name in made.columns]
        table = pa.Table.from_pandas(made[schema], preserve_index=False)
        after = MemoryWindows({dataset: MemoryDataset(_timed(table, made, self._times[dataset]), self._times[dataset])})
        parts: list[Scan] = []
        for windows in (self._recorded, after):
            try:
                parts.append(windows.scan(dataset, window, schema))
            except EmptyWindow:
                continue
        if not parts:
            raise EmptyWindow(f"dataset '{dataset}' has no rows in {window}", hint="choose another window")
        return parts[0] if len(parts) == 1 else _Both(*parts)


def _timed(table: pa.Table, made: pd.DataFrame, time: str) -> pa.Table:
    """``table`` with its time, without which it can't be cut to a window."""
    return table if time in table.column_names else table.append_column(time, pa.Array.from_pandas(made[time]))


def _rows(parts: list[pd.DataFrame], names: Mapping[str, str]) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True).rename(columns=dict(names)) if parts else pd.DataFrame()


@dataclass(frozen=True, slots=True)
class _Both:
    """What was recorded, then what was simulated."""

    before: Scan
    after: Scan

    def batches(self) -> Iterator[pa.RecordBatch]:
        schema = None
        for part in (self.before, self.after):
            for batch in part.batches():
                schema = schema or batch.schema
                table = pa.Table.from_batches([batch]).cast(schema)
                yield from table.to_batches()

    @property
    def source(self) -> Source:
        one, other = self.before.source, self.after.source
        rows = (one.rows or 0) + (other.rows or 0)
        return Source(one.kind, one.name, one.version, f"{one.digest}+{other.digest}", one.window, rows)
