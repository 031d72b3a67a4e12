"""Rows that champion and challenger both answered, paired by key, with the labels that have arrived."""

import numpy as np
import pandas as pd
import pyarrow as pa

from triage.drift.codes import as_floats
from triage.errors import EmptyWindow
from triage.incident import Source, Window
from triage.reading.analysis import FEWEST_BLOCKS
from triage.reading.labels import join_labels
from triage.reading.release import Versions, policy
from triage.reading.served_by import served_by
from triage.step import Context, unmeasured
from triage.trial.shadow import ShadowRows


def paired(ctx: Context, versions: Versions, window: Window) -> tuple[ShadowRows, tuple[Source, ...]]:
    """The requests of ``window`` that the champion answered, and what the challenger said to them (NaN: nothing).

    Raises Unmeasurable where the log names no
    version or no key, DataError.
    """
    log = ctx.catalog.dataset(ctx.model.serving_log.dataset)
    copies = ctx.catalog.dataset(policy(ctx).shadow.dataset or log.name)
    version, score = ctx.model.serving_log.version, ctx.model.serving_log.prediction
    if version is None or log.key is None or copies.key is None:
        unmeasured(
            "shadow answers can't be paired with the champion's",
            hint="name serving_log.version, and the key of the datasets, in triage.yaml",
        )
    served, source = _answers(ctx, log.name, window, [log.key, log.time, score, version], versions.champion)
    copied, other = _answers(ctx, copies.name, window, [copies.key, copies.time, score, version], versions.challenger)
    scores = copied.drop_duplicates(copies.key).set_index(copies.key)[score]
    served = served.drop_duplicates(log.key).sort_values(log.time, kind="stable")
    challenger = scores.reindex(served[log.key]).to_numpy(dtype=float, na_value=np.nan)
    truth = None
    if ctx.model.labels is not None and len(served):
        truth = join_labels(ctx, served, window).values
    stretch = min(3600.0, window.length.total_seconds() / FEWEST_BLOCKS)
    rows = ShadowRows(
        champion=served[score].to_numpy(dtype=float, na_value=np.nan),
        challenger=challenger,
        truth=truth,
        cluster=(as_floats(served[log.time]) // stretch).astype("int64"),
    )
    return rows, (source, other)


def _answers(
    ctx: Context, dataset: str, window: Window, columns: list[str], version: str
) -> tuple[pd.DataFrame, Source]:
    try:
        scan = ctx.ports.windows.scan(dataset, window, columns)
    except EmptyWindow:
        info = ctx.ports.windows.describe(dataset)
        return _nothing(ctx, dataset, columns), Source("dataset", dataset, info.version, window=window, rows=0)
    batches = list(scan.batches())
    rows = pa.Table.from_batches(batches).to_pandas() if batches else _nothing(ctx, dataset, columns)
    return rows[served_by(rows[columns[3]]) == version], scan.source


def _nothing(ctx: Context, dataset: str, columns: list[str]) -> pd.DataFrame:
    empty = {name: pd.Series(dtype=float) for name in columns}
    time = ctx.catalog.dataset(dataset).time
    return pd.DataFrame({**empty, time: pd.Series(dtype="datetime64[us, UTC]")})
