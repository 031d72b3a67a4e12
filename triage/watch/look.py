"""One look at one model: what could be measured of its newest window, and what could not, with the reason.

Only the fresh window is read, column by column, against the profile of the training baseline that is kept with the
champion's version.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from triage.catalog import Catalog, Task
from triage.drift.codes import as_floats
from triage.drift.quality.skew import row_parity
from triage.drift.shift.distance import distances
from triage.errors import EmptyWindow, TriageError
from triage.incident import Alert, Incident, Unmeasured, Window
from triage.prevention import families
from triage.prevention.families import Family
from triage.reading import windows
from triage.reading.features import features
from triage.reading.labels import join_labels
from triage.reading.reference import recomputed
from triage.reading.sample import EvenSample
from triage.reading.windows import WindowRead
from triage.scope import Scope
from triage.step import Context, Ports, seeded, unmeasured
from triage.trial.metrics import BINARY, REGRESSION

SAMPLED_ROWS = 20_000
PARITY_ROWS = 5_000
FEWEST_LABELS = 100
_DECISION = 0.5


@dataclass(frozen=True, slots=True)
class Sample:
    """One figure: ``labels`` are the values of the family's labels, in their order."""

    family: Family
    labels: tuple[str, ...]
    value: float


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found. ``read`` says whether the serving log could be read at all."""

    model: str
    window: Window
    samples: tuple[Sample, ...]
    unmeasured: tuple[Unmeasured, ...]

    @property
    def read(self) -> bool:
        return any(sample.family is families.ROWS for sample in self.samples)

    def value(self, family: Family, *labels: str) -> float | None:
        """The figure of ``family`` for this model and ``labels``, or None where it was not measured."""
        wanted = (self.model, *labels)
        return next((one.value for one in self.samples if one.family is family and one.labels == wanted), None)


def look(catalog: Catalog, ports: Ports, model: str, now: datetime, progress: Callable[[str], None]) -> Look:
    """Measure the window of ``model`` that ends at ``now``. Raises NotFound for an unknown model, nothing else."""
    ctx = watching(catalog, ports, model, now, progress)
    found = _Found(model)
    read: list[WindowRead] = []
    found.take("the window's rows and features", lambda: _window(ctx, found, read))
    found.take("the serving log's newest row", lambda: _newest(ctx, families.LOG_NEWEST, ctx.model.serving_log.dataset))
    for served in read:
        found.take("predictions", lambda served=served: _predictions(ctx, served))  # type: ignore[misc]
        if ctx.model.reference is not None:
            found.take("parity", lambda served=served: _parity(ctx, served))  # type: ignore[misc]
    if ctx.model.labels is not None:
        labels = ctx.model.labels.dataset
        found.take("the newest label", lambda: _newest(ctx, families.LABEL_NEWEST, labels))
        found.take("labels", lambda: _labels(ctx, found))
    return Look(model, ctx.incident.window, tuple(found.samples), tuple(found.lost))


def watching(
    catalog: Catalog, ports: Ports, model: str, now: datetime, progress: Callable[[str], None] = lambda line: None
) -> Context:
    """A context over the newest window of ``model``, as steps have one over an incident's."""
    described = catalog.model(model)
    window = Window(now - described.watch_window, now)
    alert = Alert("watch", model, now, origin="triage watch")
    nothing = Incident(f"{model}-watch", model, alert, window, "", "", "", now, now)
    return Context(
        incident=nothing,
        step="watch",
        params=None,
        key=nothing.id,
        catalog=catalog,
        model=described,
        ports=ports,
        scope=Scope(),
        rng=seeded("watch"),
        progress=progress,
    )


_Figure = tuple[Family, tuple[str, ...], float | None]


class _Found:
    """Collects samples; what raises leaves its reason instead, and no sample of it."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.samples: list[Sample] = []
        self.lost: list[Unmeasured] = []

    def take(self, what: str, measure: Callable[[], Iterator[_Figure]]) -> None:
        try:
            for family, labels, value in measure():
                if value is not None and np.isfinite(value):
                    self.samples.append(Sample(family, (self.model, *labels), float(value)))
        except TriageError as error:
            self.lose(what, error.message, error.hint)
        except Exception as error:  # one part that fails must not silence the others
            self.lose(what, f"{type(error).__name__}: {error}", "please report it")

    def lose(self, what: str, reason: str, hint: str = "") -> None:
        self.lost.append(Unmeasured(what, reason, hint))


def _window(ctx: Context, found: _Found, read: list[WindowRead]) -> Iterator[_Figure]:
    fault = windows.baseline_fault(ctx)
    if fault is not None:
        raise fault
    window = ctx.incident.window
    served = windows.read_window(ctx, window, SAMPLED_ROWS)
    yield families.ROWS, (), float(served.total) if served else 0.0
    yield families.WINDOW_END, (), window.end.timestamp()
    if served is None:
        found.lose("features", f"no rows were served from {window}", "check that the serving log arrives")
        return
    read.append(served)
    baseline, _ = windows.baseline(ctx)
    policy, lost, left = ctx.model.watch, 0, 0
    for place, one in enumerate(distances(baseline, served.profile, policy.min_rows)):
        if place >= policy.max_features:
            left += 1
            continue
        if one.reason:
            lost += 1
            found.lose(f"feature {one.feature}", one.reason, "")
        yield families.PSI, (one.feature,), one.psi
        yield families.PSI_CHANCE, (one.feature,), one.psi_chance
        yield families.KS, (one.feature,), one.ks
        yield families.NULLS, (one.feature,), one.null_share
        yield families.UNSEEN, (one.feature,), one.unseen_share
    yield families.FEATURES, (), float(len(baseline.features) - lost - left)
    yield families.FEATURES_LOST, (), float(lost)
    yield families.FEATURES_LEFT, (), float(left)


def _newest(ctx: Context, family: Family, dataset: str) -> Iterator[_Figure]:
    last = ctx.ports.windows.describe(dataset).last
    if last is None:
        unmeasured(f"dataset '{dataset}' holds no row with a time", hint=f"check datasets.{dataset} in triage.yaml")
    yield family, (), last.timestamp()


def _predictions(ctx: Context, served: WindowRead) -> Iterator[_Figure]:
    column = ctx.model.serving_log.prediction
    if column not in served.rows:
        unmeasured(
            f"the serving log has no column '{column}'", hint=f"correct models.{ctx.model.name}.serving_log.prediction"
        )
    said = as_floats(served.rows[column])
    answered = np.isfinite(said)
    yield families.PREDICTION_NULLS, (), float(1 - answered.mean())
    if answered.any():
        yield families.PREDICTION, (), float(said[answered].mean())


def _parity(ctx: Context, served: WindowRead) -> Iterator[_Figure]:
    log = ctx.catalog.dataset(ctx.model.serving_log.dataset)
    rows = served.rows.tail(PARITY_ROWS)
    reference, _ = recomputed(ctx, rows, ctx.incident.window)
    assert log.key is not None  # `recomputed` has said so already
    names = features(ctx).names[: ctx.model.watch.max_features]
    found = row_parity(rows, reference, names, ctx.rng, on=[log.key])
    for one in found.features:
        yield families.PARITY, (one.feature,), one.equal


def _labels(ctx: Context, found: _Found) -> Iterator[_Figure]:
    """Of the newest window whose labels are all due: it ends a label's delay before now."""
    described, log = ctx.model.labels, ctx.catalog.dataset(ctx.model.serving_log.dataset)
    assert described is not None
    now = ctx.incident.window
    window = Window(now.start - described.delay, now.end - described.delay)
    rows = _due(ctx, window)
    labelled = join_labels(ctx, rows, window)
    by_now = labelled.arrived <= now.end.timestamp()
    values = np.where(by_now, labelled.values, np.nan)
    known = np.isfinite(values)
    yield families.LABEL_COVERAGE, (), float(known.mean())
    yield families.LABEL_ROWS, (), float(known.sum())
    if known.any():
        waited = (labelled.arrived - as_floats(rows[log.time]))[known]
        yield families.LABEL_DELAY, (), float(np.median(waited))
    said = as_floats(rows[ctx.model.serving_log.prediction]) if ctx.model.serving_log.prediction in rows else None
    judged = known & np.isfinite(said) if said is not None else np.zeros(len(rows), bool)
    if said is None or judged.sum() < FEWEST_LABELS:
        found.lose("the model's metric", f"{judged.sum()} rows have both answer and label, of {FEWEST_LABELS} needed")
        return
    for metric in BINARY if ctx.model.task is Task.CLASSIFICATION else REGRESSION:
        mean = metric.values(values[judged], said[judged], _DECISION).mean()
        yield families.METRIC, (metric.name,), float(metric.finish(mean))


def _due(ctx: Context, window: Window) -> pd.DataFrame:
    log, model = ctx.catalog.dataset(ctx.model.serving_log.dataset), ctx.model
    if log.key is None:
        unmeasured("labels can't be joined to served rows", hint="name the key column of both datasets in triage.yaml")
    there = ctx.ports.windows.describe(log.name).columns
    columns = [name for name in dict.fromkeys((log.key, log.time, model.serving_log.prediction)) if name in there]
    sample = EvenSample(SAMPLED_ROWS, seeded(f"labels due in {window}"))
    try:
        for batch in ctx.ports.windows.scan(log.name, window, columns).batches():
            sample.add(batch)
    except EmptyWindow:
        pass
    if not sample.seen:
        unmeasured(f"no rows were served from {window}, whose labels are due now", hint="nothing to wait for yet")
    return sample.table().to_pandas()
