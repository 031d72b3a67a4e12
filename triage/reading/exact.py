"""Exact KS and PSI of named features, from all values of both windows: on request, for it reads them once more."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa

from triage.drift.shift.exact import ExactTests, exact_test
from triage.incident import Window
from triage.reading import windows
from triage.step import Context

THREADS = 2
"""Whole columns are counted in long calls, in which threads do not wait for each other; each holds one pair."""


def exact(ctx: Context, names: Sequence[str]) -> dict[str, ExactTests]:
    """The incident window against the healthy span, for those of ``names`` that the serving log has."""
    logged = windows.logged_columns(ctx)
    there = [name for name in names if name in logged]
    span = windows.healthy_windows(ctx)

    def test(name: str) -> ExactTests:
        return exact_test(name, _column(ctx, name, span), _column(ctx, name, (ctx.incident.window,)))

    with ThreadPoolExecutor(THREADS, thread_name_prefix="exact") as pool:
        return dict(zip(there, pool.map(test, there), strict=True))


def _column(ctx: Context, name: str, span: Sequence[Window]) -> pa.ChunkedArray:
    log = ctx.model.serving_log.dataset
    scans = (ctx.ports.windows.scan(log, window, [name]) for window in span)
    return pa.chunked_array([batch.column(name) for scan in scans for batch in scan.batches()])
