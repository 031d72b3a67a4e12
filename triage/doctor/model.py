"""The checks of one model on call."""

from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from triage.catalog import Catalog, Model
from triage.doctor.check import Finding
from triage.errors import TriageError, near
from triage.incident import Window
from triage.ports import DatasetInfo, ModelVersion, Windows
from triage.reading.served_by import served_by
from triage.step import Ports

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_ROWS_TO_SCORE = 50
_KEYS_TO_JOIN = 2_000
_FRESH = timedelta(hours=3)
_TEXT = ("string", "large_string", "dictionary")


class ModelChecks:
    """The checks of one model. "Now" is the serving log's newest row, so that recorded worlds can be checked too."""

    def __init__(self, catalog: Catalog, model: Model, ports: Ports) -> None:
        self._catalog = catalog
        self._model = model
        self._ports = ports

    def query(self, query: str, step: timedelta, one_series: bool) -> Finding:
        now = self._now()
        result = self._ports.metrics.range(query, Window(now - _DAY, now), step.total_seconds())
        words = "; ".join(result.warnings)
        if not result.series:
            if not one_series:
                return "warning", f"no series in a day {words}".strip(), "no change happened, or the query is wrong"
            hint = f"correct the query, or what exports it: {query}"
            return "failed", f"no series in the day before {now:%Y-%m-%d %H:%M}. {words}".strip(), hint
        if one_series and len(result.series) > 1:
            return "failed", f"{len(result.series)} series where one is expected", f"aggregate it, as in sum({query})"
        values = result.series[0].values
        there = np.isfinite(values)
        detail = f"{there.sum()} of {len(values)} points in a day" + (
            f", newest {values[there][-1]:.4g}" if there.any() else ""
        )
        if words or there.mean() < 0.8:
            return "warning", f"{detail} {words}".strip(), f"gaps are unmeasured: see what exports it: {query}"
        return "ok", detail, ""

    def champion(self) -> Finding:
        version = self._version()
        if version.inputs is None:
            hint = "log the model with a signature: mlflow.models.infer_signature(inputs, scores)"
            return "failed", f"version {version.version} has no signature with feature names", hint
        return "ok", f"version {version.version}, {len(version.inputs)} features", ""

    def serving_log(self) -> Finding:
        model, info = self._model, self._info(self._model.serving_log.dataset)
        dataset = self._catalog.dataset(info.name)
        for column, at in (
            (model.serving_log.prediction, f"models.{model.name}.serving_log.prediction"),
            (model.serving_log.version, f"models.{model.name}.serving_log.version"),
            (dataset.key, f"datasets.{dataset.name}.key"),
        ):
            if column is not None and column not in info.columns:
                return "failed", f"no column '{column}'", near(column, info.columns, listing=f"correct {at}")
        if info.last is not None and self._ports.clock.now() - info.last > _FRESH:
            hint = "check that the log arrives; fine for a recorded world"
            return "warning", f"its newest row is of {info.last:%Y-%m-%d %H:%M} UTC", hint
        if model.serving_log.version is None:
            hint = f"log the version that answered, and name its column in models.{model.name}.serving_log.version"
            return "warning", "no column with the model's version: deploys are told from the registry alone", hint
        return "ok", "prediction, version and key are there", ""

    def signature(self, dataset: str) -> Finding:
        inputs, columns = self._version().inputs, self._info(dataset).columns
        if inputs is None:
            return "skipped", "the champion has no signature", ""
        missing = [name for name in inputs if name not in columns]
        if missing:
            hint = near(missing[0], columns, listing=f"write them to dataset '{dataset}'")
            return "failed", f"{len(missing)} of {len(inputs)} features are not in '{dataset}': {_few(missing)}", hint
        wrong = [name for name, type_ in inputs.items() if (type_ == "string") != columns[name].startswith(_TEXT)]
        if wrong:
            detail = f"text in one, numbers in the other: {_few(wrong)}"
            return "warning", detail, f"'{wrong[0]}' is {inputs[wrong[0]]} in the signature, {columns[wrong[0]]} here"
        return "ok", f"all {len(inputs)} features of the signature are in '{dataset}'", ""

    def features(self) -> Finding:
        model = self._model
        known = {*(self._version().inputs or ()), *self._info(model.serving_log.dataset).columns}
        for name in (*model.features, *model.leave_out):
            if name not in known:
                return "warning", f"no feature or column '{name}'", near(name, known, listing="correct the catalogue")
        return "ok", f"{len(model.features)} described, {len(model.leave_out)} left out", ""

    def labels(self) -> Finding:
        labels = self._model.labels
        if labels is None:
            hint = f"add labels to models.{self._model.name}: without them concept drift can't be measured"
            return "skipped", "the catalogue names no labels", hint
        columns = self._info(labels.dataset).columns
        if labels.column not in columns:
            hint = near(labels.column, columns, listing=f"correct models.{self._model.name}.labels.column")
            return "failed", f"no column '{labels.column}'", hint
        return self.joined(labels.dataset)

    def joined(self, dataset: str) -> Finding:
        """Whether the keys of served rows, old enough to have labels, are among those of ``dataset``."""
        log = self._catalog.dataset(self._model.serving_log.dataset)
        other = self._catalog.dataset(dataset)
        if other.name == log.name:
            return "ok", "in the serving log itself", ""
        delay = self._model.labels.delay if self._model.labels else timedelta()
        end = self._now() - delay
        served = _keys(self._ports.windows, log.name, Window(end - _DAY / 4, end), str(log.key), _KEYS_TO_JOIN)
        found = _keys(self._ports.windows, dataset, Window(end - _DAY, self._now() + _DAY), str(other.key), None)
        share = len(served & found) / len(served) if served else 0.0
        detail = f"{share:.0%} of {len(served):,} served rows have a match in '{dataset}'"
        hint = f"'{log.key}' of '{log.name}' and '{other.key}' of '{dataset}' must hold the same values of one type"
        if not share:
            return "failed", detail, hint
        return ("warning", detail, f"labels may come later than labels.delay; else {hint}") if share < 0.5 else (
            "ok", detail, ""
        )  # fmt: skip

    def scoring(self) -> Finding:
        """Whether the champion loads, and scores served rows as they were served."""
        version = self._version()
        log = self._model.serving_log
        names = list(version.inputs or ())
        if not names:
            return "skipped", "the champion has no signature", ""
        wanted = list(dict.fromkeys([*names, log.prediction, *([log.version] if log.version else [])]))
        now = self._now()
        rows = pd.DataFrame()
        for batch in self._ports.windows.scan(log.dataset, Window(now - _DAY, now + _SECOND), wanted).batches():
            rows = pd.concat([rows, batch.to_pandas()]).head(_ROWS_TO_SCORE)
            if len(rows) == _ROWS_TO_SCORE:
                break
        scores = self._ports.registry.predictor(version).predict(rows)
        if not np.isfinite(scores).all():
            return "failed", "scores are not finite", "compare the log's columns with what the model was trained on"
        if log.version is not None:
            own = served_by(rows[log.version]) == version.version
            rows, scores = rows[own], scores[own]
        if not len(rows):
            return "warning", "loads; no row of the newest batch was served by it", "was it just deployed?"
        apart = float(np.max(np.abs(scores - rows[log.prediction].to_numpy(dtype=float))))
        if apart > 1e-3 * max(1.0, float(np.max(np.abs(scores)))):
            hint = "the log's rows are not what the model was asked, or another model answered"
            return "warning", f"scores differ from those served by up to {apart:.3g}", hint
        return "ok", f"{len(rows)} rows score as they were served (within {apart:.1g})", ""

    def router(self) -> Finding:
        """Whether the router serves what is committed, and that is what the alias names."""
        if self._ports.router is None:
            return "skipped", "no router here", ""
        name = self._model.registered_model
        said = self._ports.router.check(name)
        alias, committed = self._version().version, self._ports.router.current(name).champion
        if alias != committed:
            detail = f"{said}; alias '{self._model.alias}' names version {alias}"
            return "warning", detail, "find out who moved it: what is served follows the rollout spec"
        return "ok", said, ""

    def _version(self) -> ModelVersion:
        return self._ports.registry.champion(self._model.registered_model, self._model.alias)

    def _info(self, dataset: str) -> DatasetInfo:
        return self._ports.windows.describe(dataset)

    def _now(self) -> datetime:
        now = self._ports.clock.now()
        try:
            last = self._info(self._model.serving_log.dataset).last
        except TriageError:
            return now
        return min(now, last) if last is not None else now


def _keys(windows: Windows, dataset: str, window: Window, key: str, most: int | None) -> set[object]:
    found: set[object] = set()
    for batch in windows.scan(dataset, window, [key]).batches():
        found.update(batch.column(0).to_pylist())
        if most is not None and len(found) >= most:
            return set(list(found)[:most])
    return found


def _few(names: list[str]) -> str:
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
