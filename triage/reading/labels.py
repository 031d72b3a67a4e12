"""The labels of sampled rows, joined by key, as far as they have arrived."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from triage.errors import EmptyWindow
from triage.incident import Source, Window
from triage.reading.windows import WindowRead
from triage.step import Context, unmeasured

LEAST_PATIENCE = timedelta(days=2)


def labels(ctx: Context, read: WindowRead) -> tuple[np.ndarray, Source]:
    """The label of each row of ``read.rows``, float64 of shape (n,), NaN where none has arrived; and their source.

    Raises Unmeasurable when the catalogue names no labels, or rows can't be joined to them.
    """
    return ctx.scope.once(("labels", read.window), lambda: _read(ctx, read))


def _read(ctx: Context, read: WindowRead) -> tuple[np.ndarray, Source]:
    named = ctx.model.labels
    if named is None:
        unmeasured("the catalogue names no labels", hint=f"add labels to models.{ctx.model.name} in triage.yaml")
    served, labelled = ctx.catalog.dataset(ctx.model.serving_log.dataset), ctx.catalog.dataset(named.dataset)
    if served.key is None or labelled.key is None or served.key not in read.rows:
        unmeasured("labels can't be joined to served rows", hint="name the key column of both datasets in triage.yaml")
    assert read.window is not None
    patience = max(2 * named.delay, LEAST_PATIENCE)
    arrived = Window(read.window.start, read.window.end + patience)
    try:
        scan = ctx.ports.windows.scan(labelled.name, arrived, [labelled.key, named.column])
    except EmptyWindow:
        return np.full(len(read.rows), np.nan), Source(
            "dataset", labelled.name, labelled.version, window=arrived, rows=0
        )
    wanted = pa.array(read.rows[served.key])
    parts = [batch.filter(pc.is_in(batch.column(0), value_set=wanted)) for batch in scan.batches()]
    if not any(part.num_rows for part in parts):
        return np.full(len(read.rows), np.nan), scan.source
    found = pa.Table.from_batches(parts).to_pandas().drop_duplicates(labelled.key, keep="last")
    values = pd.to_numeric(found[named.column], errors="coerce").astype(float)
    by_key = pd.Series(values.to_numpy(), index=found[labelled.key])
    return by_key.reindex(read.rows[served.key]).to_numpy(dtype=float), scan.source
