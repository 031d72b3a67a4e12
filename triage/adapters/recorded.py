"""`Metrics` from saved range-query results: a folder with one answer of the HTTP API per query, and index.json.

``index.json`` maps each query, as it stands in the catalogue, to the file with its answer. What is not there is not
answered: a recording never makes up a sample.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from triage.adapters.prometheus_grid import Grid
from triage.errors import SourceUnavailable, Unmeasurable, UsageError, near
from triage.incident import Window
from triage.ports import RangeResult, Series

INDEX = "index.json"
_MOST_POINTS = 250_000

Points = Sequence[Sequence[Any]]


class RecordedMetrics:
    """Answers from the recording in ``folder``."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def range(self, query: str, window: Window, step_seconds: float) -> RangeResult:
        """The recorded samples in ``window``, see `on_grid`. Raises SourceUnavailable where ``query`` is unknown."""
        index = self._index()
        file = {_plain(known): file for known, file in index.items()}.get(_plain(query))
        if file is None:
            raise SourceUnavailable(
                f"the query is not in the recording {self.folder}: {query}",
                hint=near(query, index, listing=f"{len(index)} queries are recorded; record it with the others"),
            )
        return on_grid(query, window, step_seconds, self._answer(query, file))

    def check(self) -> str:
        """One line: how many queries are recorded. Raises SourceUnavailable when an answer is missing or broken."""
        index = self._index()
        for query, file in index.items():
            self._answer(query, file)
        return f"a recording of {len(index)} queries in {self.folder}"

    def _index(self) -> dict[str, str]:
        found = self._read(self.folder / INDEX, "the recording's index")
        if not isinstance(found, dict) or not all(isinstance(file, str) for file in found.values()):
            raise self._broken(self.folder / INDEX, "it is no mapping of queries to files")
        return found

    def _answer(self, query: str, file: str) -> list[tuple[dict[str, str], Points]]:
        path = self.folder / file
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise self._broken(self.folder / INDEX, f"'{file}' is outside the folder")
        body = self._read(path, f"the recorded answer to {query}")
        if isinstance(body, dict) and body.get("status") == "error":
            raise SourceUnavailable(
                f"the recorded answer to {query} is an error: {str(body.get('error'))[:200]}", hint="record it again"
            )
        try:
            series = [(item["metric"], item["values"]) for item in body["data"]["result"]]
            for _, points in series:
                np.array([(float(time), float(value)) for time, value in points])
        except (LookupError, TypeError, ValueError):
            raise self._broken(path, "it is no answer of a range query") from None
        return series

    def _read(self, path: Path, what: str) -> Any:
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise SourceUnavailable(f"{what} is missing: there is no {path}", hint="record the queries again") from None
        except (OSError, ValueError) as error:
            raise self._broken(path, str(error)) from None

    def _broken(self, path: Path, why: str) -> SourceUnavailable:
        return SourceUnavailable(f"{path} can't be read as a recording: {why}", hint="record the queries again")


def on_grid(
    query: str, window: Window, step_seconds: float, answer: Iterable[tuple[Mapping[str, str], Points]]
) -> RangeResult:
    """Recorded samples at the multiples of ``step_seconds`` in ``window``, as a server would have answered then.

    Where the recording is coarser than that it keeps its own step, and says so. Nothing in the window: no series.
    """
    if not step_seconds > 0:
        raise UsageError(f"a step of {step_seconds} s", hint="a step is longer than 0 s")
    series = list(answer)
    own = max((_spacing(points) for _, points in series), default=0.0)
    warnings = []
    if own > step_seconds * 1.001:
        warnings.append(f"recorded every {own:g} s, asked for every {step_seconds:g} s")
        step_seconds = own
    first = math.ceil(round(window.start.timestamp() / step_seconds, 6))
    count = max(math.ceil(round(window.end.timestamp() / step_seconds, 6)) - first, 0)
    if count > _MOST_POINTS:
        raise Unmeasurable(f"{count:,} points of {query} are too many", hint="ask for a longer step")
    grid = Grid(first, count, step_seconds)
    slack = min(own or step_seconds, step_seconds) / 2
    for labels, points in series:
        near_step = [point for point in points if _off_grid(float(point[0]), step_seconds) < slack]
        if any(grid.time(0) - slack <= float(point[0]) < grid.time(count) - slack for point in near_step):
            grid.take(labels, near_step)
    if not grid.values:
        warnings.append(_span(series))
    return grid.result(query, window, (*grid.warnings(), *warnings))


def save(folder: str | Path, answers: Mapping[str, Sequence[Series]]) -> None:
    """Add ``answers`` (query to series) to the recording in ``folder``, which is made where there is none.

    A NaN is a moment without a sample.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    index = json.loads((folder / INDEX).read_text(encoding="utf-8")) if (folder / INDEX).exists() else {}
    for query, series in answers.items():
        result = [{"metric": dict(one.labels), "values": _pairs(one)} for one in series]
        body = {"status": "success", "data": {"resultType": "matrix", "result": result}}
        index[query] = file = index.get(query) or _file_name(query)
        (folder / file).write_text(json.dumps(body), encoding="utf-8")
    (folder / INDEX).write_text(json.dumps(index, indent=2, ensure_ascii=False), encoding="utf-8")


def _pairs(series: Series) -> list[list[Any]]:
    kept = np.isfinite(series.values)
    return [
        [time, repr(value)]
        for time, value in zip(series.times[kept].tolist(), series.values[kept].tolist(), strict=True)
    ]


def _file_name(query: str) -> str:
    words = "-".join(re.findall(r"[a-z0-9_]+", query.lower()))[:60].strip("-")
    return f"{words}-{hashlib.sha256(query.encode()).hexdigest()[:8]}.json"


def _plain(query: str) -> str:
    return " ".join(query.split())


def _spacing(points: Points) -> float:
    times = np.array([float(point[0]) for point in points])
    return float(np.median(np.diff(times))) if len(times) > 1 else 0.0


def _off_grid(time: float, step_seconds: float) -> float:
    place = time / step_seconds
    return abs(place - round(place)) * step_seconds


def _span(series: Sequence[tuple[Mapping[str, str], Points]]) -> str:
    times = [float(point[0]) for _, points in series for point in points]
    if not times:
        return "the recorded answer is empty"
    first, last = (np.datetime64(round(end), "s") for end in (min(times), max(times)))
    return f"the recording goes from {first} to {last} UTC, outside the window"
