"""Exact KS and PSI of named features, from all values of both windows: on request, for it reads them once more."""

from collections.abc import Sequence

import pyarrow as pa

from triage.drift.shift.exact import ExactTests, exact_test
from triage.incident import Window
from triage.reading import windows
from triage.reading.ahead import ahead
from triage.step import Context


def exact(ctx: Context, names: Sequence[str]) -> dict[str, ExactTests]:
    """The incident window against the healthy span, for those of ``names`` that the serving log has."""
    log = ctx.model.serving_log.dataset
    there = [name for name in names if name in ctx.ports.windows.describe(log).columns]
    span = windows.healthy_windows(ctx)

    def both(name: str) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
        return _column(ctx, name, span), _column(ctx, name, (ctx.incident.window,))

    return {name: exact_test(name, *pair) for name, pair in zip(there, ahead(map(both, there)), strict=True)}


def _column(ctx: Context, name: str, span: Sequence[Window]) -> pa.ChunkedArray:
    log = ctx.model.serving_log.dataset
    scans = (ctx.ports.windows.scan(log, window, [name]) for window in span)
    return pa.chunked_array([batch.column(name) for scan in scans for batch in scan.batches()])
