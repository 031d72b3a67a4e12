"""The labels of sampled rows, joined by key, as far as they have arrived."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd

from triage.drift.codes import as_floats
from triage.errors import EmptyWindow
from triage.incident import Source, Window
from triage.reading.keys import keyed
from triage.reading.windows import WindowRead
from triage.step import Context, unmeasured

LEAST_PATIENCE = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Labelled:
    """Beside the rows of a window, shape (n,): ``values`` (NaN: none has arrived) and ``arrived`` in Unix seconds."""

    values: np.ndarray
    arrived: np.ndarray
    source: Source

    @property
    def known(self) -> int:
        return int(np.isfinite(self.values).sum())


def labels(ctx: Context, read: WindowRead) -> Labelled:
    """The labels of ``read.rows``. Raises Unmeasurable when there are none by name, or rows can't be joined to them."""
    assert read.window is not None
    window = read.window
    return ctx.scope.once(("labels", window), lambda: join_labels(ctx, read.rows, window))


def join_labels(ctx: Context, rows: pd.DataFrame, window: Window) -> Labelled:
    """The labels of ``rows``, which were served in ``window``. Raises Unmeasurable as `labels` does."""
    named = ctx.model.labels
    if named is None:
        unmeasured("the catalogue names no labels", hint=f"add labels to models.{ctx.model.name} in triage.yaml")
    served, labelled = ctx.catalog.dataset(ctx.model.serving_log.dataset), ctx.catalog.dataset(named.dataset)
    if served.key is None or labelled.key is None or served.key not in rows:
        unmeasured("labels can't be joined to served rows", hint="name the key column of both datasets in triage.yaml")
    arrival = Window(window.start, window.end + max(2 * named.delay, LEAST_PATIENCE))
    nothing = np.full(len(rows), np.nan)
    try:
        scan = ctx.ports.windows.scan(labelled.name, arrival, [labelled.key, named.column, labelled.time])
    except EmptyWindow:
        return Labelled(nothing, nothing, Source("dataset", labelled.name, labelled.version, window=arrival, rows=0))
    arrived = keyed(scan.batches(), rows[served.key], labelled.name)
    if not arrived.num_rows:
        return Labelled(nothing, nothing, scan.source)
    found = arrived.to_pandas().drop_duplicates(labelled.key, keep="last").set_index(labelled.key)
    found = found.reindex(rows[served.key])
    values = pd.to_numeric(found[named.column], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    return Labelled(values, as_floats(found[labelled.time]), scan.source)
